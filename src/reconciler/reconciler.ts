/**
 * Finds what got stuck, what never arrived and what a reorganisation took away, every now and then.
 *
 * Any number of instances do it at the same time: each takes by claims what the others have not. A pass
 * begins when the service starts, and again an interval after the last one ended.
 */
import { Clock, Context, Deferred, Duration, Effect, Fiber, Layer, Metric } from "effect"
import type { SqlError } from "effect/sql"
import type { BlockRange } from "../chains/scanner.ts"
import { newProcessName } from "../config/process-name.ts"
import { Settings } from "../config/settings.ts"
import { SurehookConfig } from "../config/surehook-config.ts"
import type { ChainName } from "../domain/chain.ts"
import { reconciliationFailed } from "../telemetry/metrics.ts"
import { makePass, missedOf } from "./pass.ts"
import type { PassReport, ScanReport } from "./pass-report.ts"

/** Nothing is gained by letting a pass of minutes come to its end. */
const maxStopTime = Duration.seconds(5)

export class Reconciler extends Context.Service<
  Reconciler,
  {
    /** Runs passes from now on. Does nothing if it runs. */
    readonly start: Effect.Effect<void>
    /** Lets the pass that is under way come to its end for so long, at most five seconds. Whether it did. */
    readonly shutdown: (timeout: Duration.Duration) => Effect.Effect<boolean>
    readonly isRunning: Effect.Effect<boolean>
    /** When a pass of this process ended the last time, in milliseconds since 1970. */
    readonly lastCompletedAt: Effect.Effect<number | null>
    /** One pass, now. `actor` is who the log names. */
    readonly pass: (actor: string) => Effect.Effect<PassReport, SqlError.SqlError>
    /** Reads these blocks of a watched chain, whether they were read before or not. Undefined if it is none. */
    readonly backfill: (
      chain: ChainName,
      range: BlockRange
    ) => Effect.Effect<ScanReport, SqlError.SqlError> | undefined
  }
>()("surehook/reconciler/Reconciler") {
  /** Starts nothing by itself. */
  static readonly layer = Layer.unwrap(
    Effect.sync(() => Reconciler.layerAs(`reconciler:${newProcessName()}`))
  )

  /** `actor` names this process: `reconciler:host-1`. */
  static readonly layerAs = (actor: string) =>
    Layer.effect(
      Reconciler,
      Effect.gen(function* () {
        const { reconciliation } = yield* Settings
        const { chains } = yield* SurehookConfig
        const { patience, run, scan, stopScans } = yield* makePass
        let lastCompletedAt: number | null = null
        let current: Running | undefined

        const pass = Effect.fnUntraced(function* (by: string, scanLimit: Duration.Duration) {
          const report = yield* run(by, scanLimit)
          lastCompletedAt = yield* Clock.currentTimeMillis
          yield* logReport(report)
          return report
        })

        const passes = (stopped: Deferred.Deferred<void>) =>
          Effect.gen(function* () {
            while (!Deferred.isDoneUnsafe(stopped)) {
              const report = yield* pass(actor, patience).pipe(
                Effect.catchCause((cause) =>
                  Effect.logWarning("a pass of the reconciler failed, trying again", cause).pipe(
                    Effect.andThen(Metric.update(reconciliationFailed, 1)),
                    Effect.as(undefined)
                  )
                )
              )
              // What is gone is looked at again soon: it is credited to somebody all that time.
              const isUrgent = report !== undefined && report.missing > 0
              const pause = isUrgent ? patience : reconciliation.interval
              yield* Effect.raceFirst(Deferred.await(stopped), Effect.sleep(pause))
            }
          })

        const start = Effect.gen(function* () {
          if (current !== undefined && current.fiber.pollUnsafe() === undefined) return
          const stopped = yield* Deferred.make<void>()
          current = { stopped, fiber: yield* Effect.forkDetach(passes(stopped)) }
        }).pipe(Effect.uninterruptible)

        /** A pass may be broken off anywhere: what it has written is whole, and what it held is due again. */
        const shutdown = (timeout: Duration.Duration) =>
          Effect.gen(function* () {
            const running = current
            if (running === undefined) return true
            yield* Deferred.succeed(running.stopped, undefined)
            const ended = yield* Fiber.await(running.fiber).pipe(
              Effect.timeoutOption(Duration.min(timeout, maxStopTime)),
              // A finalizer is uninterruptible, and a timeout works by interruption.
              Effect.interruptible
            )
            if (ended._tag === "None") yield* Fiber.interrupt(running.fiber)
            yield* stopScans
            return ended._tag === "Some"
          })

        // For who did not shut it down: nobody could do it later.
        yield* Effect.addFinalizer(() => shutdown(Duration.zero))

        return Reconciler.of({
          start,
          shutdown,
          isRunning: Effect.sync(
            () => current?.fiber.pollUnsafe() === undefined && current !== undefined
          ),
          lastCompletedAt: Effect.sync(() => lastCompletedAt),
          pass: (by) => pass(by, Duration.infinity),
          backfill: (name, range) => {
            const chain = chains.get(name)
            const scanner = scan.watched.get(name)
            return chain === undefined || scanner === undefined
              ? undefined
              : scan.backfill(chain, scanner, range)
          }
        })
      })
    )
}

interface Running {
  readonly stopped: Deferred.Deferred<void>
  readonly fiber: Fiber.Fiber<void>
}

/** Only what a person may want to know. */
const logReport = (report: PassReport): Effect.Effect<void> => {
  const { scans, ...counts } = report
  const missed = missedOf(scans)
  const told = Object.entries({ missed, ...counts }).filter(
    ([name, count]) => name !== "checked" && count > 0
  )
  const failedScans = scans.filter(({ error }) => error !== null)
  return Effect.forEach(
    failedScans,
    ({ chain, error }) => Effect.logWarning(`${chain} could not be scanned: ${error}`),
    { discard: true }
  ).pipe(
    Effect.andThen(
      told.length === 0
        ? Effect.logDebug("reconciled, and found nothing to do")
        : Effect.logInfo(
            `reconciled: ${told.map(([name, count]) => `${count} ${name}`).join(", ")}`
          )
    )
  )
}
