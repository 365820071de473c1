/** The workers of this process behind one door: to start, to stop, and to ask how they are. */
import { Context, Duration, Effect, Layer, Semaphore } from "effect"
import { Settings } from "../config/settings.ts"
import { startWorkerSet, type WorkerSet, type WorkersHealth } from "./worker-set.ts"

const make = Effect.gen(function* () {
  const { worker } = yield* Settings
  // What they work with is there as long as this service is, whoever starts them.
  const context = yield* Effect.context<Effect.Services<ReturnType<typeof startWorkerSet>>>()
  const oneAtATime = yield* Semaphore.make(1)
  let current: WorkerSet | undefined

  const start = Effect.gen(function* () {
    if (current !== undefined && !current.isStopping()) return
    current = yield* Effect.provide(startWorkerSet(worker), context)
  }).pipe(Effect.uninterruptible, oneAtATime.withPermit)

  const shutdown = (timeout: Duration.Duration) =>
    // If they are just being started, then all of them are.
    oneAtATime.withPermit(Effect.sync(() => current)).pipe(
      Effect.flatMap((set) => set?.stop(timeout) ?? Effect.succeed(true)),
      Effect.provide(context)
    )

  // For who did not shut them down: nobody could do it later.
  yield* Effect.addFinalizer(() => shutdown(Duration.zero))

  return Workers.of({
    start,
    shutdown,
    isRunning: Effect.sync(() => current?.isRunning() ?? false),
    health: Effect.sync(
      () => current?.health() ?? { expected: worker.count, alive: 0, restarts: 0 }
    )
  })
})

export class Workers extends Context.Service<
  Workers,
  {
    /** Runs as many as the settings say, once; after a shutdown it runs new ones. */
    readonly start: Effect.Effect<void>
    /**
     * They claim nothing more and finish what they hold. What takes longer than the timeout is
     * released at no attempt's cost, for which there are five seconds more. Whether all was finished.
     */
    readonly shutdown: (timeout: Duration.Duration) => Effect.Effect<boolean>
    readonly isRunning: Effect.Effect<boolean>
    readonly health: Effect.Effect<WorkersHealth>
  }
>()("surehook/workers/Workers") {
  /** Starts nothing by itself. */
  static readonly layer = Layer.effect(
    Workers,
    Effect.suspend(() => make)
  )
}
