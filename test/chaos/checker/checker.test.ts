/** The checker finds what it is there for: each test spoils a clean database in one way. */
import { PgClient } from "@effect/sql-pg"
import { assert, layer } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { TestDatabase } from "../../support/postgres.ts"
import { check } from "./check.ts"
import { readDatabase } from "./database.ts"
import type { Facts, Promised } from "./facts.ts"
import { insertDeposit } from "./history.ts"
import { type Case, cases, reversed } from "./spoiled.ts"

const nothingPromised: Promised = { reconciler: false, reorgs: false, neverAnnounced: false }

const appendOnly = ["deposit_events", "ledger_entries", "ledger_transactions", "ledger_accounts"]

/** Two clean deposits and nothing else, of which the first may be spoiled. */
const judge = (spoiled: Partial<Case>) =>
  Effect.gen(function* () {
    const sql = yield* PgClient.PgClient
    const { url } = yield* TestDatabase
    for (const table of appendOnly) yield* sql`ALTER TABLE ${sql(table)} DISABLE TRIGGER ALL`
    for (const table of [...appendOnly, "funding_event_jobs", "deposit_addresses"]) {
      yield* sql`TRUNCATE ${sql(table)}`
    }
    const first = yield* insertDeposit(1)
    const second = yield* insertDeposit(2)
    if (spoiled.spoil !== undefined) yield* spoiled.spoil(sql, first)
    const clean: Facts = {
      database: yield* readDatabase(Redacted.value(url)),
      chain: [first.transfer, second.transfer],
      acknowledged: [first.acknowledged, second.acknowledged],
      balances: [first, second].map(({ to }) => ({ address: to, token: "USDC", amount: "1.5" }))
    }
    const facts = spoiled.facts?.(clean, first) ?? clean
    return { first, ...check(facts, { ...nothingPromised, ...spoiled.promised }) }
  })

layer(TestDatabase.layer)("the checker", (it) => {
  it.effect("has nothing to say of a clean database", () =>
    Effect.gen(function* () {
      const { figures, violations } = yield* judge({})
      assert.deepStrictEqual(violations, [])
      assert.strictEqual(figures.credited, 2)
    })
  )

  it.effect("takes what the faults dead-lettered for a figure if no reconciler is promised", () =>
    Effect.gen(function* () {
      const deadLettered = cases.find(({ check }) => check === "dead-lettered")
      const { figures, violations } = yield* judge({ ...deadLettered, promised: {} })
      assert.strictEqual(figures.deadLettered, 1)
      assert.isFalse(violations.some(({ check }) => check === "lost" || check === "dead-lettered"))
    })
  )

  it.effect(
    "has nothing to say of a credit that was reversed when the chain lost its transfer",
    () =>
      Effect.gen(function* () {
        const { figures, violations } = yield* judge({
          facts: (facts, deposit) => ({
            ...reversed(facts, deposit, 1),
            chain: facts.chain.slice(1)
          })
        })
        assert.deepStrictEqual(
          violations.filter(({ check }) => check !== "ledger"),
          []
        )
        assert.deepStrictEqual([figures.credited, figures.reversed, figures.lost], [2, 1, 0])
      })
  )

  for (const spoiled of cases) {
    it.effect(`finds ${spoiled.name}, and names it`, () =>
      Effect.gen(function* () {
        const { first, violations } = yield* judge(spoiled)
        const found = violations.filter(
          ({ check, what }) => check === spoiled.check && spoiled.says.test(what)
        )
        assert.isAbove(found.length, 0, JSON.stringify(violations, null, 2))
        const isNamed = found.some(({ job_id, tx_hash }) =>
          spoiled.of === "job"
            ? job_id === first.job_id
            : spoiled.of === "neither" || tx_hash !== undefined
        )
        assert.isTrue(isNamed, JSON.stringify(found, null, 2))
      })
    )
  }
})
