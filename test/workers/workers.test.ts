import { assert, describe } from "@effect/vitest"
import { Deferred, Duration, Effect, Fiber, Layer, Ref } from "effect"
import { ConnectionError, SqlError } from "effect/sql/SqlError"
import { TestClock } from "effect/testing"
import { CircuitsOpen, RpcFailure, type Verdict } from "../../src/chains/validator.ts"
import { Deposits } from "../../src/deposits/deposits.ts"
import type { Job } from "../../src/deposits/job.ts"
import { JobSignal } from "../../src/deposits/job-signal.ts"
import { Settlement } from "../../src/settlement/settlement.ts"
import { localchain, newJobs, readJobs, received } from "../deposits/jobs.ts"
import { confirmAll, confirmed, type Script } from "../support/scripted-validator.ts"
import { passTimeUntil } from "./passing-time.ts"
import { hasStatus, idsOf, onlyChain, startWorkers, test, typesOf } from "./running-workers.ts"

const databaseAway = new SqlError({ reason: new ConnectionError({ cause: new Error("away") }) })

describe("the workers", () => {
  test(
    "carry deposits from pending to completed, and new ones as soon as they are signalled",
    Effect.gen(function* () {
      yield* startWorkers(confirmAll, { env: { FUNDING_WORKER_POLL_INTERVAL: "1h" } })
      const jobs = yield* newJobs(Array.from({ length: 25 }, () => received()))
      yield* (yield* JobSignal).announce
      yield* passTimeUntil(idsOf(jobs), hasStatus("completed"))
    })
  )

  test(
    "find by polling what nobody signalled",
    Effect.gen(function* () {
      yield* startWorkers(confirmAll)
      const jobs = yield* newJobs([received()])
      yield* passTimeUntil(idsOf(jobs), hasStatus("completed"))
    })
  )

  test(
    "try again after a transient failure, when it is due and not before",
    Effect.gen(function* () {
      const asked = yield* Ref.make(0)
      const script: Script = (claim) =>
        Ref.updateAndGet(asked, (count) => count + 1).pipe(
          Effect.map(
            (count): Verdict =>
              count < 3 ? { _tag: "NotFound", head: 1_000_000, evidence: {} } : confirmed(claim)
          )
        )
      yield* startWorkers(script)
      const [job] = yield* newJobs([received({}, { max_attempts: 5 })])
      if (job === undefined) return assert.fail()
      const [failed] = yield* passTimeUntil([job.id], hasStatus("failed"))
      assert.strictEqual(failed?.state.context.attempt_count, 1)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Ref.get(asked), 1)
      const [done] = yield* passTimeUntil([job.id], hasStatus("completed"))
      assert.strictEqual(done?.state.context.attempt_count, 3)
      assert.deepStrictEqual(yield* typesOf(job.id), [
        "deposit.received",
        "processing.started",
        "attempt.failed",
        "processing.started",
        "attempt.failed",
        "processing.started",
        "deposit.credited"
      ])
    })
  )

  test(
    "dead-letter a deposit whose attempts are exhausted, with the reason",
    Effect.gen(function* () {
      yield* startWorkers(() =>
        Effect.fail(
          new RpcFailure({
            chain: localchain,
            endpoint: "script",
            message: "HTTP 503 from script",
            retry_after_ms: null
          })
        )
      )
      const [job] = yield* newJobs([received({}, { max_attempts: 3 })])
      if (job === undefined) return assert.fail()
      const [dead] = yield* passTimeUntil([job.id], hasStatus("dlq"))
      assert.strictEqual(dead?.state.context.attempt_count, 3)
      assert.strictEqual(dead?.state.context.error_type, "rpc_failure")
      assert.strictEqual(dead?.state.context.failure_reason, "HTTP 503 from script")
    })
  )

  test(
    "claim nothing of a chain whose circuits are all open, and go on when one closes",
    Effect.gen(function* () {
      const open = yield* Ref.make(true)
      const claimable = Effect.map(Ref.get(open), (isOpen) => (isOpen ? [] : [localchain]))
      yield* startWorkers(confirmAll, { claimable })
      const [job] = yield* newJobs([received()])
      if (job === undefined) return assert.fail()
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(yield* typesOf(job.id), ["deposit.received"])
      yield* Ref.set(open, false)
      yield* passTimeUntil([job.id], hasStatus("completed"))
    })
  )

  test(
    "give a deposit back without an attempt when the circuits open under their hands",
    Effect.gen(function* () {
      const asked = yield* Ref.make(0)
      const script: Script = (claim) =>
        Effect.flatMap(
          Ref.updateAndGet(asked, (count) => count + 1),
          (count) =>
            count === 1
              ? Effect.fail(
                  new CircuitsOpen({ chain: claim.chain, message: "open", retry_after_ms: 7000 })
                )
              : Effect.succeed(confirmed(claim))
        )
      yield* startWorkers(script)
      const [job] = yield* newJobs([received({}, { max_attempts: 1 })])
      if (job === undefined) return assert.fail()
      const [done] = yield* passTimeUntil([job.id], hasStatus("completed"))
      assert.strictEqual(done?.state.context.attempt_count, 1)
      assert.include(yield* typesOf(job.id), "processing.released")
    })
  )

  test(
    "spend no attempt on the failure that opens the last circuit, however often it is probed",
    Effect.gen(function* () {
      const failures = yield* Ref.make(0)
      const isWell = yield* Ref.make(false)
      const script: Script = (claim) =>
        Effect.flatMap(Ref.get(isWell), (well) =>
          well
            ? Effect.succeed(confirmed(claim))
            : Effect.andThen(
                Ref.update(failures, (count) => count + 1),
                Effect.fail(
                  new RpcFailure({
                    chain: localchain,
                    endpoint: "script",
                    message: "HTTP 503 from script",
                    retry_after_ms: null
                  })
                )
              )
        )
      // As a circuit does: open after a failure, and half open, for the next probe, when asked again.
      let isOpen = false
      const claimable = Effect.map(Ref.get(failures), (count) => {
        isOpen = count > 0 && !isOpen
        return isOpen ? [] : [localchain]
      })
      yield* startWorkers(script, { env: { FUNDING_WORKER_COUNT: "1" }, claimable })
      const [job] = yield* newJobs([received({}, { max_attempts: 2 })])
      if (job === undefined) return assert.fail()
      const released = (times: number) => (current: Job) =>
        hasStatus("pending")(current) && current.sequence >= 1 + 2 * times
      const [waiting] = yield* passTimeUntil([job.id], released(4))
      assert.strictEqual(waiting?.state.context.attempt_count, 0)
      yield* Ref.set(isWell, true)
      const [done] = yield* passTimeUntil([job.id], hasStatus("completed"))
      assert.strictEqual(done?.state.context.attempt_count, 1)
      assert.notInclude(yield* typesOf(job.id), "attempt.failed")
    })
  )

  test(
    "take back leases also after a bug ended a sweep",
    Effect.gen(function* () {
      const deposits = yield* Deposits
      const [job] = yield* newJobs([received()])
      if (job === undefined) return assert.fail()
      const lease = Duration.seconds(60)
      yield* deposits.claim({ worker: "lost", chains: [localchain], limit: 1, lease })
      const bugs = yield* Ref.make(2)
      const broken = Layer.succeed(Deposits, {
        ...deposits,
        expireLeases: (options) =>
          Effect.flatMap(
            Ref.getAndUpdate(bugs, (left) => left - 1),
            (left) => (left > 0 ? Effect.die(new Error("a bug")) : deposits.expireLeases(options))
          )
      })
      yield* startWorkers(confirmAll).pipe(Effect.provide(broken))
      yield* passTimeUntil([job.id], hasStatus("completed"))
      assert.isAtMost(yield* Ref.get(bugs), 0)
    })
  )

  test(
    "settle the quick deposits of a batch while a slow one is still being validated",
    Effect.gen(function* () {
      const answer = yield* Deferred.make<void>()
      const [slow, ...quick] = yield* newJobs(Array.from({ length: 5 }, () => received()))
      if (slow === undefined) return assert.fail()
      yield* startWorkers(
        (claim) =>
          claim.tx_hash === slow.state.context.tx_hash
            ? Effect.as(Deferred.await(answer), confirmed(claim))
            : confirmAll(claim),
        { env: { FUNDING_WORKER_COUNT: "1" } }
      )
      yield* passTimeUntil(idsOf(quick), hasStatus("completed"))
      assert.strictEqual((yield* readJobs([slow.id]))[0]?.state.status, "processing")
      yield* Deferred.succeed(answer, undefined)
      yield* passTimeUntil([slow.id], hasStatus("completed"))
    })
  )

  test(
    "keep the lease of a deposit that takes longer than the lease, so that it is tried once",
    Effect.gen(function* () {
      const answer = yield* Deferred.make<void>()
      const asked = yield* Ref.make(0)
      yield* startWorkers((claim) =>
        Ref.update(asked, (count) => count + 1).pipe(
          Effect.andThen(Deferred.await(answer)),
          Effect.as(confirmed(claim))
        )
      )
      const [job] = yield* newJobs([received()])
      if (job === undefined) return assert.fail()
      const extended = (times: number) => (current: Job) => current.sequence >= 2 + times
      // Twelve thirds of a lease are four leases.
      yield* passTimeUntil([job.id], extended(12))
      yield* Deferred.succeed(answer, undefined)
      const [done] = yield* passTimeUntil([job.id], hasStatus("completed"))
      assert.strictEqual(done?.state.context.attempt_count, 1)
      assert.strictEqual(yield* Ref.get(asked), 1)
      assert.notInclude(yield* typesOf(job.id), "lease.expired")
    })
  )

  test(
    "take back what a lost worker held when its lease is over, at the cost of an attempt",
    Effect.gen(function* () {
      const [job] = yield* newJobs([received()])
      if (job === undefined) return assert.fail()
      const deposits = yield* Deposits
      yield* deposits.claim({
        worker: "lost",
        chains: [localchain],
        limit: 1,
        lease: Duration.seconds(60)
      })
      yield* startWorkers(confirmAll)
      yield* TestClock.adjust("50 seconds")
      assert.strictEqual((yield* readJobs([job.id]))[0]?.state.context.leased_by, "lost")
      const [done] = yield* passTimeUntil([job.id], hasStatus("completed"))
      assert.strictEqual(done?.state.context.attempt_count, 2)
      assert.include(yield* typesOf(job.id), "lease.expired")
    })
  )

  test(
    "survive a bug in the validator: the deposit fails as unknown, and the others go on",
    Effect.gen(function* () {
      const [bad, good] = yield* newJobs([received({}, { max_attempts: 1 }), received()])
      if (bad === undefined || good === undefined) return assert.fail()
      yield* startWorkers((claim) =>
        claim.tx_hash === bad.state.context.tx_hash
          ? Effect.die(new TypeError("a bug"))
          : confirmAll(claim)
      )
      yield* passTimeUntil([good.id], hasStatus("completed"))
      const [dead] = yield* passTimeUntil([bad.id], hasStatus("dlq"))
      assert.strictEqual(dead?.state.context.error_type, "unknown")
    })
  )

  test(
    "are started again when they die",
    Effect.gen(function* () {
      const deaths = yield* Ref.make(2)
      const claimable = Effect.flatMap(
        Ref.getAndUpdate(deaths, (left) => left - 1),
        (left) => (left > 0 ? Effect.die(new Error("dies")) : onlyChain)
      )
      yield* startWorkers(confirmAll, { claimable })
      const [job] = yield* newJobs([received()])
      if (job === undefined) return assert.fail()
      yield* passTimeUntil([job.id], hasStatus("completed"))
    })
  )

  test(
    "finish what they hold when they are told to stop, and claim nothing more",
    Effect.gen(function* () {
      const answer = yield* Deferred.make<void>()
      const asked = yield* Deferred.make<void>()
      const workers = yield* startWorkers(
        (claim) =>
          Deferred.succeed(asked, undefined).pipe(
            Effect.andThen(Deferred.await(answer)),
            Effect.as(confirmed(claim))
          ),
        { env: { FUNDING_WORKER_COUNT: "1", FUNDING_WORKER_BATCH_SIZE: "1" } }
      )
      const [held, waiting] = yield* newJobs([received({}, { priority: 1 }), received()])
      if (held === undefined || waiting === undefined) return assert.fail()
      yield* passTimeUntil([held.id], hasStatus("processing"))
      yield* Deferred.await(asked)
      const stopping = yield* Effect.forkChild(workers.stop)
      yield* Deferred.succeed(answer, undefined)
      yield* Fiber.join(stopping)
      const [done, untouched] = yield* readJobs([held.id, waiting.id])
      assert.strictEqual(done?.state.status, "completed")
      assert.strictEqual(untouched?.state.status, "pending")
    })
  )

  test(
    "lose nothing to what a provider says of a deposit while they have it",
    Effect.gen(function* () {
      const deposits = yield* Deposits
      const answer = yield* Deferred.make<void>()
      yield* startWorkers((claim) => Effect.as(Deferred.await(answer), confirmed(claim)))
      const claim = received()
      const [job] = yield* newJobs([claim])
      if (job === undefined) return assert.fail()
      yield* passTimeUntil([job.id], hasStatus("processing"))
      yield* deposits.receive([{ ...claim, report: "confirmed" }])
      // The heartbeat meets the first report, and the settlement the second.
      yield* passTimeUntil([job.id], (now) => now.sequence === 4, "1 minute")
      yield* deposits.receive([{ ...claim, report: "removed" }])
      yield* Deferred.succeed(answer, undefined)
      yield* passTimeUntil([job.id], hasStatus("completed"), "10 seconds")
      assert.deepStrictEqual(yield* typesOf(job.id), [
        "deposit.received",
        "processing.started",
        "provider.reported",
        "lease.extended",
        "provider.reported",
        "deposit.credited"
      ])
    })
  )

  test(
    "know what they have settled when the database goes away before the rest is",
    Effect.gen(function* () {
      const deposits = yield* Deposits
      const settlement = yield* Settlement
      const answer = yield* Deferred.make<void>()
      const looks = yield* Ref.make(0)
      const retried = received()
      const reported = received()
      const script: Script = (claim) =>
        claim.tx_hash === retried.claim.tx_hash
          ? Deferred.await(answer).pipe(
              Effect.andThen(Ref.updateAndGet(looks, (count) => count + 1)),
              Effect.map((count) =>
                count === 1 ? { _tag: "NotFound", head: 1_000_000, evidence: {} } : confirmed(claim)
              )
            )
          : Effect.as(Deferred.await(answer), confirmed(claim))
      const sizes = yield* Ref.make<ReadonlyArray<number>>([])
      yield* startWorkers(script, {
        // Only who knows that a job is due again looks for it within the hour.
        env: { FUNDING_WORKER_COUNT: "1", FUNDING_WORKER_POLL_INTERVAL: "1h" },
        settlement: {
          settle: (worker, found) =>
            Ref.modify(sizes, (before) => [before.length, [...before, found.length]]).pipe(
              Effect.flatMap((call) =>
                call === 1 ? Effect.fail(databaseAway) : settlement.settle(worker, found)
              )
            )
        }
      })
      const jobs = yield* newJobs([retried, reported])
      yield* (yield* JobSignal).announce
      yield* passTimeUntil(idsOf(jobs), hasStatus("processing"))
      yield* deposits.receive([{ ...reported, report: "removed" }])
      yield* Deferred.succeed(answer, undefined)
      yield* passTimeUntil(idsOf(jobs), hasStatus("completed"), "10 minutes")
      assert.deepStrictEqual((yield* Ref.get(sizes)).slice(0, 3), [2, 1, 1])
    })
  )

  test(
    "release what a provider has spoken of while they had it",
    Effect.gen(function* () {
      const deposits = yield* Deposits
      const workers = yield* startWorkers(() => Effect.never)
      const claim = received()
      const [job] = yield* newJobs([claim])
      if (job === undefined) return assert.fail()
      yield* passTimeUntil([job.id], hasStatus("processing"))
      yield* deposits.receive([{ ...claim, report: "removed" }])
      const stopping = yield* Effect.forkChild(workers.stop)
      const [released] = yield* passTimeUntil([job.id], hasStatus("pending"))
      assert.strictEqual(released?.state.context.attempt_count, 0)
      yield* Fiber.join(stopping)
    })
  )

  test(
    "release what they cannot finish in time when they are told to stop",
    Effect.gen(function* () {
      const workers = yield* startWorkers(() => Effect.never)
      const [job] = yield* newJobs([received()])
      if (job === undefined) return assert.fail()
      yield* passTimeUntil([job.id], hasStatus("processing"))
      const stopping = yield* Effect.forkChild(workers.stop)
      const [released] = yield* passTimeUntil([job.id], hasStatus("pending"))
      assert.strictEqual(released?.state.context.attempt_count, 0)
      assert.strictEqual((yield* typesOf(job.id)).at(-1), "processing.released")
      yield* Fiber.join(stopping)
    })
  )
})
