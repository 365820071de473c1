/** Many real transfers, the webhooks that announce them, and what must have become of them. */
import { PgClient } from "@effect/sql-pg"
import { assert } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { Address } from "../../src/domain/chain.ts"
import { LocalChain } from "./anvil.ts"
import { splitToken } from "./contracts.ts"
import { deliver } from "./webhooks.ts"

const perTransaction = 10
const addressOf = (index: number) =>
  Address.make(`0x${(0xabc000 + index).toString(16).padStart(40, "0")}`)

/** Real transfers of 0.000001 to 0.000010 USDC, and the webhook's claim about each. */
export const makeTransfers = (count: number) =>
  Effect.gen(function* () {
    const { anvil, depositor, usdc, splitter } = yield* LocalChain
    const batches = yield* Effect.forEach(
      Array.from({ length: count / perTransaction }),
      (_, batch) => {
        const payments = Array.from(
          { length: perTransaction },
          (_, index) => [addressOf(batch * perTransaction + index), BigInt(index + 1)] as const
        )
        return anvil.send({ from: depositor, to: splitter, data: splitToken(usdc, payments) }).pipe(
          Effect.map((tx_hash) =>
            payments.map(([to_address, units]) => ({
              chain: "localchain",
              tx_hash,
              token: "USDC",
              amount: `0.${units.toString().padStart(6, "0")}`,
              to_address
            }))
          )
        )
      }
    )
    return batches.flat()
  })

/** By status. */
export const countJobs = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  const rows = yield* sql<{ status: string; count: number }>`
    SELECT status, count(*)::int FROM funding_event_jobs GROUP BY status`
  return Object.fromEntries(rows.map(({ status, count }) => [status, count]))
})

/** What the ledger owes each address, in units. */
const owed = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  const rows = yield* sql<{ address: string; units: number; entries: number }>`
    SELECT address, (sum(amount) * 1000000)::int AS units, count(*)::int AS entries
    FROM ledger_accounts JOIN ledger_entries ON account_id = id
    WHERE kind = 'deposits' GROUP BY address`
  return new Map(rows.map(({ address, units, entries }) => [address, { units, entries }]))
})

export const assertCreditedOnce = (claims: ReadonlyArray<{ to_address: string; amount: string }>) =>
  Effect.gen(function* () {
    const balances = yield* owed
    assert.strictEqual(balances.size, claims.length)
    for (const { to_address, amount } of claims) {
      assert.deepStrictEqual(balances.get(to_address), {
        units: Number(amount.slice(2)),
        entries: 1
      })
    }
  })

/** As providers do: until it is answered with 200, at the URL that serves then. */
export const deliverUntilAccepted = (nextUrl: () => string, body: unknown) =>
  Effect.suspend(() => deliver(nextUrl(), body)).pipe(
    Effect.sandbox,
    Effect.filterOrFail(({ status }) => status === 200),
    Effect.retry(Schedule.spaced("200 millis"))
  )

/** One after another, and again from the first. */
export const inTurn = (urls: () => ReadonlyArray<string>): (() => string) => {
  let turn = 0
  return () => {
    const all = urls()
    return all[turn++ % all.length] ?? ""
  }
}
