/** The telling part of an event's data, in a few words. */
import { Result } from "effect"
import type { DepositEvent } from "../../../machines/deposit-events.ts"
import { eventFromRecord } from "../../deposits/recorded-event.ts"
import type { EventRecord } from "../../event-log/event-record.ts"
import { printable, timeText } from "./job-text.ts"

/** An event that this version cannot read is shown as it stands in the log. */
export const eventText = (record: EventRecord): string =>
  printable(
    Result.match(eventFromRecord(record), {
      onFailure: () => JSON.stringify(record.data),
      onSuccess: words
    })
  )

const words = (event: DepositEvent): string => {
  switch (event.type) {
    case "deposit.received":
      return `payload sha256 ${event.payload_digest}`
    case "provider.reported":
      return `${event.source} says it is ${event.report}`
    case "processing.started":
      return `attempt ${event.attempt}, lease until ${timeText(event.lease_until)}`
    case "lease.extended":
      return `lease until ${timeText(event.lease_until)}`
    case "confirmation.awaited":
      return `${event.reason ?? `${event.confirmations_seen} of ${event.confirmations_needed} confirmations`}, looks again at ${timeText(event.look_again_at)}`
    case "processing.released":
      return event.look_again_at === null
        ? event.reason
        : `${event.reason}, looks again at ${timeText(event.look_again_at)}`
    case "lease.expired":
      return `${event.worker ?? "the worker"} was lost`
    case "attempt.failed":
      return `${event.error_type}: ${event.error}${event.next_retry_at === null ? "" : `; again at ${timeText(event.next_retry_at)}`}`
    case "deposit.credited":
      return `${event.amount} at ${event.on_chain_transfer_index} in block ${event.block_number}, ${event.confirmations} ${event.confirmations === 1 ? "confirmation" : "confirmations"}${event.account_reference === undefined ? "" : `; account ${event.account_reference}`}; ledger ${event.ledger_transaction_id}`
    case "deposit.already_credited":
      return `${event.on_chain_transfer_index} was credited by job ${event.credited_by_job_id}; ledger ${event.ledger_transaction_id}`
    case "deposit.finalized":
      return `block ${event.block_number}`
    case "deposit.reversed":
      return `${event.reason}; ledger ${event.reversing_ledger_transaction_id}`
    case "credit.reversed":
      return `it rested on the credit of job ${event.credited_by_job_id}: ${event.reason}`
    case "reconciliation.confirmed":
      return `found by ${event.found_by}, attempt ${event.attempt}`
    case "reconciliation.rejected":
      return event.reason
    case "dlq.replayed":
    case "dlq.discarded":
      return `by ${event.operator}: ${event.reason}`
  }
}
