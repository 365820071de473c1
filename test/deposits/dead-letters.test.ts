/** Dead letters are found, replayed and given up, and nothing is credited twice by it. */
import { PgClient } from "@effect/sql-pg"
import { assert, layer } from "@effect/vitest"
import { Deferred, Duration, Effect, Exit, Fiber, Layer, Queue } from "effect"
import { SecureRandom } from "effect/crypto"
import { TestClock } from "effect/testing"
import type { DeadLetterFilter } from "../../src/deposits/dead-letter-filter.ts"
import { DeadLetters } from "../../src/deposits/dead-letters.ts"
import { stateName } from "../../src/deposits/deposit-state.ts"
import { Deposits } from "../../src/deposits/deposits.ts"
import { advance, type Job, TransitionRefused } from "../../src/deposits/job.ts"
import { claimOf } from "../../src/deposits/job-claim.ts"
import { JobSignal } from "../../src/deposits/job-signal.ts"
import { ChainName } from "../../src/domain/chain.ts"
import { Environment, JobId, SourceId, TenantId, TokenSymbol } from "../../src/domain/ids.ts"
import { readEvents } from "../../src/event-log/event-log.ts"
import { creditorLayer } from "../../src/ledger/ledger.ts"
import { Settlement } from "../../src/settlement/settlement.ts"
import { confirmed } from "../support/scripted-validator.ts"
import { advanceAll, deadLettered, startAll, worker } from "./dead-lettered.ts"
import { depositsLayer, newJobs, readJobs, received, receivedMany } from "./jobs.ts"

const testLayer = Layer.mergeAll(
  DeadLetters.layer,
  Settlement.layer.pipe(Layer.provide(creditorLayer), Layer.provide(SecureRandom.layerWebCrypto))
).pipe(Layer.provideMerge(JobSignal.layer), Layer.provideMerge(depositsLayer))

const decision = { operator: "api:ann", reason: "the token is configured now" }

const idsOf = (jobs: ReadonlyArray<Job>) => jobs.map(({ id }) => id)

const eventsOf = (id: JobId) => Effect.flatMap(PgClient.PgClient, (sql) => readEvents(sql, id))

const stateOf = (id: JobId) =>
  Effect.map(readJobs([id]), ([job]) => job?.state ?? assert.fail("the job is gone"))

const auditOf = (ids: ReadonlyArray<JobId>) =>
  Effect.flatMap(
    PgClient.PgClient,
    (sql) => sql`SELECT action, actor, tenant_id, reason, details FROM audit_logs
                 WHERE job_id = ANY(${[...ids]}::uuid[]) ORDER BY id`
  )

/** A tenant for one test alone, so that its filters find nobody else's jobs. */
let tenants = 0
const tenantOfItsOwn = () => {
  tenants += 1
  return TenantId.make(`tenant-${tenants}`)
}
const manyOf = (tenant_id: TenantId, count: number) =>
  receivedMany(count).map((claim) => ({ ...claim, tenant_id }))

/** What a worker does with a confirmed deposit. */
const settle = (job: Job, index: string) =>
  Effect.gen(function* () {
    const verdict = confirmed(claimOf(job), index)
    if (verdict._tag !== "Confirmed") return assert.fail()
    const { settled } = yield* (yield* Settlement).settle(worker, [
      { job, finding: { _tag: "Confirmed", verdict } }
    ])
    return settled[0]?.event.type
  })

/** Lets time pass until the effect has ended. */
const inPassingTime = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const running = yield* Effect.forkChild(effect)
    while (running.pollUnsafe() === undefined) {
      // A look at the database gives it the turn.
      yield* readJobs([])
      yield* TestClock.adjust("100 millis")
    }
    return yield* Fiber.join(running)
  })

