/** The ledger is held against what was seen on chain, and a difference is told and never mended. */
import { PgClient } from "@effect/sql-pg"
import { assert, describe } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { Deposits } from "../../src/deposits/deposits.ts"
import { claimOf } from "../../src/deposits/job-claim.ts"
import { Address } from "../../src/domain/chain.ts"
import { Settlement } from "../../src/settlement/settlement.ts"
import { localchain, receive, received } from "../deposits/jobs.ts"
import { confirmAll } from "../support/scripted-validator.ts"
import { confirmedAs, reconcilerOf, test } from "./reconciling.ts"

const address = Address.make(`0x${"ab".repeat(20)}`)

const credit = (count: number) =>
  Effect.gen(function* () {
    const settlement = yield* Settlement
    yield* receive(Array.from({ length: count }, () => received({ to_address: address })))
    const jobs = yield* (yield* Deposits).claim({
      worker: "w1",
      chains: [localchain],
      limit: count,
      lease: Duration.minutes(1)
    })
    const found = jobs.map((job) => {
      const verdict = confirmedAs(claimOf(job))
      if (verdict._tag !== "Confirmed") return assert.fail()
      return { job, finding: { _tag: "Confirmed", verdict } } as const
    })
    yield* settlement.settle("worker:w1", found)
  })

/** As somebody with the rights of a superuser could. */
const tamper = (statement: "half" | "double" | "mended") =>
  Effect.gen(function* () {
    const sql = yield* PgClient.PgClient
    yield* sql`ALTER TABLE ledger_entries DISABLE TRIGGER USER`
    const factor = { half: 0.5, double: 4, mended: 0.5 }[statement]
    yield* sql`
      UPDATE ledger_entries SET amount = amount * ${factor}
      WHERE (transaction_id) = (SELECT min(transaction_id::text)::uuid FROM ledger_entries)`
    yield* sql`ALTER TABLE ledger_entries ENABLE TRIGGER USER`
  })

const audited = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  return yield* sql<{ action: string; difference: string; seen: string; booked: string }>`
    SELECT action, details->>'difference' AS difference, details->>'seen' AS seen,
           details->>'booked' AS booked
    FROM audit_logs WHERE action LIKE 'ledger%' ORDER BY id`
})

describe("the ledger against the chain", () => {
  test(
    "agrees, also while credits are made",
    Effect.gen(function* () {
      const { run } = yield* reconcilerOf({ script: confirmAll })
      yield* credit(20)
      const passes = Effect.replicateEffect(run, 5)
      const [reports] = yield* Effect.all([passes, Effect.replicateEffect(credit(20), 5)], {
        concurrency: "unbounded"
      })
      for (const report of reports) {
        assert.include(report, { ledger_differences: 0, failed: 0 })
      }
    })
  )

  test(
    "differs when an entry was changed: it is told once in the audit log, in each pass in the log, and nothing is mended",
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const { run } = yield* reconcilerOf({ script: confirmAll })
      yield* credit(2)
      assert.include(yield* run, { ledger_differences: 0 })
      yield* tamper("half")
      assert.include(yield* run, { ledger_differences: 1, failed: 0 })
      assert.include(yield* run, { ledger_differences: 1 })
      const [balance] = yield* sql<{ sum: string }>`
        SELECT trim_scale(sum(amount))::text AS sum FROM ledger_entries WHERE amount > 0`
      assert.deepStrictEqual(balance, { sum: "2.25" })
      const half = { difference: "-0.75", seen: "3", booked: "2.25" }
      assert.deepStrictEqual(yield* audited, [{ action: "ledger_differs", ...half }])

      yield* tamper("double")
      assert.include(yield* run, { ledger_differences: 1 })
      yield* tamper("mended")
      assert.include(yield* run, { ledger_differences: 0 })
      assert.deepStrictEqual(
        (yield* audited).map(({ action, difference }) => `${action} ${difference}`),
        ["ledger_differs -0.75", "ledger_differs 1.5", "ledger_agrees_again 0"]
      )
    })
  )

  test(
    "differs when money was booked that no event tells of",
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const { run } = yield* reconcilerOf({ script: confirmAll })
      yield* credit(1)
      yield* sql.withTransaction(
        Effect.gen(function* () {
          yield* sql`
            INSERT INTO ledger_transactions (
              id, tenant_id, environment, chain, tx_hash, transfer_index, job_id, recorded_at)
            SELECT gen_random_uuid(), tenant_id, environment, chain, 'invented', 'log:0', job_id, now()
            FROM ledger_transactions`
          yield* sql`
            INSERT INTO ledger_entries (transaction_id, account_id, token, amount)
            SELECT (SELECT id FROM ledger_transactions WHERE tx_hash = 'invented'), account_id, token, amount
            FROM ledger_entries`
        })
      )
      assert.include(yield* run, { ledger_differences: 1 })
      assert.deepStrictEqual(yield* audited, [
        { action: "ledger_differs", difference: "1.5", seen: "1.5", booked: "3" }
      ])
    })
  )
})
