/**
 * A small clean history for the checker's tests, written with SQL of its own: deposits that were
 * received, taken and credited. Not what the service writes in detail, but what it must add up to.
 */
import { randomUUID } from "node:crypto"
import { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import type { Acknowledged, ChainTransfer, EventRow } from "./facts.ts"
import { hashOf } from "./log.ts"

export interface Deposit {
  readonly job_id: string
  readonly ledger_id: string
  readonly tx_hash: string
  readonly to: string
  readonly transfer: ChainTransfer
  readonly acknowledged: Acknowledged
}

const chainAccount = "00000000-0000-4000-8000-000000000000"
const at = (second: number): string => `2026-01-01T00:00:0${second}.000Z`

type Said = Pick<EventRow, "type" | "from_state" | "to_state" | "data">

const linked = (job_id: string, all: ReadonlyArray<Said>): ReadonlyArray<EventRow> => {
  const events: Array<EventRow> = []
  for (const [index, said] of all.entries()) {
    const event = {
      job_id,
      sequence: index + 1,
      schema_version: 2,
      actor: "test",
      trace_id: null,
      recorded_at: at(index),
      previous_hash: events.at(-1)?.hash ?? "0".repeat(64),
      ...said
    }
    events.push({ ...event, hash: hashOf(event) })
  }
  return events
}

export const insertEvents = Effect.fnUntraced(function* (events: ReadonlyArray<EventRow>) {
  const sql = yield* PgClient.PgClient
  for (const event of events) {
    yield* sql`
      INSERT INTO deposit_events (job_id, sequence, type, schema_version, data, from_state, to_state,
        actor, trace_id, recorded_at, previous_hash, hash)
      VALUES (${event.job_id}::uuid, ${event.sequence}, ${event.type}, ${event.schema_version},
        ${event.data}::jsonb, ${event.from_state}, ${event.to_state}, ${event.actor},
        ${event.trace_id}, ${event.recorded_at}::timestamptz,
        decode(${event.previous_hash}, 'hex'), decode(${event.hash}, 'hex'))`
  }
})

/** Both entries of 1.5 USDC, for a transaction that is there already or comes with them. */
export const insertCredit = Effect.fnUntraced(function* (
  deposit: Pick<Deposit, "job_id" | "ledger_id" | "to" | "tx_hash">,
  amount = "1.5"
) {
  const sql = yield* PgClient.PgClient
  const { job_id, ledger_id, to, tx_hash } = deposit
  yield* sql`
    INSERT INTO ledger_transactions (id, tenant_id, environment, chain, tx_hash, transfer_index,
      job_id, recorded_at)
    VALUES (${ledger_id}::uuid, 'acme', 'test', 'localchain', ${tx_hash}, 'log:0',
      ${job_id}::uuid, ${at(2)}::timestamptz)`
  yield* sql`
    INSERT INTO ledger_accounts (id, tenant_id, environment, chain, kind, address, opened_at)
    VALUES (${chainAccount}::uuid, 'acme', 'test', 'localchain', 'chain', '', ${at(2)}::timestamptz),
           (${accountOf(to)}::uuid, 'acme', 'test', 'localchain', 'deposits', ${to},
            ${at(2)}::timestamptz)
    ON CONFLICT (id) DO NOTHING`
  yield* sql`
    INSERT INTO ledger_entries (transaction_id, account_id, token, amount)
    VALUES (${ledger_id}::uuid, ${accountOf(to)}::uuid, 'USDC', ${amount}::numeric),
           (${ledger_id}::uuid, ${chainAccount}::uuid, 'USDC', -${amount}::numeric)`
})

/** An id made from the address, as the ledger's own are. */
export const accountOf = (address: string): string => {
  const hex = address.slice(-32)
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20)
  ].join("-")
}

/** A deposit of 1.5 USDC that went well. */
export const insertDeposit = Effect.fnUntraced(function* (number: number) {
  const sql = yield* PgClient.PgClient
  const job_id = randomUUID()
  const ledger_id = randomUUID()
  const tx_hash = `0x${number.toString(16).padStart(64, "0")}`
  const to = `0x${number.toString(16).padStart(40, "d")}`
  const data = JSON.stringify({ ledger_transaction_id: ledger_id, amount: "1.5" })
  const events = linked(job_id, [
    { type: "deposit.received", from_state: null, to_state: "pending", data: "{}" },
    { type: "processing.started", from_state: "pending", to_state: "processing", data: "{}" },
    { type: "deposit.credited", from_state: "processing", to_state: "completed.final", data }
  ])
  yield* sql`
    INSERT INTO funding_event_jobs (id, tenant_id, environment, source, tx_hash, chain, token,
      amount, to_address, transfer_key, status, sub_state, sequence, head_hash, priority,
      attempt_count, max_attempts, first_seen_at, webhook_payload, ledger_transaction_id)
    VALUES (${job_id}::uuid, 'acme', 'test', 'main', ${tx_hash}, 'localchain', 'USDC', 1.5, ${to},
      ${`-|USDC|${to}|1.5`}, 'completed', 'final', 3,
      decode(${events.at(-1)?.hash ?? ""}, 'hex'), 0, 1, 5, ${at(0)}::timestamptz, '{}',
      ${ledger_id}::uuid)`
  yield* insertEvents(events)
  yield* insertCredit({ job_id, ledger_id, to, tx_hash })
  const claim = { tx_hash, token: "USDC", amount: "1.5", to_address: to, transfer_index: null }
  return {
    job_id,
    ledger_id,
    tx_hash,
    to,
    transfer: {
      tx_hash,
      index: "log:0",
      log_index: 0,
      token: "USDC",
      from: `0x${"f".repeat(40)}`,
      to,
      atto: 1_500_000_000_000_000_000n
    },
    acknowledged: { message_id: `msg_${number}`, ...claim, job_ids: [job_id] }
  } satisfies Deposit
})
