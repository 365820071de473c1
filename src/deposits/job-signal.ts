/**
 * "There is work": from whoever made jobs to the workers of every process, by LISTEN/NOTIFY.
 *
 * A signal is only a hint that saves waiting for the next poll. It is sent after the commit and at
 * most once in `announceEvery`: a NOTIFY inside of the committing transaction would make all
 * commits of the server queue behind one lock.
 */
import { PgClient } from "@effect/sql-pg"
import { Context, Deferred, Duration, Effect, Latch, Layer, Queue, Schedule } from "effect"

export class JobSignal extends Context.Service<
  JobSignal,
  {
    /** Tells all workers, soon. */
    readonly announce: Effect.Effect<void>
    /**
     * The next signal, as an effect that waits for it. Taken before one looks for work, it also
     * ends at once if the signal came while one looked.
     */
    readonly next: Effect.Effect<Effect.Effect<void>>
    /** Wakes the workers of this process alone. */
    readonly wake: Effect.Effect<void>
  }
>()("surehook/deposits/JobSignal") {
  static readonly layer = Layer.effect(
    JobSignal,
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const announced = Latch.makeUnsafe(false)
      let upcoming = Deferred.makeUnsafe<void>()

      const wake = Effect.sync(() => {
        const reached = upcoming
        upcoming = Deferred.makeUnsafe()
        Deferred.doneUnsafe(reached, Effect.void)
      })

      yield* Latch.whenOpen(announced, Latch.close(announced)).pipe(
        // Lost if the database is away, and then the poll finds the jobs.
        Effect.andThen(Effect.ignoreCause(sql.notify(channel, ""))),
        Effect.andThen(Effect.sleep(announceEvery)),
        Effect.forever,
        Effect.forkScoped
      )

      const listen = Effect.scoped(
        Effect.gen(function* () {
          const notifications = yield* sql.listen(channel)
          // What was announced while nobody listened is still there to be found.
          yield* wake
          return yield* Queue.takeAll(notifications).pipe(Effect.andThen(wake), Effect.forever)
        })
      )
      yield* listen.pipe(
        Effect.sandbox,
        Effect.tapError((cause) =>
          Effect.logDebug("listening for new deposits is interrupted", cause)
        ),
        Effect.retry(Schedule.spaced(listenAgainAfter)),
        Effect.forkScoped
      )

      return JobSignal.of({
        announce: Effect.asVoid(Latch.open(announced)),
        next: Effect.sync(() => Deferred.await(upcoming)),
        wake
      })
    })
  )

  /** For a command, which only tells, and at once: it may end before anything is sent later. */
  static readonly layerTelling = Layer.effect(
    JobSignal,
    Effect.map(PgClient.PgClient, (sql) =>
      JobSignal.of({
        announce: Effect.ignoreCause(sql.notify(channel, "")),
        next: Effect.succeed(Effect.never),
        wake: Effect.void
      })
    )
  )
}

const channel = "surehook_jobs"
const announceEvery = Duration.millis(20)
const listenAgainAfter = Duration.seconds(1)
