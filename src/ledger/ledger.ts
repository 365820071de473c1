/**
 * The ledger: double entry in Postgres, append-only, every transaction zero in sum.
 *
 *     +1.5 USDC  deposits / 0x…   owed to the address's owner
 *     −1.5 USDC  chain            came in on chain
 *
 * The unique key on a transfer's on-chain identity and the number of its credit makes a second credit
 * impossible, whatever the caller believes: `ON CONFLICT DO NOTHING` waits for a rival that has not
 * committed yet. A transfer that a reorganisation took away gets a reversal, which is a transaction of
 * the opposite amounts; only after that can the transfer be credited again, under the next number.
 */
import { PgClient } from "@effect/sql-pg"
import { Context, Effect, Layer } from "effect"
import type { SqlError } from "effect/sql"
import type { Address, ChainName } from "../domain/chain.ts"
import type { JobId } from "../domain/ids.ts"
import { accountId, type LedgerAccount } from "./accounts.ts"
import { type Credit, type CreditOutcome, Creditor, type Reversal } from "./creditor.ts"

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
        id, tenant_id, environment, chain, tx_hash, transfer_index, job_id, recorded_at,
        credit_number)
      SELECT credit.*, 1 + (
          SELECT count(*) FROM ledger_transactions AS before
          WHERE before.tx_hash = credit.tx_hash AND before.transfer_index = credit.transfer_index
            AND before.chain = credit.chain AND before.tenant_id = credit.tenant_id
            AND before.environment = credit.environment AND before.kind = 'reversal')
      FROM unnest(
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
      ON CONFLICT (tx_hash, transfer_index, chain, tenant_id, environment, credit_number, kind)
        DO NOTHING
      RETURNING id`

    /** The credits that stand. */
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
        USING (tx_hash, transfer_index, chain, tenant_id, environment)
      WHERE transaction.kind = 'credit' AND NOT EXISTS (
        SELECT FROM ledger_transactions AS reversal WHERE reversal.reverses_id = transaction.id)`

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

    const insertReversals = (reversals: ReadonlyArray<Reversal>) => sql<{
      id: string
      reverses_id: string
    }>`
      INSERT INTO ledger_transactions (
        id, tenant_id, environment, chain, tx_hash, transfer_index, job_id, recorded_at,
        kind, credit_number, reverses_id)
      SELECT reversal.id, tenant_id, environment, chain, tx_hash, transfer_index, job_id,
             reversal.recorded_at, 'reversal', credit_number, reversal.reverses_id
      FROM unnest(
        ${reversals.map((r) => r.ledger_transaction_id)}::uuid[],
        ${reversals.map((r) => r.reverses_id)}::uuid[],
        ${reversals.map((r) => new Date(r.recorded_at))}::timestamptz[]
      ) AS reversal (id, reverses_id, recorded_at)
      JOIN ledger_transactions AS credit ON credit.id = reversal.reverses_id AND credit.kind = 'credit'
      ORDER BY tx_hash, transfer_index, chain, tenant_id, environment
      ON CONFLICT (tx_hash, transfer_index, chain, tenant_id, environment, credit_number, kind)
        DO NOTHING
      RETURNING id, reverses_id`

    /** To the last digit what the credit booked, because it is read from there. */
    const insertOpposites = (ids: ReadonlyArray<string>) => sql`
      INSERT INTO ledger_entries (transaction_id, account_id, token, amount)
      SELECT reversal.id, entry.account_id, entry.token, -entry.amount
      FROM ledger_transactions AS reversal
      JOIN ledger_entries AS entry ON entry.transaction_id = reversal.reverses_id
      WHERE reversal.id = ANY(${ids}::uuid[])`

    /** Credits what is not credited, and gives what became of each that was, by the credit's own id. */
    const creditOnce = Effect.fnUntraced(function* (credits: ReadonlyArray<Credit>) {
      const outcomes = new Map<string, CreditOutcome>()
      const [first] = credits
      if (first === undefined) return outcomes
      const inserted = new Set((yield* insertTransactions(credits)).map(({ id }) => id))
      const fresh = credits.filter((c) => inserted.has(c.ledger_transaction_id))
      const known = credits.filter((c) => !inserted.has(c.ledger_transaction_id))
      if (fresh.length > 0) {
        const accounts = new Map<string, LedgerAccount>()
        const entries = fresh.flatMap((c) => entriesOf(c, accounts))
        yield* openAccounts(accounts, first.recorded_at)
        yield* insertEntries(entries)
      }
      for (const c of fresh) outcomes.set(c.ledger_transaction_id, { _tag: "Credited" })
      // A statement of its own: only a new snapshot sees what the rival committed.
      for (const { index, ...existing } of known.length === 0
        ? []
        : yield* findTransactions(known)) {
        const duplicate = known[index]
        if (duplicate === undefined) continue
        outcomes.set(duplicate.ledger_transaction_id, { _tag: "AlreadyCredited", ...existing })
      }
      return outcomes
    })

    const credit: Creditor["Service"]["credit"] = Effect.fnUntraced(function* (credits) {
      const outcomes = yield* creditOnce(credits)
      // What stood in the way was reversed between the two statements: now the way is free.
      const left = credits.filter((c) => !outcomes.has(c.ledger_transaction_id))
      for (const [id, outcome] of yield* creditOnce(left)) outcomes.set(id, outcome)
      return yield* Effect.forEach(credits, (c) => {
        const outcome = outcomes.get(c.ledger_transaction_id)
        return outcome === undefined
          ? Effect.die(new Error(`the credit of deposit ${c.job_id} was neither made nor found`))
          : Effect.succeed(outcome)
      })
    })

    const reverse: Creditor["Service"]["reverse"] = Effect.fnUntraced(function* (reversals) {
      if (reversals.length === 0) return new Set()
      const made = yield* insertReversals(reversals)
      yield* insertOpposites(made.map(({ id }) => id))
      return new Set(made.map(({ reverses_id }) => reverses_id))
    })

    return Creditor.of({ credit, reverse })
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
