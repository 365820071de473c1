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

/** Takes back a credit whose transfer the chain no longer has. */
export interface Reversal {
  /** A new UUID: that of the compensating ledger transaction. */
  readonly ledger_transaction_id: string
  /** The credit's. */
  readonly reverses_id: string
  /** ISO 8601, UTC. */
  readonly recorded_at: string
}

export type CreditOutcome =
  | { readonly _tag: "Credited" }
  | {
      /** This transfer is credited already, by this or another job. Nothing was written. */
      readonly _tag: "AlreadyCredited"
      readonly ledger_transaction_id: string
      readonly job_id: JobId
    }

export class Creditor extends Context.Service<
  Creditor,
  {
    /**
     * Credits each transfer that is not credited now: never before, or its credit was reversed.
     * Outcomes are in the credits' order. The caller has begun a transaction.
     */
    readonly credit: (
      credits: ReadonlyArray<Credit>
    ) => Effect.Effect<ReadonlyArray<CreditOutcome>, SqlError.SqlError>
    /**
     * Writes what undoes each of these credits, and returns the ids of those it undid now: a credit is
     * reversed once. The caller has begun a transaction.
     */
    readonly reverse: (
      reversals: ReadonlyArray<Reversal>
    ) => Effect.Effect<ReadonlySet<string>, SqlError.SqlError>
  }
>()("surehook/ledger/Creditor") {}
