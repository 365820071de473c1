/** What a worker found is written whole or not at all, and credits nothing twice. */
import { PgClient } from "@effect/sql-pg"
import { assert, layer } from "@effect/vitest"
import { Duration, Effect, Layer } from "effect"
import { SecureRandom } from "effect/crypto"
import { Deposits } from "../../src/deposits/deposits.ts"
import { advance, type Job, TransitionRefused } from "../../src/deposits/job.ts"
import { claimOf } from "../../src/deposits/job-claim.ts"
import { Address } from "../../src/domain/chain.ts"
import { Creditor } from "../../src/ledger/creditor.ts"
import { creditorLayer, Ledger } from "../../src/ledger/ledger.ts"
import type { Finding } from "../../src/settlement/finding.ts"
import { Settlement } from "../../src/settlement/settlement.ts"
import { depositsLayer, localchain, newJobs, readJobs, received } from "../deposits/jobs.ts"
import { confirmed } from "../support/scripted-validator.ts"

const settlementLayer = Settlement.layer.pipe(Layer.provide(SecureRandom.layerWebCrypto))

const testLayer = Layer.mergeAll(settlementLayer, Ledger.layer).pipe(
  Layer.provideMerge(creditorLayer),
  Layer.provideMerge(depositsLayer)
)

const lease = Duration.seconds(60)

/** New jobs, in the hands of a worker. */
const heldBy = (worker: string, claims: ReadonlyArray<ReturnType<typeof received>>) =>
  Effect.gen(function* () {
    const deposits = yield* Deposits
    const made = yield* newJobs(claims)
    const started = made.map((job) => {
      const now = new Date(0).toISOString()
      const next = advance(
        job,
        {
          type: "processing.started",
          recorded_at: now,
          attempt: 1,
          worker,
          lease_until: new Date(Duration.toMillis(lease)).toISOString()
        },
        `worker:${worker}`
      )
      if (next instanceof TransitionRefused) return assert.fail(next.message)
      return next
    })
    assert.strictEqual((yield* deposits.append(started)).size, started.length)
    return started.map(({ job }) => job)
  })

const found = (job: Job, index = "native"): { job: Job; finding: Finding } => {
  const verdict = confirmed(claimOf(job), index)
  if (verdict._tag !== "Confirmed") return assert.fail()
  return { job, finding: { _tag: "Confirmed", verdict } }
}

const ledgerOf = (jobs: ReadonlyArray<Job>) =>
  Effect.gen(function* () {
    const sql = yield* PgClient.PgClient
    const hashes = [...new Set(jobs.map(({ state }) => state.context.tx_hash))]
    const [row] = yield* sql<{ transactions: number; entries: number; sum: string | null }>`
      SELECT count(DISTINCT transaction.id)::int AS transactions, count(entry.*)::int AS entries,
             sum(entry.amount)::text AS sum
      FROM ledger_transactions AS transaction
      LEFT JOIN ledger_entries AS entry ON entry.transaction_id = transaction.id
      WHERE transaction.tx_hash = ANY(${hashes}::text[])`
    return row
  })

const zero = "0.000000000000000000"

const stateOf = (job: Job) =>
  Effect.map(readJobs([job.id]), ([now]) => {
    if (now === undefined) return assert.fail("the job is gone")
    return now
  })

