/**
 * One run of this process's workers, from their start to their end.
 *
 * A worker that dies is restarted, and its death is logged. Told to stop, they claim nothing more and
 * finish what they hold; what takes longer than they are given is released.
 */
import { Duration, Effect, Fiber, Schedule } from "effect"
import { newProcessName } from "../config/process-name.ts"
import type { Settings } from "../config/settings.ts"
import { JobSignal } from "../deposits/job-signal.ts"
import { makeDueTimes } from "./due-times.ts"
import { runSweeper } from "./sweeper.ts"
import { runWorker } from "./worker.ts"

export interface WorkersHealth {
  /** How many there should be. */
  readonly expected: number
  /** How many work, or wait for work: neither ended nor in the pause before they are started again. */
  readonly alive: number
  /** How often one was started again because it died. */
  readonly restarts: number
}

const restartPause = Duration.seconds(1)
/** After the time to finish: so long it may take to release what is held. */
const releaseTimeout = Duration.seconds(5)

/** Starts the workers and the sweeper of expired leases. They outlive the caller: see `stop`. */
export const startWorkerSet = Effect.fnUntraced(function* (worker: Settings["Service"]["worker"]) {
  const signal = yield* JobSignal
  const dueTimes = makeDueTimes()
  const alive = new Set<string>()
  let restarts = 0
  let isStopping = false
  let isReleased = false
  const processName = newProcessName()

  const counted = (name: string) => {
    let isRestart = false
    const run = runWorker({
      name,
      batchSize: worker.batchSize,
      pollInterval: worker.pollInterval,
      lease: worker.lease,
      dueTimes,
      isStopping: () => isStopping
    })
    return Effect.andThen(
      Effect.sync(() => {
        alive.add(name)
        if (isRestart) restarts += 1
        isRestart = true
      }),
      Effect.ensuring(
        run,
        Effect.sync(() => alive.delete(name))
      )
    )
  }

  const supervised = (name: string) =>
    counted(name).pipe(
      Effect.tapCause((cause) =>
        Effect.logError(`worker ${name} died and is started again`, cause)
      ),
      Effect.sandbox,
      Effect.retry(Schedule.spaced(restartPause)),
      Effect.annotateLogs({ worker: name })
    )

  const workers = yield* Effect.forEach(Array.from({ length: worker.count }), (_, index) =>
    Effect.forkDetach(supervised(`${processName}/${index + 1}`))
  )
  const sweeper = yield* Effect.forkDetach(runSweeper(processName, worker.lease))

  return {
    isStopping: () => isStopping,
    /** Whether any is left that works, or will be started again. */
    isRunning: () => !isStopping && workers.some((fiber) => fiber.pollUnsafe() === undefined),
    health: (): WorkersHealth => ({ expected: worker.count, alive: alive.size, restarts }),
    /**
     * Ends them within the timeout, or by releasing what they hold; says whether all was finished.
     * Called again with less patience, it hastens the end.
     */
    stop: (timeout: Duration.Duration): Effect.Effect<boolean> =>
      Effect.gen(function* () {
        isStopping = true
        yield* signal.wake
        const ended = Effect.andThen(Fiber.interrupt(sweeper), Fiber.awaitAll(workers))
        if (yield* within(timeout, ended)) return !isReleased
        isReleased = true
        yield* Effect.logWarning("workers are still at it: what they hold is released")
        yield* within(releaseTimeout, Fiber.interruptAll(workers))
        return false
      })
  }
})

export type WorkerSet = Effect.Success<ReturnType<typeof startWorkerSet>>

/** Whether it ended in time. The effect goes on in the background if not. */
const within = (limit: Duration.Duration, effect: Effect.Effect<unknown>) =>
  Effect.forkDetach(effect).pipe(
    Effect.flatMap((fiber) =>
      Effect.raceFirst(Effect.as(Fiber.await(fiber), true), Effect.as(Effect.sleep(limit), false))
    ),
    // In a finalizer nothing can be interrupted, and the loser of this race must be.
    Effect.interruptible
  )
