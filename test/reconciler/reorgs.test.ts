/** Credits made before finality: finalized, or taken back when a reorganisation took the transfer away. */
import { PgClient } from "@effect/sql-pg"
import { assert, describe } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { TestClock } from "effect/testing"
import type { Verdict } from "../../src/chains/validator.ts"
import { fold } from "../../src/deposits/deposit-state.ts"
import { Deposits } from "../../src/deposits/deposits.ts"
import { claimOf } from "../../src/deposits/job-claim.ts"
import { eventFromRecord } from "../../src/deposits/recorded-event.ts"
import { readEvents } from "../../src/event-log/event-log.ts"
import { Settlement } from "../../src/settlement/settlement.ts"
import { localchain, readJobs, receive, received } from "../deposits/jobs.ts"
import type { Script } from "../support/scripted-validator.ts"
import {
  balanceOf,
  confirmedAs,
  jobNow,
  reconcilerOf,
  stateOf,
  test,
  typesOf
} from "./reconciling.ts"

const watching = { finality: "watching", block_number: 7, block_hash: "0xa" } as const
const notFound: Verdict = { _tag: "NotFound", head: 1_000_000, evidence: {} }

/** A deposit that a worker has credited in block 7, which is not final. */
const credited = Effect.gen(function* () {
  const deposits = yield* Deposits
  const settlement = yield* Settlement
  yield* receive([received()])
  const [job] = yield* deposits.claim({
    worker: "w1",
    chains: [localchain],
    limit: 1,
    lease: Duration.minutes(1)
  })
  if (job === undefined) return assert.fail()
  const verdict = confirmedAs(claimOf(job), watching)
  if (verdict._tag !== "Confirmed") return assert.fail()
  yield* settlement.settle("worker:w1", [{ job, finding: { _tag: "Confirmed", verdict } }])
  assert.strictEqual(yield* stateOf(job), "completed.watching")
  return job
})

/** What the chain says can be changed by the test. */
const sayings = (first: Script) => {
  let script = first
  return {
    script: ((claim) => script(claim)) satisfies Script,
    now: (next: Script) => {
      script = next
    }
  }
}

const says =
  (verdict: Verdict): Script =>
  () =>
    Effect.succeed(verdict)
const minute = TestClock.adjust("1 minute")

