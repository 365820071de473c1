/**
 * Who credits: the one call by which a confirmed deposit becomes money.
 *
 * It runs inside the transaction that appends `deposit.credited`, so both happen or neither does.
 * The live one is the ledger of this folder; an application that embeds the workers can bring
 * its own, as long as it writes through the same connection.
 */
import { Context, type Effect } from "effect"
import type { SqlError } from "effect/sql"
import type { Amount } from "../domain/amount.ts"
import type { Address } from "../domain/chain.ts"
import type { Environment, JobId, TenantId, TokenSymbol } from "../domain/ids.ts"
import type { OnChainIdentity } from "../domain/transfer.ts"

/** One transfer that the chain confirmed. */
export interface Credit {
  /** A new UUID: the ledger transaction's, if this credit is the one that counts. */
  readonly ledger_transaction_id: string
  readonly job_id: JobId
  readonly tenant_id: TenantId
  readonly environment: Environment
  readonly identity: OnChainIdentity
  readonly to_address: Address
  readonly token: TokenSymbol
  readonly amount: Amount
  /** ISO 8601, UTC. */
  readonly recorded_at: string
}

export type CreditOutcome =
  | { readonly _tag: "Credited" }
  | {
      /** This transfer was credited before, by this or another job. Nothing was written. */
      readonly _tag: "AlreadyCredited"
      readonly ledger_transaction_id: string
      readonly job_id: JobId
    }

export class Creditor extends Context.Service<
  Creditor,
  {
    /**
     * Credits each transfer that was not credited before. Outcomes are in the credits' order.
     * The caller has begun a transaction.
     */
    readonly credit: (
      credits: ReadonlyArray<Credit>
    ) => Effect.Effect<ReadonlyArray<CreditOutcome>, SqlError.SqlError>
  }
>()("surehook/ledger/Creditor") {}