layer(testLayer)("a settlement", (it) => {
  it.effect("credits a confirmed deposit with both sides, in the event's transaction", () =>
    Effect.gen(function* () {
      const settlement = yield* Settlement
      const ledger = yield* Ledger
      const [job] = yield* heldBy("w1", [received()])
      if (job === undefined) return assert.fail()
      const { settled, lost } = yield* settlement.settle("worker:w1", [found(job)])
      assert.deepStrictEqual(lost, [])
      assert.strictEqual(settled[0]?.event.type, "deposit.credited")
      const after = yield* stateOf(job)
      assert.strictEqual(after.state.status, "completed")
      assert.strictEqual(after.state.sub_state, "final")
      assert.deepStrictEqual(after, settled[0]?.job)
      assert.deepStrictEqual(yield* ledgerOf([job]), { transactions: 1, entries: 2, sum: zero })
      const balances = yield* ledger.balances(localchain, claimOf(job).to_address)
      assert.deepStrictEqual(balances, [
        { tenant_id: "acme", environment: "production", token: "USDC", amount: "1.5" }
      ])
    })
  )

  it.effect("credits one of two claims about one transfer, whether in one batch or in two", () =>
    Effect.gen(function* () {
      const settlement = yield* Settlement
      const first = received()
      const { claim } = first
      const twin = { ...first, claim: { ...claim, transfer_index: 3 } }
      const triplet = { ...first, claim: { ...claim, transfer_index: 4 } }
      const [one, two, three] = yield* heldBy("w1", [first, twin, triplet])
      if (one === undefined || two === undefined || three === undefined) return assert.fail()
      const together = yield* settlement.settle("worker:w1", [
        found(one, "log:3"),
        found(two, "log:3")
      ])
      const types = together.settled.map(({ event }) => event.type)
      assert.sameMembers(types, ["deposit.credited", "deposit.already_credited"])
      const later = yield* settlement.settle("worker:w1", [found(three, "log:3")])
      const credited = together.settled.find(({ event }) => event.type === "deposit.credited")
      const event = later.settled[0]?.event
      if (event?.type !== "deposit.already_credited") return assert.fail(event?.type)
      assert.strictEqual(event.credited_by_job_id, credited?.job.id)
      assert.strictEqual(later.settled[0]?.job.state.sub_state, "final")
      assert.deepStrictEqual(yield* ledgerOf([one]), { transactions: 1, entries: 2, sum: zero })
    })
  )

  it.effect("credits once when workers settle claims about one transfer at the same moment", () =>
    Effect.gen(function* () {
      const settlement = yield* Settlement
      const first = received({ to_address: Address.make(`0x${"12".repeat(20)}`) })
      const claims = Array.from({ length: 12 }, (_, transfer_index) => ({
        ...first,
        claim: { ...first.claim, transfer_index }
      }))
      const jobs = yield* heldBy("w1", claims)
      const results = yield* Effect.forEach(
        jobs,
        (job) => settlement.settle("worker:w1", [found(job, "log:0")]),
        { concurrency: "unbounded" }
      )
      const types = results.flatMap(({ settled }) => settled.map(({ event }) => event.type))
      assert.strictEqual(types.length, 12)
      const { to_address } = first.claim
      const balances = yield* (yield* Ledger).balances(localchain, to_address)
      assert.deepStrictEqual(
        balances.map(({ amount }) => amount),
        ["1.5"]
      )
      assert.strictEqual(types.filter((type) => type === "deposit.credited").length, 1)
      assert.deepStrictEqual(yield* ledgerOf(jobs), { transactions: 1, entries: 2, sum: zero })
    })
  )

  it.effect("refuses a late worker's result, and the rest of its batch goes through", () =>
    Effect.gen(function* () {
      const settlement = yield* Settlement
      const deposits = yield* Deposits
      const [late, other] = yield* heldBy("w1", [received(), received()])
      if (late === undefined || other === undefined) return assert.fail()
      const released = advance(
        late,
        {
          type: "processing.released",
          recorded_at: new Date(1).toISOString(),
          reason: "shutdown",
          look_again_at: null
        },
        "worker:w1"
      )
      if (released instanceof TransitionRefused) return assert.fail(released.message)
      yield* deposits.append([released])

      const { settled, lost } = yield* settlement.settle("worker:w1", [found(late), found(other)])
      assert.deepStrictEqual(
        settled.map(({ job }) => job.id),
        [other.id]
      )
      assert.deepStrictEqual(
        lost.map(({ id }) => id),
        [late.id]
      )
      assert.strictEqual((yield* stateOf(late)).state.status, "pending")
      assert.deepStrictEqual(yield* ledgerOf([late]), { transactions: 0, entries: 0, sum: null })
    })
  )

  it.effect(
    "settled twice with the same result credits once: a lost answer may be tried again",
    () =>
      Effect.gen(function* () {
        const settlement = yield* Settlement
        const [job] = yield* heldBy("w1", [received()])
        if (job === undefined) return assert.fail()
        yield* settlement.settle("worker:w1", [found(job)])
        const again = yield* settlement.settle("worker:w1", [found(job)])
        assert.deepStrictEqual(again.settled, [])
        assert.deepStrictEqual(yield* ledgerOf([job]), { transactions: 1, entries: 2, sum: zero })
      })
  )

  it.effect("is undone whole when it dies between the credit and the event", () =>
    Effect.gen(function* () {
      const creditor = yield* Creditor
      const [job] = yield* heldBy("w1", [received()])
      if (job === undefined) return assert.fail()
      const dying = Layer.succeed(Creditor, {
        credit: (credits) => Effect.andThen(creditor.credit(credits), Effect.die("power cut")),
        reverse: creditor.reverse
      })
      const exit = yield* Settlement.pipe(
        Effect.flatMap((settlement) => settlement.settle("worker:w1", [found(job)])),
        Effect.provide(Layer.fresh(settlementLayer).pipe(Layer.provide(dying))),
        Effect.exit
      )
      assert.strictEqual(exit._tag, "Failure")
      assert.deepStrictEqual(yield* ledgerOf([job]), { transactions: 0, entries: 0, sum: null })
      assert.strictEqual((yield* stateOf(job)).state.status, "processing")
    })
  )

  it.effect("schedules the next attempt, and dead-letters the last one", () =>
    Effect.gen(function* () {
      const settlement = yield* Settlement
      const [once, hopeless, last] = yield* heldBy("w1", [
        received(),
        received(),
        received({}, { max_attempts: 1 })
      ])
      if (once === undefined || hopeless === undefined || last === undefined) return assert.fail()
      const failure = (error_type: "transient" | "permanent"): Finding => ({
        _tag: "Failure",
        error_type,
        error: "it failed",
        retry_after: null,
        evidence: { endpoint: "script" }
      })
      yield* settlement.settle("worker:w1", [
        { job: once, finding: failure("transient") },
        { job: hopeless, finding: failure("permanent") },
        { job: last, finding: failure("transient") }
      ])
      const retried = (yield* stateOf(once)).state
      assert.strictEqual(retried.sub_state, "scheduled")
      assert.isNotNull(retried.context.next_retry_at)
      for (const job of [hopeless, last]) {
        const { status, context } = (yield* stateOf(job)).state
        assert.strictEqual(status, "dlq")
        assert.strictEqual(context.failure_reason, "it failed")
        assert.isNull(context.next_retry_at)
        assert.isNotNull(context.moved_to_dlq_at)
      }
    })
  )

  it.effect("spends no attempt on a wait for confirmations or an open circuit", () =>
    Effect.gen(function* () {
      const settlement = yield* Settlement
      const [shallow, blocked] = yield* heldBy("w1", [received(), received()])
      if (shallow === undefined || blocked === undefined) return assert.fail()
      yield* settlement.settle("worker:w1", [
        {
          job: shallow,
          finding: {
            _tag: "NotFinal",
            verdict: {
              _tag: "NotFinal",
              confirmations_seen: 1,
              confirmations_needed: 2,
              look_again_after: Duration.seconds(3),
              evidence: {}
            }
          }
        },
        { job: blocked, finding: { _tag: "CircuitsOpen", retry_after: Duration.seconds(9) } }
      ])
      for (const [job, seconds] of [
        [shallow, 3],
        [blocked, 9]
      ] as const) {
        const { status, context } = (yield* stateOf(job)).state
        assert.strictEqual(status, "pending")
        assert.strictEqual(context.attempt_count, 0)
        assert.strictEqual(context.next_retry_at, new Date(seconds * 1000).toISOString())
        assert.isNull(context.leased_by)
      }
    })
  )
})