layer(testLayer)("dead letters", (it) => {
  it.effect(
    "are replayed with their history kept, their attempts reset, and the operator named",
    () =>
      Effect.gen(function* () {
        const [job] = yield* deadLettered([received()])
        if (job === undefined) return assert.fail()
        const before = yield* eventsOf(job.id)
        const outcomes = yield* (yield* DeadLetters).replay([job.id], decision)
        assert.deepStrictEqual(outcomes, [{ job_id: job.id, outcome: "done" }])
        const after = yield* eventsOf(job.id)
        assert.deepStrictEqual(after.slice(0, before.length), before)
        const added = after.slice(before.length)
        assert.deepStrictEqual(
          added.map(({ actor, data, from_state, to_state, type }) => {
            return { actor, data, from_state, to_state, type }
          }),
          [
            {
              actor: "operator:api:ann",
              data: decision,
              from_state: "dlq",
              to_state: "pending",
              type: "dlq.replayed"
            }
          ]
        )
        const { context, status } = yield* stateOf(job.id)
        assert.strictEqual(status, "pending")
        assert.strictEqual(context.attempt_count, 0)
        assert.isNull(context.failure_reason)
        assert.isNull(context.moved_to_dlq_at)
        assert.deepStrictEqual(yield* auditOf([job.id]), [
          {
            action: "replay_dlq",
            actor: "operator:api:ann",
            tenant_id: "acme",
            reason: decision.reason,
            details: { from_state: "dlq" }
          }
        ])
      })
  )

  it.effect("credit nothing twice, also if another job credited the transfer meanwhile", () =>
    Effect.gen(function* () {
      const letters = yield* DeadLetters
      const mine = received()
      const twin = { ...mine, claim: { ...mine.claim, transfer_index: 3 } }
      const [dead] = yield* deadLettered([mine])
      const [other] = yield* startAll(yield* newJobs([twin]))
      if (dead === undefined || other === undefined) return assert.fail()
      assert.strictEqual(yield* settle(other, "log:3"), "deposit.credited")
      // Again and again: whatever its history, it is credited no second time.
      for (let round = 0; round < 2; round++) {
        yield* letters.replay([dead.id], decision)
        const [held] = yield* startAll(yield* readJobs([dead.id]))
        if (held === undefined) return assert.fail()
        if (round === 0) {
          yield* advanceAll([held], (_, recorded_at) => ({
            type: "attempt.failed",
            recorded_at,
            error_type: "permanent",
            error: "once more",
            next_retry_at: null,
            evidence: null
          }))
        } else assert.strictEqual(yield* settle(held, "log:3"), "deposit.already_credited")
      }
      const [refused] = yield* letters.replay([dead.id], decision)
      assert.deepStrictEqual(refused, {
        job_id: dead.id,
        outcome: "refused",
        state: "completed.final"
      })
      const sql = yield* PgClient.PgClient
      const [ledger] = yield* sql<{ count: number }>`
        SELECT count(*)::integer AS count FROM ledger_transactions
        WHERE tx_hash = ${mine.claim.tx_hash}`
      assert.strictEqual(ledger?.count, 1)
    })
  )

  it.effect("are discarded for good, until one is replayed by name", () =>
    Effect.gen(function* () {
      const letters = yield* DeadLetters
      const [job] = yield* deadLettered([received()])
      const [fresh] = yield* newJobs([received()])
      if (job === undefined || fresh === undefined) return assert.fail()
      const nobody = JobId.make("0197a000-0000-7000-8000-000000000009")
      const outcomes = yield* letters.discard([job.id, fresh.id, nobody, job.id], decision)
      assert.deepStrictEqual(outcomes, [
        { job_id: job.id, outcome: "done" },
        { job_id: fresh.id, outcome: "refused", state: "pending" },
        { job_id: nobody, outcome: "unknown" }
      ])
      const { context, status, sub_state } = yield* stateOf(job.id)
      assert.deepStrictEqual([status, sub_state], ["failed", "settled"])
      assert.strictEqual(context.settled_because, "discarded")
      const [again] = yield* letters.discard([job.id], decision)
      assert.deepStrictEqual(again, {
        job_id: job.id,
        outcome: "refused",
        state: "failed.settled"
      })
      assert.strictEqual((yield* letters.replay([job.id], decision))[0]?.outcome, "done")
      assert.strictEqual((yield* stateOf(job.id)).status, "pending")
      assert.deepStrictEqual(
        (yield* auditOf([job.id])).map(({ action, details }) => ({ action, details })),
        [
          { action: "discard_dlq", details: { from_state: "dlq" } },
          { action: "replay_dlq", details: { from_state: "failed.settled" } }
        ]
      )
    })
  )

  it.effect("are replayed by one of several operators, and never by two", () =>
    Effect.gen(function* () {
      const letters = yield* DeadLetters
      const tenant = tenantOfItsOwn()
      const jobs = yield* deadLettered(manyOf(tenant, 40))
      yield* TestClock.adjust("1 minute")
      const all = letters.replayAll({
        ...decision,
        filter: { tenants: [tenant] },
        max_jobs: 1_000,
        rate: 1_000
      })
      const byName = letters.replay(idsOf(jobs), decision)
      const [named, again, bulk, another] = yield* Effect.all([byName, byName, all, all], {
        concurrency: "unbounded"
      })
      const doneBy = [
        named.filter(({ outcome }) => outcome === "done").length,
        again.filter(({ outcome }) => outcome === "done").length,
        bulk.replayed,
        another.replayed
      ]
      assert.strictEqual(
        doneBy.reduce((sum, count) => sum + count, 0),
        40,
        doneBy.join(", ")
      )
      for (const { id } of jobs) {
        const types = (yield* eventsOf(id)).map(({ type }) => type)
        assert.strictEqual(types.length, 4, types.join(", "))
      }
      assert.strictEqual((yield* auditOf(idsOf(jobs))).length, 40)
    })
  )

  it.effect("are left to whoever holds them, and nobody waits", () =>
    Effect.gen(function* () {
      const letters = yield* DeadLetters
      const deposits = yield* Deposits
      const tenant = tenantOfItsOwn()
      const [held, free] = yield* deadLettered(manyOf(tenant, 2))
      if (held === undefined || free === undefined) return assert.fail()
      yield* TestClock.adjust("1 minute")
      const isLocked = yield* Deferred.make<void>()
      const mayEnd = yield* Deferred.make<void>()
      const holder = yield* deposits
        .lock([held])
        .pipe(
          Effect.andThen(Deferred.succeed(isLocked, undefined)),
          Effect.andThen(Deferred.await(mayEnd)),
          deposits.transaction,
          Effect.forkChild
        )
      yield* Deferred.await(isLocked)
      const [outcome] = yield* letters.replay([held.id], decision)
      const bulk = { ...decision, filter: { tenants: [tenant] }, max_jobs: 10, rate: 10 }
      const { replayed } = yield* letters.replayAll(bulk)
      yield* Deferred.succeed(mayEnd, undefined)
      yield* Fiber.join(holder)
      assert.strictEqual(outcome?.outcome, "busy")
      assert.strictEqual(replayed, 1)
      const states = yield* readJobs([held.id, free.id])
      assert.deepStrictEqual(
        states.map(({ state }) => state.status),
        ["dlq", "pending"]
      )
      assert.strictEqual((yield* letters.replayAll(bulk)).replayed, 1)
    })
  )

  it.effect("go one way when the reconciler or the provider comes at the same moment", () =>
    Effect.gen(function* () {
      const letters = yield* DeadLetters
      const deposits = yield* Deposits
      const claims = receivedMany(12)
      const jobs = yield* deadLettered(claims, "transient")
      const confirmedOnChain = jobs.slice(0, 6).map((job) => {
        const at = new Date(0).toISOString()
        const made = advance(
          job,
          {
            type: "reconciliation.confirmed",
            recorded_at: at,
            found_by: "check",
            attempt: job.state.context.attempt_count + 1,
            worker,
            lease_until: new Date(60_000).toISOString(),
            evidence: {}
          },
          "reconciler"
        )
        return made instanceof TransitionRefused ? assert.fail(made.message) : made
      })
      const reports = claims.slice(6).map((claim) => ({ ...claim, report: "confirmed" as const }))
      const [replays, ours] = yield* Effect.all(
        [
          Effect.forEach(jobs, ({ id }) => letters.replay([id], decision), {
            concurrency: "unbounded"
          }),
          deposits.append(confirmedOnChain),
          deposits.receive(reports)
        ],
        { concurrency: "unbounded" }
      )
      for (const [index, job] of jobs.entries()) {
        const events = yield* eventsOf(job.id)
        const after = events.slice(3).map(({ type }) => type)
        const isReplayed = replays[index]?.[0]?.outcome === "done"
        assert.strictEqual(after.includes("dlq.replayed"), isReplayed)
        const state = yield* stateOf(job.id)
        assert.strictEqual(events.at(-1)?.to_state, stateName(state))
        if (index >= 6) assert.strictEqual(state.status, "pending")
        else {
          assert.notStrictEqual(isReplayed, ours.has(job.id))
          assert.strictEqual(state.status, isReplayed ? "pending" : "processing")
        }
      }
    })
  )

  it.effect(
    "are replayed no faster than the rate, at most as many as asked, the oldest first",
    () =>
      Effect.gen(function* () {
        const letters = yield* DeadLetters
        const tenant = tenantOfItsOwn()
        const jobs = yield* deadLettered(manyOf(tenant, 7))
        yield* TestClock.adjust("1 minute")
        const batches = yield* Queue.unbounded<number>()
        const running = yield* letters
          .replayAll({
            ...decision,
            filter: { tenants: [tenant] },
            max_jobs: 5,
            rate: 2,
            onBatch: (replayed) => Effect.asVoid(Queue.offer(batches, replayed))
          })
          .pipe(Effect.forkChild)
        const left = letters.count({ tenants: [tenant] })
        for (const [replayed, pause] of [
          [2, 1_000],
          [4, 1_000],
          [5, 500]
        ] as const) {
          assert.strictEqual(yield* Queue.take(batches), replayed)
          assert.strictEqual(yield* left, 7 - replayed)
          yield* TestClock.adjust(pause - 10)
          assert.strictEqual(yield* left, 7 - replayed)
          assert.isUndefined(running.pollUnsafe())
          yield* TestClock.adjust(10)
        }
        assert.strictEqual((yield* Fiber.join(running)).replayed, 5)
        const states = yield* readJobs(idsOf(jobs))
        assert.deepStrictEqual(
          states.map(({ state }) => state.status),
          [...Array(5).fill("pending"), ...Array(2).fill("dlq")]
        )
      })
  )

  it.effect("that fail again are not replayed by the same replay", () =>
    Effect.gen(function* () {
      const letters = yield* DeadLetters
      const tenant = tenantOfItsOwn()
      yield* deadLettered(manyOf(tenant, 3))
      yield* TestClock.adjust("1 minute")
      const filter: DeadLetterFilter = { tenants: [tenant] }
      const bulk = { ...decision, filter, max_jobs: 1, rate: 1_000 }
      const { until } = yield* inPassingTime(letters.replayAll(bulk))
      yield* TestClock.adjust("1 second")
      yield* deadLettered(manyOf(tenant, 5))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* letters.count({ ...filter, until }), 2)
      const rest = yield* letters.replayAll({
        ...bulk,
        filter: { ...filter, until },
        max_jobs: 100
      })
      assert.strictEqual(rest.replayed, 2)
      assert.deepStrictEqual(rest.until, until)
      assert.strictEqual(yield* letters.count(filter), 5)
    })
  )

  it.effect("wake the workers when they are replayed", () =>
    Effect.gen(function* () {
      const tenant = tenantOfItsOwn()
      const [first, second] = yield* deadLettered(manyOf(tenant, 3))
      if (first === undefined || second === undefined) return assert.fail()
      yield* TestClock.adjust("1 minute")
      let announced = 0
      // A fake that counts: what the real one does is shown by its own tests.
      const counting = Layer.succeed(JobSignal, {
        announce: Effect.sync(() => {
          announced += 1
        }),
        next: Effect.succeed(Effect.never),
        wake: Effect.void
      })
      yield* Effect.gen(function* () {
        const letters = yield* DeadLetters
        yield* letters.discard([first.id], decision)
        assert.strictEqual(announced, 0)
        yield* letters.replay([second.id], decision)
        assert.strictEqual(announced, 1)
        const bulk = { ...decision, filter: { tenants: [tenant] }, max_jobs: 10, rate: 10 }
        assert.strictEqual((yield* letters.replayAll(bulk)).replayed, 1)
        assert.strictEqual(announced, 2)
        yield* letters.replayAll(bulk)
        assert.strictEqual(announced, 2)
      }).pipe(Effect.provide(Layer.fresh(DeadLetters.layer).pipe(Layer.provide(counting))))
    })
  )

  it.effect("refuse a bulk replay without bounds", () =>
    Effect.gen(function* () {
      const letters = yield* DeadLetters
      for (const [max_jobs, rate] of [
        [0, 1],
        [100_001, 1],
        [1, 0],
        [1, 0.5]
      ] as const) {
        const exit = yield* letters
          .replayAll({ ...decision, filter: {}, max_jobs, rate })
          .pipe(Effect.exit)
        assert.isTrue(Exit.isFailure(exit))
      }
    })
  )

  it.effect("are found by each filter, counted by it, and in stable pages", () =>
    Effect.gen(function* () {
      const letters = yield* DeadLetters
      const tenant = tenantOfItsOwn()
      const base = { ...received(), tenant_id: tenant }
      const claim = (fields: Partial<typeof base>, of: Partial<typeof base.claim> = {}) => ({
        ...received(of),
        tenant_id: tenant,
        ...fields
      })
      const [early] = yield* deadLettered([claim({})], "transient", "no answer")
      yield* TestClock.adjust(Duration.hours(1))
      const [chain, token] = yield* deadLettered([
        claim({}, { chain: ChainName.make("otherchain") }),
        claim({}, { token: TokenSymbol.make("ETH") })
      ])
      yield* TestClock.adjust(Duration.hours(1))
      const [source, environment] = yield* deadLettered([
        claim({ source: SourceId.make("side") }),
        claim({ environment: Environment.make("sandbox") })
      ])
      const all = [early, chain, token, source, environment].flatMap((job) => job ?? [])
      assert.strictEqual(all.length, 5)
      const hour = early?.state.context.moved_to_dlq_at ?? ""
      const at = (hours: number) => new Date(Date.parse(hour) + hours * 3_600_000)
      const cases: ReadonlyArray<readonly [DeadLetterFilter, ReadonlyArray<Job | undefined>]> = [
        [{}, all],
        [{ chain: "otherchain" }, [chain]],
        [{ token: "ETH" }, [token]],
        [{ source: "side" }, [source]],
        [{ environment: "sandbox" }, [environment]],
        [{ error_type: "transient" }, [early]],
        [{ since: at(1) }, [chain, token, source, environment]],
        [{ until: at(1) }, [early]],
        [{ since: at(1), until: at(2) }, [chain, token]],
        [{ since: at(1), until: at(2), token: "ETH" }, [token]]
      ]
      for (const [fields, expected] of cases) {
        const filter = { ...fields, tenants: [tenant] }
        const found = yield* letters.list(filter, { limit: 10 })
        assert.sameMembers(
          found.map(({ id }) => id),
          expected.map((job) => job?.id ?? assert.fail()),
          JSON.stringify(fields)
        )
        assert.strictEqual(yield* letters.count(filter), expected.length)
      }
      const mine = { tenants: [tenant] }
      const first = yield* letters.list(mine, { limit: 3 })
      const second = yield* letters.list(mine, { before: first.at(-1)?.id, limit: 3 })
      const listed = [...first, ...second].map(({ id }) => id)
      assert.deepStrictEqual(listed, idsOf(all).toSorted().toReversed())
      assert.deepStrictEqual(yield* letters.list({ tenants: [] }, { limit: 3 }), [])
      assert.deepStrictEqual((yield* letters.causes(mine))[0], {
        chain: "localchain",
        error_type: "permanent",
        failure_reason: "it cannot be",
        count: 3
      })
    })
  )
})
