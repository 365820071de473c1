/** Takes back the leases of workers that were lost with their process, again and again. */
import { Duration, Effect } from "effect"
import { Deposits } from "../deposits/deposits.ts"
import { JobSignal } from "../deposits/job-signal.ts"
import { annotateJob } from "../settlement/job-log.ts"

const sweepsPerLease = 2
const sweepBatchSize = 500

/** Runs until it is interrupted. */
export const runSweeper = (processName: string, lease: Duration.Duration) =>
  sweepLeases(`sweeper:${processName}`).pipe(
    // A bug too: who sweeps no more leaves the deposits of lost workers lying for ever.
    Effect.catchCause((cause) =>
      Effect.logWarning("expired leases could not be taken back, trying again", cause)
    ),
    Effect.andThen(Effect.sleep(Duration.times(lease, 1 / sweepsPerLease))),
    Effect.forever
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
