/**
 * Sample events, one maker a type. Each is legal in the state that its type is for, and takes
 * the fields to make it otherwise.
 */
import type { DepositReceived, DepositTransition } from "../../machines/deposit-events.ts"

/** Minutes after the beginning of the test clock. */
export const at = (minutes: number): string => new Date(minutes * 60_000).toISOString()

type Of<T extends DepositTransition["type"]> = Extract<DepositTransition, { type: T }>
type Fields<T extends DepositTransition["type"]> = Partial<Omit<Of<T>, "type">>

export const received = (fields: Partial<DepositReceived> = {}): DepositReceived => ({
  type: "deposit.received",
  recorded_at: at(0),
  tenant_id: "acme",
  environment: "production",
  source: "main",
  chain: "localchain",
  tx_hash: `0x${"ab".repeat(32)}`,
  token: "USDC",
  amount: "1.5",
  to_address: `0x${"cd".repeat(20)}`,
  transfer_index: null,
  priority: 0,
  max_attempts: 2,
  payload_digest: "ef".repeat(32),
  ...fields
})

export const reported = (fields: Fields<"provider.reported"> = {}): DepositTransition => ({
  type: "provider.reported",
  recorded_at: at(1),
  report: "confirmed",
  source: "main",
  payload_digest: "ab".repeat(32),
  ...fields
})

/** The lease of a sample ends at this minute. */
export const leaseEnd = 2

export const started = (fields: Fields<"processing.started"> = {}): DepositTransition => ({
  type: "processing.started",
  recorded_at: at(1),
  attempt: 1,
  worker: "w1",
  lease_until: at(leaseEnd),
  ...fields
})

export const extended = (fields: Fields<"lease.extended"> = {}): DepositTransition => ({
  type: "lease.extended",
  recorded_at: at(1),
  worker: "w1",
  lease_until: at(leaseEnd),
  ...fields
})

export const awaited = (fields: Fields<"confirmation.awaited"> = {}): DepositTransition => ({
  type: "confirmation.awaited",
  recorded_at: at(1),
  confirmations_seen: 1,
  confirmations_needed: 12,
  look_again_at: at(3),
  evidence: { block_number: 7 },
  ...fields
})

export const released = (fields: Fields<"processing.released"> = {}): DepositTransition => ({
  type: "processing.released",
  recorded_at: at(1),
  reason: "shutdown",
  look_again_at: null,
  ...fields
})

export const expired = (fields: Fields<"lease.expired"> = {}): DepositTransition => ({
  type: "lease.expired",
  recorded_at: at(leaseEnd),
  worker: "w1",
  lease_until: at(leaseEnd),
  ...fields
})

export const failed = (fields: Fields<"attempt.failed"> = {}): DepositTransition => ({
  type: "attempt.failed",
  recorded_at: at(1),
  error_type: "transient",
  error: "the transaction was not found",
  next_retry_at: at(3),
  evidence: null,
  ...fields
})

export const credited = (fields: Fields<"deposit.credited"> = {}): DepositTransition => ({
  type: "deposit.credited",
  recorded_at: at(1),
  ledger_transaction_id: "0197a000-0000-7000-8000-000000000001",
  on_chain_transfer_index: "log:3",
  amount: "1.5",
  block_number: 7,
  block_hash: `0x${"07".repeat(32)}`,
  confirmations: 2,
  finality: "watching",
  evidence: { block_number: 7 },
  ...fields
})

export const alreadyCredited = (
  fields: Fields<"deposit.already_credited"> = {}
): DepositTransition => ({
  type: "deposit.already_credited",
  recorded_at: at(1),
  ledger_transaction_id: "0197a000-0000-7000-8000-000000000002",
  credited_by_job_id: "0197a000-0000-7000-8000-00000000000a",
  on_chain_transfer_index: "log:3",
  evidence: {},
  ...fields
})

export const finalized = (fields: Fields<"deposit.finalized"> = {}): DepositTransition => ({
  type: "deposit.finalized",
  recorded_at: at(4),
  block_number: 7,
  block_hash: `0x${"07".repeat(32)}`,
  ...fields
})

export const reversed = (fields: Fields<"deposit.reversed"> = {}): DepositTransition => ({
  type: "deposit.reversed",
  recorded_at: at(4),
  reversing_ledger_transaction_id: "0197a000-0000-7000-8000-000000000003",
  reversed_ledger_transaction_id: "0197a000-0000-7000-8000-000000000001",
  amount: "1.5",
  reason: "block 7 was reorganised away",
  evidence: {},
  ...fields
})

export const creditReversed = (fields: Fields<"credit.reversed"> = {}): DepositTransition => ({
  type: "credit.reversed",
  recorded_at: at(4),
  ledger_transaction_id: "0197a000-0000-7000-8000-000000000002",
  credited_by_job_id: "0197a000-0000-7000-8000-00000000000a",
  reason: "block 7 was reorganised away",
  ...fields
})

export const confirmed = (fields: Fields<"reconciliation.confirmed"> = {}): DepositTransition => ({
  type: "reconciliation.confirmed",
  recorded_at: at(leaseEnd),
  found_by: "reconciler",
  attempt: 1,
  worker: "reconciler",
  lease_until: at(leaseEnd + 1),
  evidence: {},
  ...fields
})

export const rejected = (fields: Fields<"reconciliation.rejected"> = {}): DepositTransition => ({
  type: "reconciliation.rejected",
  recorded_at: at(4),
  because: "reverted",
  reason: "the transaction was reverted",
  evidence: {},
  ...fields
})

export const replayed = (fields: Fields<"dlq.replayed"> = {}): DepositTransition => ({
  type: "dlq.replayed",
  recorded_at: at(4),
  operator: "ann",
  reason: "the token was configured wrongly",
  ...fields
})

export const discarded = (fields: Fields<"dlq.discarded"> = {}): DepositTransition => ({
  type: "dlq.discarded",
  recorded_at: at(4),
  operator: "ann",
  reason: "the customer was paid by hand",
  ...fields
})
