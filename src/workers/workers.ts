/**
 * The workers of this process under one supervisor.
 *
 * A worker that dies is restarted, and its death is logged. When the scope closes they stop
 * claiming and finish what they hold; what takes longer than `drainTimeout` is released.
 * The sweeper takes back the leases of workers that were lost with their process.
 */
import { randomBytes } from "node:crypto"
import { hostname } from "node:os"
import process from "node:process"
import { Duration, Effect, Fiber, Layer, Schedule } from "effect"
import { Settings } from "../config/settings.ts"
import { Deposits } from "../deposits/deposits.ts"
import { JobSignal } from "../deposits/job-signal.ts"
import { annotateJob } from "../settlement/job-log.ts"
import { makeDueTimes } from "./due-times.ts"
import { runWorker } from "./worker.ts"

/** Together less than the 30 s that orchestrators give a process between SIGTERM and SIGKILL. */
const drainTimeout = Duration.seconds(20)
const releaseTimeout = Duration.seconds(5)
const restartPause = Duration.seconds(1)
const sweepsPerLease = 2
const sweepBatchSize = 500

const run = Effect.gen(function* () {
  const { worker } = yield* Settings
  const signal = yield* JobSignal
  const dueTimes = makeDueTimes()
  let stopping = false

  // A process id alone comes back: in a container it is 1 after every start.
  const processName = `${hostname()}-${process.pid}-${randomBytes(3).toString("hex")}`

  const supervised = (name: string) =>
    runWorker({
      name,
      batchSize: worker.batchSize,
      pollInterval: worker.pollInterval,
      lease: worker.lease,
      dueTimes,
      isStopping: () => stopping
    }).pipe(
      Effect.tapCause((cause) =>
        Effect.logError(`worker ${name} died and is started again`, cause)
      ),
      Effect.sandbox,
      Effect.retry(Schedule.spaced(restartPause)),
      Effect.annotateLogs({ worker: name })
    )

  const fibers = yield* Effect.forEach(Array.from({ length: worker.count }), (_, index) =>
    Effect.forkDetach(supervised(`${processName}/${index + 1}`))
  )
  yield* Effect.addFinalizer(() =>
    Effect.gen(function* () {
      stopping = true
      yield* signal.wake
      const drained = yield* within(drainTimeout, Fiber.awaitAll(fibers))
      if (drained) return
      yield* Effect.logWarning("workers are still at it: what they hold is released")
      yield* within(releaseTimeout, Fiber.interruptAll(fibers))
    })
  )

  const sweep = sweepLeases(`sweeper:${processName}`).pipe(
    // A bug too: who sweeps no more leaves the deposits of lost workers lying for ever.
    Effect.catchCause((cause) =>
      Effect.logWarning("expired leases could not be taken back, trying again", cause)
    ),
    Effect.andThen(Effect.sleep(Duration.times(worker.lease, 1 / sweepsPerLease))),
    Effect.forever
  )
  yield* Effect.forkScoped(sweep)
})

/** Whether it ended in time. The effect goes on in the background if not. */
const within = (limit: Duration.Duration, effect: Effect.Effect<unknown>) =>
  Effect.forkDetach(effect).pipe(
    Effect.flatMap((fiber) =>
      Effect.raceFirst(Effect.as(Fiber.await(fiber), true), Effect.as(Effect.sleep(limit), false))
    ),
    // In a finalizer nothing can be interrupted, and the loser of this race must be.
    Effect.interruptible
  )

/** Takes back all leases that are over now. */
const sweepLeases = Effect.fnUntraced(function* (actor: string) {
  const deposits = yield* Deposits
  const signal = yield* JobSignal
  while (true) {
    const taken = yield* deposits.expireLeases({ actor, limit: sweepBatchSize })
    yield* Effect.forEach(
      taken,
      (job) =>
        Effect.logWarning(
          `the worker that held it was lost, and the attempt is spent: ${job.state.status}`
        ).pipe(annotateJob(job)),
      { discard: true }
    )
    if (taken.length > 0) yield* signal.announce
    if (taken.length < sweepBatchSize) return
  }
})

/** Runs nothing where the settings say so: another process has the workers then. */
export const workersLayer = Layer.effectDiscard(
  Effect.gen(function* () {
    const { worker } = yield* Settings
    if (worker.enabled) yield* run
  })
)
