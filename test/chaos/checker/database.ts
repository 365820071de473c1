/** Reads the tables, with SQL of its own, in one snapshot. */
import { PgClient } from "@effect/sql-pg"
import { Effect, Redacted, Schema } from "effect"
import type { DatabaseFacts } from "./facts.ts"

const Job = Schema.Struct({
  id: Schema.String,
  tenant_id: Schema.String,
  environment: Schema.String,
  chain: Schema.String,
  tx_hash: Schema.String,
  token: Schema.String,
  amount: Schema.String,
  to_address: Schema.String,
  transfer_index: Schema.NullOr(Schema.Int),
  status: Schema.String,
  sub_state: Schema.NullOr(Schema.String),
  sequence: Schema.Int,
  head_hash: Schema.String,
  error_type: Schema.NullOr(Schema.String),
  last_error: Schema.NullOr(Schema.String)
})
const Event = Schema.Struct({
  job_id: Schema.String,
  sequence: Schema.Int,
  type: Schema.String,
  schema_version: Schema.Int,
  from_state: Schema.NullOr(Schema.String),
  to_state: Schema.String,
  actor: Schema.String,
  trace_id: Schema.NullOr(Schema.String),
  recorded_at: Schema.String,
  data: Schema.String,
  previous_hash: Schema.String,
  hash: Schema.String
})
const LedgerTransaction = Schema.Struct({
  id: Schema.String,
  chain: Schema.String,
  tx_hash: Schema.String,
  transfer_index: Schema.String,
  job_id: Schema.String,
  kind: Schema.String,
  reverses_id: Schema.NullOr(Schema.String)
})
const Entry = Schema.Struct({
  transaction_id: Schema.String,
  account_id: Schema.String,
  token: Schema.String,
  amount: Schema.String
})
const Account = Schema.Struct({ id: Schema.String, kind: Schema.String, address: Schema.String })
const Registered = Schema.Struct({ address: Schema.String })

const rowsOf = <A>(row: Schema.Codec<A, unknown>) => Schema.decodeUnknownEffect(Schema.Array(row))

const read = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  return yield* sql.withTransaction(
    Effect.gen(function* () {
      yield* sql`SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY`
      const jobs = yield* sql`
        SELECT id, tenant_id, environment, chain, tx_hash, token, amount::text, to_address,
               transfer_index, status, sub_state, sequence, encode(head_hash, 'hex') AS head_hash,
               error_type, last_error
        FROM funding_event_jobs`
      const events = yield* sql`
        SELECT job_id, sequence, type, schema_version, from_state, to_state, actor, trace_id,
               to_char(recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
                 AS recorded_at,
               data::text AS data, encode(previous_hash, 'hex') AS previous_hash,
               encode(hash, 'hex') AS hash
        FROM deposit_events`
      // By way of JSON, because an older database has no such columns.
      const transactions = yield* sql`
        SELECT id, chain, tx_hash, transfer_index, job_id,
               coalesce(to_jsonb(it) ->> 'kind', 'credit') AS kind,
               to_jsonb(it) ->> 'reverses_id' AS reverses_id
        FROM ledger_transactions AS it`
      const entries = yield* sql`
        SELECT transaction_id, account_id, token, amount::text FROM ledger_entries`
      const accounts = yield* sql`SELECT id, kind, address FROM ledger_accounts`
      const registered = yield* sql`SELECT address FROM deposit_addresses`
      return { jobs, events, transactions, entries, accounts, registered }
    })
  )
})

export const readDatabase = Effect.fnUntraced(function* (url: string) {
  const rows = yield* read.pipe(
    Effect.provide(PgClient.layer({ url: Redacted.make(url), maxConnections: 1 }))
  )
  const registered = yield* rowsOf(Registered)(rows.registered)
  return {
    jobs: yield* rowsOf(Job)(rows.jobs),
    events: yield* rowsOf(Event)(rows.events),
    transactions: yield* rowsOf(LedgerTransaction)(rows.transactions),
    entries: yield* rowsOf(Entry)(rows.entries),
    accounts: yield* rowsOf(Account)(rows.accounts),
    registered: new Set(registered.map(({ address }) => address.toLowerCase()))
  } satisfies DatabaseFacts
})
