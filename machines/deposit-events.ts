/**
 * The events of a deposit: facts in the past tense, appended to the log and never changed.
 *
 * All that is random or read from a clock (a retry time, a lease's end) stands inside the event,
 * so that folding a log always gives the same state. Times are ISO 8601 in UTC with milliseconds.
 * Field names are those of the log's `data` column and of the API's JSON.
 *
 * `recorded_at` is when the event was decided; it is a column of its own in the log.
 */
import * as Schema from "effect/Schema"

const isoUtc = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/
const Time = Schema.String.pipe(Schema.check(Schema.isPattern(isoUtc)))
const Count = Schema.Int.pipe(Schema.check(Schema.isGreaterThanOrEqualTo(0)))
const Evidence = Schema.JsonObject

/** The sorts of failure, which decide whether and when a deposit is tried again. */
export const ErrorType = Schema.Literals(["transient", "permanent", "rpc_failure", "unknown"])
export type ErrorType = typeof ErrorType.Type

/** What a provider says became of a transfer: `removed` by a reorganisation, `dropped` before it was mined. */
export const ProviderReport = Schema.Literals(["seen", "confirmed", "removed", "dropped"])
export type ProviderReport = typeof ProviderReport.Type

/**
 * What ended a deposit without a credit. But for the last it comes back by itself if the chain shows the
 * transfer (again), from all of them by an operator.
 */
export const SettledBecause = Schema.Literals(["not_seen", "reversed", "reverted", "discarded"])
export type SettledBecause = typeof SettledBecause.Type

const eventOf = <const T extends string, const F extends Schema.Struct.Fields>(type: T, data: F) =>
  Schema.Struct({
    type: Schema.Literal(type),
    /** When the event was decided. */
    recorded_at: Time,
    ...data
  })

/** An event as the machine takes it: its type, when it was decided, and its data. */
export const DepositEvent = Schema.Union([
  /** A webhook's claim was accepted: pending. */
  eventOf("deposit.received", {
    tenant_id: Schema.String,
    environment: Schema.String,
    source: Schema.String,
    chain: Schema.String,
    tx_hash: Schema.String,
    token: Schema.String,
    /** Canonical decimal string in whole tokens. */
    amount: Schema.String,
    to_address: Schema.String,
    transfer_index: Schema.NullOr(Count),
    /** Higher goes first. */
    priority: Schema.Int,
    max_attempts: Count,
    /** SHA-256 of the webhook's raw body, hex. */
    payload_digest: Schema.String,
    /** Absent in what version 1 wrote, which is `seen`. */
    report: Schema.optionalKey(ProviderReport)
  }),
  /** A provider said more of a transfer that it had announced. A hint like its first word. */
  eventOf("provider.reported", {
    report: ProviderReport,
    source: Schema.String,
    payload_digest: Schema.String
  }),
  /** A worker took the job under a lease: processing. */
  eventOf("processing.started", {
    /** 1 for the first attempt. */
    attempt: Count,
    worker: Schema.String,
    lease_until: Time
  }),
  /** The worker is alive and still at it. */
  eventOf("lease.extended", { worker: Schema.String, lease_until: Time }),
  /** The transfer is on chain but not deep enough: pending, and no attempt is spent. */
  eventOf("confirmation.awaited", {
    confirmations_seen: Count,
    confirmations_needed: Count,
    look_again_at: Time,
    /** One sentence for a person, if it waits for something else than depth. */
    reason: Schema.optionalKey(Schema.String),
    evidence: Evidence
  }),
  /** The worker gave the job back untried: pending, and no attempt is spent. */
  eventOf("processing.released", {
    reason: Schema.Literals(["shutdown", "circuit_open", "rate_limited"]),
    look_again_at: Schema.NullOr(Time)
  }),
  /** The worker was lost; the attempt it had begun is spent. */
  eventOf("lease.expired", {
    worker: Schema.NullOr(Schema.String),
    lease_until: Time,
    /** False in what versions before 3 wrote, which knew no poison pills. Never written. */
    is_counted: Schema.optionalKey(Schema.Boolean)
  }),
  /** failed.scheduled, or dlq when permanent or exhausted. */
  eventOf("attempt.failed", {
    error_type: ErrorType,
    /** Redacted: no URL, key or payload. */
    error: Schema.String,
    /** Null when the job goes to the dlq. */
    next_retry_at: Schema.NullOr(Time),
    evidence: Schema.NullOr(Evidence)
  }),
  /** Credited in the ledger, in the transaction that appended this event. */
  eventOf("deposit.credited", {
    ledger_transaction_id: Schema.String,
    /** The transfer's identity on chain, beside chain and tx_hash. */
    on_chain_transfer_index: Schema.String,
    amount: Schema.String,
    block_number: Count,
    block_hash: Schema.String,
    confirmations: Count,
    finality: Schema.Literals(["watching", "final"]),
    /** Whose deposit it is, if its address was registered then. */
    account_reference: Schema.optionalKey(Schema.String),
    evidence: Evidence
  }),
  /** Another job credited this very transfer before: completed without a second credit. */
  eventOf("deposit.already_credited", {
    ledger_transaction_id: Schema.String,
    credited_by_job_id: Schema.String,
    on_chain_transfer_index: Schema.String,
    evidence: Evidence
  }),
  /** The chain will not undo it any more. */
  eventOf("deposit.finalized", { block_number: Count, block_hash: Schema.String }),
  /** A reorganisation took the transfer away; the ledger holds a reversing transaction. */
  eventOf("deposit.reversed", {
    reversing_ledger_transaction_id: Schema.String,
    reversed_ledger_transaction_id: Schema.String,
    /** That of the credit, canonical, in whole tokens. */
    amount: Schema.String,
    reason: Schema.String,
    evidence: Evidence
  }),
  /** The credit of another job, on which it rested as `already_credited`, was reversed. */
  eventOf("credit.reversed", {
    ledger_transaction_id: Schema.String,
    credited_by_job_id: Schema.String,
    reason: Schema.String
  }),
  /** The reconciler saw the transfer on chain and takes the job to credit it. */
  eventOf("reconciliation.confirmed", {
    found_by: Schema.String,
    attempt: Count,
    worker: Schema.String,
    lease_until: Time,
    evidence: Evidence
  }),
  /** The chain says that it failed, or it was not seen for too long: failed.settled. */
  eventOf("reconciliation.rejected", {
    because: Schema.Literals(["reverted", "not_seen"]),
    reason: Schema.String,
    evidence: Evidence
  }),
  /** An operator sent it back: pending with its attempts reset. */
  eventOf("dlq.replayed", { operator: Schema.String, reason: Schema.String }),
  /** An operator will never have it credited: failed.settled. */
  eventOf("dlq.discarded", { operator: Schema.String, reason: Schema.String })
])
export type DepositEvent = typeof DepositEvent.Type

export type DepositEventType = DepositEvent["type"]

export type DepositReceived = Extract<DepositEvent, { type: "deposit.received" }>

/** Events that change an existing job: all but the one that creates it. */
export type DepositTransition = Exclude<DepositEvent, { type: "deposit.received" }>
