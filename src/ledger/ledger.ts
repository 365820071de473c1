/**
 * The ledger: double entry in Postgres, append-only, every transaction zero in sum.
 *
 *     +1.5 USDC  deposits / 0x…   owed to the address's owner
 *     −1.5 USDC  chain            came in on chain
 *
 * The unique key on a transfer's on-chain identity makes a second credit impossible, whatever the
 * caller believes: `ON CONFLICT DO NOTHING` waits for a rival that has not committed yet.
 */
import { PgClient } from "@effect/sql-pg"
import { Context, Effect, Layer } from "effect"
import type { SqlError } from "effect/sql"
import type { Address, ChainName } from "../domain/chain.ts"
import type { JobId } from "../domain/ids.ts"
import { accountId, type LedgerAccount } from "./accounts.ts"
import { type Credit, type CreditOutcome, Creditor } from "./creditor.ts"

export interface Balance {
  readonly tenant_id: string
  readonly environment: string
  readonly token: string
  /** Canonical decimal, in whole tokens. */
  readonly amount: string
}

export class Ledger extends Context.Service<
  Ledger,
  {
    /** What is owed to an address, per tenant, environment and token; none if it has no account. */
    readonly balances: (
      chain: ChainName,
      address: Address
    ) => Effect.Effect<ReadonlyArray<Balance>, SqlError.SqlError>
  }
>()("surehook/ledger/Ledger") {
  static readonly layer = Layer.effect(
    Ledger,
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      return Ledger.of({
        balances: (chain, address) => sql<Balance>`
          SELECT account.tenant_id, account.environment, entry.token,
                 trim_scale(sum(entry.amount))::text AS amount
          FROM ledger_accounts AS account
          JOIN ledger_entries AS entry ON entry.account_id = account.id
          WHERE account.address = ${address} AND account.chain = ${chain}
            AND account.kind = 'deposits'
          GROUP BY account.tenant_id, account.environment, entry.token
          ORDER BY account.tenant_id, account.environment, entry.token`
      })
    })
  )
}

interface Existing {
  readonly index: number
  readonly ledger_transaction_id: string
  readonly job_id: JobId
}

