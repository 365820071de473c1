/**
 * One worker: claims a batch, works on it, and claims the next, until it is told to stop.
 *
 * With nothing to do it waits for whichever comes first: a signal that there are new jobs, the
 * moment at which a job that a worker of this process put off is due, or the next poll.
 */
import { Clock, Duration, Effect } from "effect"
import { Validator } from "../chains/validator.ts"
import { Deposits } from "../deposits/deposits.ts"
import { JobSignal } from "../deposits/job-signal.ts"
import { workOn } from "./batch.ts"
import type { DueTimes } from "./due-times.ts"

export interface WorkerOptions {
  /** Unique among all workers of all processes: it is the owner of leases. */
  readonly name: string
  readonly batchSize: number
  readonly pollInterval: Duration.Duration
  readonly lease: Duration.Duration
  readonly dueTimes: DueTimes
  readonly isStopping: () => boolean
}

/** Ends only when it is stopping. */
export const runWorker = Effect.fnUntraced(function* (options: WorkerOptions) {
  const deposits = yield* Deposits
  const validator = yield* Validator
  const signal = yield* JobSignal
  const { name, batchSize, pollInterval, lease, dueTimes, isStopping } = options

  const claim = Effect.gen(function* () {
    const chains = yield* validator.claimableChains
    if (chains.length === 0) return []
    return yield* deposits.claim({ worker: name, chains, limit: batchSize, lease })
  }).pipe(
    Effect.catch((error) =>
      Effect.as(Effect.logWarning(`no deposits could be claimed: ${error.message}`), [])
    )
  )

  /** What became due after we asked was not in the answer, however long that took. */
  const idle = (askedAt: number, signalled: Effect.Effect<void>) =>
    Effect.gen(function* () {
      const untilDue = dueTimes.next(askedAt) - (yield* Clock.currentTimeMillis)
      const pause = Math.max(0, Math.min(Duration.toMillis(pollInterval), untilDue))
      yield* Effect.raceFirst(signalled, Effect.sleep(pause))
    })

  /** Uninterruptible, so that what was claimed gets to `workOn`, which releases it if need be. */
  const claimAndWork = claim.pipe(
    Effect.tap((jobs) =>
      jobs.length === 0 ? Effect.void : workOn(jobs, { worker: name, lease, onDue: dueTimes.add })
    ),
    Effect.uninterruptible
  )

  while (!isStopping()) {
    const signalled = yield* signal.next
    const askedAt = yield* Clock.currentTimeMillis
    const jobs = yield* claimAndWork
    if (jobs.length === 0 && !isStopping()) yield* idle(askedAt, signalled)
  }
})
