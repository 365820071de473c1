/**
 * What the checker looks at: rows as the database has them, transfers as the chain has them, and
 * what was answered to webhooks.
 *
 * The checker shares no code with the service, so that one mistake cannot hide in both: it imports
 * nothing of `src/` or `machines/` (imports.test.ts). Amounts are integers of 10^-18 tokens ("atto").
 */

export interface JobRow {
  readonly id: string
  readonly tenant_id: string
  readonly environment: string
  readonly chain: string
  readonly tx_hash: string
  readonly token: string
  readonly amount: string
  readonly to_address: string
  readonly transfer_index: number | null
  readonly status: string
  readonly sub_state: string | null
  readonly sequence: number
  readonly head_hash: string
  readonly error_type: string | null
  readonly last_error: string | null
}

export interface EventRow {
  readonly job_id: string
  readonly sequence: number
  readonly type: string
  readonly schema_version: number
  readonly from_state: string | null
  readonly to_state: string
  readonly actor: string
  readonly trace_id: string | null
  /** ISO 8601, UTC, milliseconds. */
  readonly recorded_at: string
  /** The column as text. */
  readonly data: string
  /** Hex, like `hash`. */
  readonly previous_hash: string
  readonly hash: string
}

export interface LedgerTransactionRow {
  readonly id: string
  readonly chain: string
  readonly tx_hash: string
  readonly transfer_index: string
  readonly job_id: string
  /** `credit` or `reversal`; a database without the column has credits only. */
  readonly kind: string
  /** The credit that a reversal takes back. */
  readonly reverses_id: string | null
}

export interface EntryRow {
  readonly transaction_id: string
  readonly account_id: string
  readonly token: string
  readonly amount: string
}

export interface AccountRow {
  readonly id: string
  readonly kind: string
  readonly address: string
}

export interface DatabaseFacts {
  readonly jobs: ReadonlyArray<JobRow>
  readonly events: ReadonlyArray<EventRow>
  readonly transactions: ReadonlyArray<LedgerTransactionRow>
  readonly entries: ReadonlyArray<EntryRow>
  readonly accounts: ReadonlyArray<AccountRow>
  /** Addresses that are registered, in lower case. */
  readonly registered: ReadonlySet<string>
}

/** A transfer that stands in the canonical chain, in a transaction that succeeded. */
export interface ChainTransfer {
  readonly tx_hash: string
  /** `native`, or `log:` and the position among the transaction's own logs. */
  readonly index: string
  /** The index among the block's logs, which providers give; null for native value. */
  readonly log_index: number | null
  readonly token: string
  readonly from: string
  readonly to: string
  readonly atto: bigint
}

/** A webhook that was answered with 200. */
export interface Acknowledged {
  readonly message_id: string
  readonly tx_hash: string
  readonly token: string
  readonly amount: string
  readonly to_address: string
  readonly transfer_index: number | null
  /** The jobs that the answer named. */
  readonly job_ids: ReadonlyArray<string>
}

/** What the service's API says that an address is owed. */
export interface ShownBalance {
  readonly address: string
  readonly token: string
  readonly amount: string
}

export interface Facts {
  readonly database: DatabaseFacts
  readonly chain: ReadonlyArray<ChainTransfer>
  readonly acknowledged: ReadonlyArray<Acknowledged>
  readonly balances: ReadonlyArray<ShownBalance>
}

/** What the service under test can do, and so is held to. */
export interface Promised {
  /** Nothing stays dead-lettered because of faults. */
  readonly reconciler: boolean
  /** Reversals, and nothing watched for ever. */
  readonly reorgs: boolean
  /** Transfers to registered addresses are credited also if no webhook came. */
  readonly neverAnnounced: boolean
}

export interface Violation {
  readonly check:
    | "acknowledged"
    | "lost"
    | "doubled"
    | "phantom"
    | "dead-lettered"
    | "ledger"
    | "balance"
    | "log"
    | "row"
    | "unsettled"
  readonly job_id?: string
  readonly tx_hash?: string
  readonly what: string
}