export const creditorLayer: Layer.Layer<Creditor, never, PgClient.PgClient> = Layer.effect(
  Creditor,
  Effect.gen(function* () {
    const sql = yield* PgClient.PgClient

    /** In the order of the unique key, or two batches that share transfers could deadlock. */
    const insertTransactions = (credits: ReadonlyArray<Credit>) => sql<{ id: string }>`
      INSERT INTO ledger_transactions (
        id, tenant_id, environment, chain, tx_hash, transfer_index, job_id, recorded_at)
      SELECT * FROM unnest(
        ${credits.map((c) => c.ledger_transaction_id)}::uuid[],
        ${credits.map((c) => c.tenant_id)}::text[],
        ${credits.map((c) => c.environment)}::text[],
        ${credits.map((c) => c.identity.chain)}::text[],
        ${credits.map((c) => c.identity.tx_hash)}::text[],
        ${credits.map((c) => c.identity.transfer_index)}::text[],
        ${credits.map((c) => c.job_id)}::uuid[],
        ${credits.map((c) => new Date(c.recorded_at))}::timestamptz[]
      ) AS credit (id, tenant_id, environment, chain, tx_hash, transfer_index, job_id, recorded_at)
      ORDER BY tx_hash COLLATE "C", transfer_index COLLATE "C", chain, tenant_id, environment
      ON CONFLICT (tx_hash, transfer_index, chain, tenant_id, environment) DO NOTHING
      RETURNING id`

    const findTransactions = (credits: ReadonlyArray<Credit>) => sql<Existing>`
      SELECT (credit.ordinality - 1)::integer AS index,
             transaction.id AS ledger_transaction_id, transaction.job_id
      FROM unnest(
        ${credits.map((c) => c.tenant_id)}::text[],
        ${credits.map((c) => c.environment)}::text[],
        ${credits.map((c) => c.identity.chain)}::text[],
        ${credits.map((c) => c.identity.tx_hash)}::text[],
        ${credits.map((c) => c.identity.transfer_index)}::text[]
      ) WITH ORDINALITY
        AS credit (tenant_id, environment, chain, tx_hash, transfer_index, ordinality)
      JOIN ledger_transactions AS transaction
        USING (tx_hash, transfer_index, chain, tenant_id, environment)`

    const openAccounts = (accounts: ReadonlyMap<string, LedgerAccount>, recordedAt: string) => {
      const opened = [...accounts].map(([id, account]) => ({ id, ...account }))
      return sql`
        INSERT INTO ledger_accounts (id, tenant_id, environment, chain, kind, address, opened_at)
        SELECT *, ${new Date(recordedAt)} FROM unnest(
          ${opened.map((a) => a.id)}::uuid[],
          ${opened.map((a) => a.tenant_id)}::text[],
          ${opened.map((a) => a.environment)}::text[],
          ${opened.map((a) => a.chain)}::text[],
          ${opened.map((a) => a.kind)}::text[],
          ${opened.map((a) => a.address)}::text[]
        ) AS account (id, tenant_id, environment, chain, kind, address)
        ORDER BY id
        ON CONFLICT (id) DO NOTHING`
    }

    const insertEntries = (entries: ReadonlyArray<Entry>) => sql`
      INSERT INTO ledger_entries (transaction_id, account_id, token, amount)
      SELECT * FROM unnest(
        ${entries.map((e) => e.transaction_id)}::uuid[],
        ${entries.map((e) => e.account_id)}::uuid[],
        ${entries.map((e) => e.token)}::text[],
        ${entries.map((e) => e.amount)}::numeric[])`

    const credit: Creditor["Service"]["credit"] = Effect.fnUntraced(function* (credits) {
      const [first] = credits
      if (first === undefined) return []
      const inserted = new Set((yield* insertTransactions(credits)).map(({ id }) => id))
      const fresh = credits.filter((c) => inserted.has(c.ledger_transaction_id))
      const known = credits.filter((c) => !inserted.has(c.ledger_transaction_id))
      if (fresh.length > 0) {
        const accounts = new Map<string, LedgerAccount>()
        const entries = fresh.flatMap((c) => entriesOf(c, accounts))
        yield* openAccounts(accounts, first.recorded_at)
        yield* insertEntries(entries)
      }
      const outcomes = new Map<string, CreditOutcome>(
        fresh.map((c) => [c.ledger_transaction_id, { _tag: "Credited" }])
      )
      // A statement of its own: only a new snapshot sees what the rival committed.
      for (const { index, ...existing } of known.length === 0
        ? []
        : yield* findTransactions(known)) {
        const duplicate = known[index]
        if (duplicate === undefined) continue
        outcomes.set(duplicate.ledger_transaction_id, { _tag: "AlreadyCredited", ...existing })
      }
      return yield* Effect.forEach(credits, (c) => {
        const outcome = outcomes.get(c.ledger_transaction_id)
        return outcome === undefined
          ? Effect.die(new Error(`the credit of deposit ${c.job_id} was neither made nor found`))
          : Effect.succeed(outcome)
      })
    })

    return Creditor.of({ credit })
  })
)

interface Entry {
  readonly transaction_id: string
  readonly account_id: string
  readonly token: string
  readonly amount: string
}

/** Both sides of a credit; their accounts are added to `accounts`. */
const entriesOf = (c: Credit, accounts: Map<string, LedgerAccount>): ReadonlyArray<Entry> => {
  const side = (kind: LedgerAccount["kind"], address: LedgerAccount["address"], amount: string) => {
    const { tenant_id, environment } = c
    const account = { tenant_id, environment, chain: c.identity.chain, kind, address }
    const id = accountId(account)
    accounts.set(id, account)
    return {
      transaction_id: c.ledger_transaction_id,
      account_id: id,
      token: c.token,
      amount
    }
  }
  return [side("deposits", c.to_address, c.amount), side("chain", "", `-${c.amount}`)]
}