describe("a credit that is not final", () => {
  test(
    "is finalized once the chain cannot undo it",
    Effect.gen(function* () {
      const job = yield* credited
      const chain = sayings((claim) => Effect.succeed(confirmedAs(claim, watching)))
      const { run } = yield* reconcilerOf({ script: chain.script })
      assert.include(yield* run, { checked: 1, finalized: 0, reversed: 0 })
      chain.now((claim) => Effect.succeed(confirmedAs(claim, { ...watching, finality: "final" })))
      yield* TestClock.adjust("10 minutes")
      assert.include(yield* run, { finalized: 1 })
      assert.strictEqual(yield* stateOf(job), "completed.final")
      assert.strictEqual(yield* balanceOf(job), "1.5")
      yield* TestClock.adjust("10 minutes")
      assert.include(yield* run, { checked: 0 })
    })
  )

  test(
    "is reversed when it is gone in two looks, and credited again, once, each time that it is mined again",
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const job = yield* credited
      const chain = sayings(says(notFound))
      const { run } = yield* reconcilerOf({ script: chain.script })
      for (const round of [1, 2]) {
        chain.now(says(notFound))
        yield* TestClock.adjust("10 minutes")
        assert.include(yield* run, { missing: 1, reversed: 0 })
        assert.strictEqual(yield* balanceOf(job), "1.5")
        yield* minute
        assert.include(yield* run, { missing: 0, reversed: 1 })
        assert.strictEqual(yield* stateOf(job), "failed.settled")
        assert.strictEqual(yield* balanceOf(job), "0")
        assert.include((yield* jobNow(job)).state.context, {
          settled_because: "reversed",
          ledger_transaction_id: null,
          completed_at: null
        })

        chain.now((claim) => Effect.succeed(confirmedAs(claim, { ...watching, block_hash: "0xc" })))
        yield* TestClock.adjust("1 hour")
        assert.include(yield* run, { recovered: 1 })
        yield* TestClock.adjust("1 hour")
        assert.include(yield* run, { recovered: 0, reversed: 0 })
        assert.strictEqual(yield* stateOf(job), "completed.watching")
        assert.strictEqual(yield* balanceOf(job), "1.5")
        const [sum] = yield* sql<{ credits: number; reversals: number; sum: string }>`
          SELECT count(*) FILTER (WHERE kind = 'credit')::integer AS credits,
                 count(*) FILTER (WHERE kind = 'reversal')::integer AS reversals,
                 (SELECT trim_scale(sum(amount))::text FROM ledger_entries) AS sum
          FROM ledger_transactions`
        assert.deepStrictEqual(sum, { credits: round + 1, reversals: round, sum: "0" })
      }
      const types = yield* typesOf(job.id)
      assert.deepStrictEqual(types.slice(-3), [
        "deposit.reversed",
        "reconciliation.confirmed",
        "deposit.credited"
      ])
      const events = yield* readEvents(sql, job.id)
      const folded = fold(
        events.map((event) => {
          const read = eventFromRecord(event)
          return read._tag === "Success" ? read.success : assert.fail(read.failure.message)
        })
      )
      assert.deepStrictEqual("state" in folded && folded.state, (yield* jobNow(job)).state)
    })
  )

  test(
    "is not reversed for a transaction that is back at the next look",
    Effect.gen(function* () {
      const job = yield* credited
      const chain = sayings(says(notFound))
      const { run } = yield* reconcilerOf({ script: chain.script })
      assert.include(yield* run, { missing: 1 })
      chain.now((claim) => Effect.succeed(confirmedAs(claim, { ...watching, block_hash: "0xc" })))
      yield* minute
      assert.include(yield* run, { missing: 0, reversed: 0 })
      chain.now(says(notFound))
      yield* minute
      yield* TestClock.adjust("10 minutes")
      assert.include(yield* run, { missing: 1, reversed: 0 })
      assert.strictEqual(yield* balanceOf(job), "1.5")
    })
  )

  test(
    "is reversed once by instances that look at the same time",
    Effect.gen(function* () {
      const job = yield* credited
      const instances = yield* Effect.forEach(["one", "two", "three"], (name) =>
        reconcilerOf({ script: says(notFound), actor: `reconciler:${name}` })
      )
      const all = Effect.forEach(instances, ({ run }) => run, { concurrency: "unbounded" })
      yield* all
      yield* minute
      const reports = yield* all
      assert.strictEqual(
        reports.reduce((sum, { reversed }) => sum + reversed, 0),
        1
      )
      assert.strictEqual(yield* balanceOf(job), "0")
    })
  )

  test(
    "stays, and a person is told, when its own block says otherwise all of a sudden",
    Effect.gen(function* () {
      const job = yield* credited
      const { run } = yield* reconcilerOf({
        script: says({
          _tag: "Mismatch",
          reason: "it was emitted by another contract",
          expected: {},
          found: {},
          evidence: { block_hash: "0xa" }
        })
      })
      for (const _ of [1, 2, 3]) {
        assert.include(yield* run, { failed: 1, reversed: 0 })
        yield* TestClock.adjust("10 minutes")
      }
      assert.strictEqual(yield* stateOf(job), "completed.watching")
    })
  )

  test(
    "of another claim about the same transfer is found by whoever credits it after the reversal",
    Effect.gen(function* () {
      const first = yield* credited
      const { to_address, tx_hash } = claimOf(first)
      const [other] = yield* receive([received({ tx_hash, to_address, transfer_index: 3 })])
      const chain = sayings(says(notFound))
      const { run } = yield* reconcilerOf({ script: chain.script })
      yield* run
      yield* minute
      assert.include(yield* run, { reversed: 1 })
      chain.now((claim) => Effect.succeed(confirmedAs(claim, { ...watching, block_hash: "0xc" })))
      yield* TestClock.adjust("30 minutes")
      assert.include(yield* run, { recovered: 1 })
      const jobs = yield* readJobs([first.id, ...(other === undefined ? [] : [other.job_id])])
      assert.deepStrictEqual(
        jobs.map(({ state }) => `${state.status}.${state.sub_state}`).toSorted(),
        ["completed.final", "completed.watching"]
      )
      assert.strictEqual(yield* balanceOf(first), "1.5")
    })
  )
})
