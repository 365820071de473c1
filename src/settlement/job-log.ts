/** What the log says of a deposit: the same fields on every line, and one line for each outcome. */
import { Effect } from "effect"
import type { Job } from "../deposits/job.ts"
import type { Settled } from "./settlement.ts"

/** Annotates all that is logged by an effect with the deposit that it is about. */
export const annotateJob = ({ id, state: { context } }: Job) =>
  Effect.annotateLogs({
    job_id: id,
    tx_hash: context.tx_hash,
    chain: context.chain,
    attempt: context.attempt_count
  })

export const logSettled = ({ job, event }: Settled): Effect.Effect<void> =>
  lineOf({ job, event }).pipe(annotateJob(job))

const lineOf = ({ job, event }: Settled): Effect.Effect<void> => {
  switch (event.type) {
    case "deposit.credited":
      return Effect.logInfo(
        `credited ${event.amount} ${job.state.context.token} to ${job.state.context.to_address}`
      )
    case "deposit.already_credited":
      return Effect.logWarning(
        `not credited: deposit ${event.credited_by_job_id} credited this transfer before`
      )
    case "confirmation.awaited":
      return event.reason === undefined
        ? Effect.logDebug(
            `waits for confirmations: ${event.confirmations_seen} of ${event.confirmations_needed}`
          )
        : Effect.logWarning(`waits: ${event.reason}`)
    case "attempt.failed": {
      const line =
        job.state.status === "dlq"
          ? Effect.logError(`moved to the dead-letter queue: ${event.error}`)
          : Effect.logWarning(`attempt failed, next one at ${event.next_retry_at}: ${event.error}`)
      return line.pipe(Effect.annotateLogs({ error_type: event.error_type }))
    }
    default:
      return Effect.logDebug(event.type)
  }
}
