/** What one pass of the reconciler did: the `report` of `reconciliation_runs`, and of the command. */
import { Schema } from "effect"

const Count = Schema.Int

export const ScanReport = Schema.Struct({
  chain: Schema.String,
  /** The blocks that were read, on Solana slots; null if there were none. */
  from_block: Schema.NullOr(Schema.Int),
  to_block: Schema.NullOr(Schema.Int),
  /** Transfers to registered addresses. */
  transfers: Count,
  /** Of these no webhook had told: jobs were made. */
  missed: Count,
  /** Pieces that no endpoint gives away, because they are too large: see audit_logs, action scan_left_out. */
  left_out: Count,
  /** Why it was not read to the end, if it was not. */
  error: Schema.NullOr(Schema.String)
})
export type ScanReport = typeof ScanReport.Type

export const PassReport = Schema.Struct({
  /** Leases of lost workers that were taken back. */
  expired_leases: Count,
  /** Deposits at which it looked. */
  checked: Count,
  /** Credited after all. */
  recovered: Count,
  /** Ended without a credit: reverted, or not seen for too long. */
  rejected: Count,
  finalized: Count,
  reversed: Count,
  /** Credited, and not in the chain at this look. */
  missing: Count,
  /** The chain could not be asked, or said something that it must not. */
  failed: Count,
  scans: Schema.Array(ScanReport),
  /** Balances that differ from what was seen on chain. */
  ledger_differences: Count
})
export type PassReport = typeof PassReport.Type

export type Tally = {
  -readonly [K in Exclude<keyof PassReport, "scans">]: number
}

export const newTally = (): Tally => ({
  expired_leases: 0,
  checked: 0,
  recovered: 0,
  rejected: 0,
  finalized: 0,
  reversed: 0,
  missing: 0,
  failed: 0,
  ledger_differences: 0
})
