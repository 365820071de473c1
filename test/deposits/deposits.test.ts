/** Receiving, leasing and moving deposits in a real Postgres, with rivals. */
import { PgClient } from "@effect/sql-pg"
import { assert, layer } from "@effect/vitest"
import { Deferred, Duration, Effect, Exit, Fiber, Layer, Option, Schedule } from "effect"
import { SecureRandom } from "effect/crypto"
import { isSqlError } from "effect/sql/SqlError"
import { TestClock } from "effect/testing"
import type { DepositTransition } from "../../machines/deposit-events.ts"
import { stateName } from "../../src/deposits/deposit-state.ts"
import { Deposits } from "../../src/deposits/deposits.ts"
import { type Advance, advance, type Job, TransitionRefused } from "../../src/deposits/job.ts"
import { Amount, amountFromText } from "../../src/domain/amount.ts"
import { ChainName, canonicalAddress, canonicalTxHash } from "../../src/domain/chain.ts"
import { Environment, type JobId, TenantId } from "../../src/domain/ids.ts"
import { readEvents } from "../../src/event-log/event-log.ts"
import { layer as clientLayer, serviceRole } from "../../src/postgres/client.ts"
import * as a from "../machines/deposit-samples.ts"
import { TestDatabase } from "../support/postgres.ts"
import { depositsLayer, newJobs, readJobs, receive, received, receivedMany } from "./jobs.ts"

const lease = Duration.seconds(60)

/** The event made ready for each of the jobs, all of which must accept it. */
const each = (jobs: ReadonlyArray<Job>, event: DepositTransition): ReadonlyArray<Advance> =>
  jobs.map((job) => {
    const made = advance(job, event, "worker:w1")
    return made instanceof TransitionRefused ? assert.fail(made.message) : made
  })

const jobsOf = (advances: ReadonlyArray<Advance>): ReadonlyArray<Job> =>
  advances.map(({ job }) => job)

const ids = (jobs: Iterable<Job>): ReadonlyArray<JobId> =>
  Array.from(jobs, (job) => job.id).toSorted()

const only = <A>(items: ReadonlyArray<A>): A => {
  const [item] = items
  return item === undefined || items.length > 1
    ? assert.fail(`${items.length} instead of one`)
    : item
}

const typesOf = (id: JobId) =>
  Effect.gen(function* () {
    const sql = yield* PgClient.PgClient
    return (yield* readEvents(sql, id)).map((record) => record.type)
  })

// The tests of one database share its clock too: who depends on the time sets it first.

let chains = 0
/** A chain of its own for a test, so that it claims no other test's jobs. */
const newChain = () => ChainName.make(`chain-${++chains}`)

/** A claim of up to 100 due jobs. */
const claimOf = (chain: ChainName, worker = "w1") =>
  Effect.flatMap(Deposits, (deposits) =>
    deposits.claim({ worker, chains: [chain], limit: 100, lease })
  )

/** Runs an effect while another transaction has these jobs locked. */
const whileLocked = <A, E, R>(jobs: ReadonlyArray<Job>, use: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const deposits = yield* Deposits
    const locked = yield* Deferred.make<void>()
    const release = yield* Deferred.make<void>()
    const holder = yield* deposits
      .transaction(
        Effect.gen(function* () {
          assert.strictEqual((yield* deposits.lock(jobs)).size, jobs.length)
          yield* Deferred.succeed(locked, undefined)
          yield* Deferred.await(release)
        })
      )
      .pipe(Effect.forkChild)
    yield* Effect.raceFirst(Deferred.await(locked), Fiber.join(holder))
    const result = yield* Effect.ensuring(use, Deferred.succeed(release, undefined))
    yield* Fiber.join(holder)
    return result
  })

/** Returns once a connection to this database waits for a lock. */
const lockAwaited = (sql: PgClient.PgClient) =>
  sql`SELECT 1 FROM pg_stat_activity
      WHERE wait_event_type = 'Lock' AND datname = current_database()`.pipe(
    Effect.repeat({ until: (rows) => rows.length > 0, schedule: Schedule.spaced("5 millis") })
  )

layer(depositsLayer)("receiving claims", (it) => {
  it.effect("makes one job of equal claims, however their hex and zeros were written", () =>
    Effect.gen(function* () {
      const claims = [
        [`0x${"ab".repeat(32)}`, `0x${"cd".repeat(20)}`, "1.50"],
        [`0X${"AB".repeat(32)}`, `0x${"CD".repeat(20)}`, "01.5"],
        [`0x${"aB".repeat(32)}`, `0x${"Cd".repeat(20)}`, "1.500000000000000000"]
      ].map(([hash = "", address = "", amount = ""]) => {
        const tx_hash = canonicalTxHash("evm", hash)
        const to_address = canonicalAddress("evm", address)
        const exact = amountFromText(amount)
        return tx_hash === undefined || to_address === undefined || exact === undefined
          ? assert.fail("not canonical")
          : received({ tx_hash, to_address, amount: exact })
      })
      const first = yield* receive(claims.slice(0, 1))
      const again = yield* receive(claims)
      const { job_id } = only(first)
      assert.deepStrictEqual(first, [{ job_id, created: true, status: "pending" }])
      assert.deepStrictEqual(
        again,
        claims.map(() => ({ job_id, created: false, status: "pending" }))
      )
      assert.deepStrictEqual(yield* typesOf(job_id), ["deposit.received"])
    })
  )

  it.effect("makes different jobs of claims that differ in anything that identifies them", () =>
    Effect.gen(function* () {
      const one = received()
      const amount = amountFromText("1.51") ?? one.claim.amount
      const claims = [
        one,
        { ...one, tenant_id: TenantId.make("globex") },
        { ...one, environment: Environment.make("staging") },
        ...[{ transfer_index: 0 }, { transfer_index: 1 }, { amount }, { chain: newChain() }].map(
          (claim) => ({ ...one, claim: { ...one.claim, ...claim } })
        )
      ]
      const outcomes = yield* receive(claims)
      assert.isTrue(outcomes.every((outcome) => outcome.created))
      assert.strictEqual(new Set(outcomes.map((outcome) => outcome.job_id)).size, claims.length)
    })
  )

  it.effect("answers in the order of the claims, and names only the first of equal ones new", () =>
    Effect.gen(function* () {
      const [known, fresh, other] = [received(), received(), received()]
      const { job_id } = only(yield* receive([known]))
      const outcomes = yield* receive([fresh, known, other, fresh, known])
      assert.deepStrictEqual(
        outcomes.map((outcome) => outcome.created),
        [true, false, true, false, false]
      )
      const [first, second, third, fourth, fifth] = outcomes.map((outcome) => outcome.job_id)
      assert.deepStrictEqual([second, fourth, fifth], [job_id, first, job_id])
      assert.strictEqual(new Set([first, job_id, third]).size, 3)
      assert.deepStrictEqual(yield* receive([]), [])
    })
  )

  it.effect("tells how far a job of an equal claim has come", () =>
    Effect.gen(function* () {
      const deposits = yield* Deposits
      const claim = received()
      yield* deposits.append(each(yield* newJobs([claim]), a.started()))
      assert.strictEqual(only(yield* receive([claim])).status, "processing")
    })
  )

  it.effect("appends to a known job what its provider says later, once, and makes no other", () =>
    Effect.gen(function* () {
      const deposits = yield* Deposits
      const claim = received()
      const { job_id } = only(yield* receive([claim]))
      const confirmed = { ...claim, report: "confirmed" } as const
      for (const again of [confirmed, confirmed, claim]) {
        assert.deepStrictEqual(yield* receive([again]), [
          { job_id, created: false, status: "pending" }
        ])
      }
      yield* receive([{ ...claim, report: "removed" }])
      assert.deepStrictEqual(yield* typesOf(job_id), [
        "deposit.received",
        "provider.reported",
        "provider.reported"
      ])
      assert.strictEqual(only(yield* readJobs([job_id])).state.context.provider_report, "removed")
      // A replay of the older message.
      yield* deposits.receive([{ ...confirmed, isRepeated: true }])
      assert.strictEqual(only(yield* readJobs([job_id])).state.context.provider_report, "removed")
    })
  )

  it.effect("makes all jobs of one call, or none", () =>
    Effect.gen(function* () {
      const deposits = yield* Deposits
      const sql = yield* PgClient.PgClient
      const good = received()
      // More than the column holds: no decoder lets it through.
      const bad = received({ amount: Amount.make("1".repeat(30)) })
      const refused = yield* Effect.exit(deposits.receive([good, bad]))
      assert.isTrue(Exit.isFailure(refused))
      const rows = yield* sql`
        SELECT 1 FROM funding_event_jobs WHERE tx_hash = ${good.claim.tx_hash}`
      assert.deepStrictEqual(rows, [])
    })
  )

  it.effect("makes no job of a transfer that is said to be gone", () =>
    Effect.gen(function* () {
      const deposits = yield* Deposits
      const [kept, gone, dropped] = [received(), received(), received()]
      const outcomes = yield* deposits.receive([
        { ...gone, report: "removed" },
        kept,
        { ...dropped, report: "dropped" }
      ])
      assert.deepStrictEqual(
        outcomes.map((outcome) => outcome?.created),
        [undefined, true, undefined]
      )
    })
  )

  it.effect("makes one job of a transfer that is seen and confirmed in one batch", () =>
    Effect.gen(function* () {
      const claim = received()
      const [first, second] = yield* receive([claim, { ...claim, report: "confirmed" }])
      assert.strictEqual(first?.job_id, second?.job_id)
      const { state } = only(yield* readJobs(first === undefined ? [] : [first.job_id]))
      assert.strictEqual(state.context.provider_report, "confirmed")
    })
  )

  it.effect("makes each job once when twenty receive the same claims at the same moment", () =>
    Effect.gen(function* () {
      const claims = receivedMany(30)
      const outcomes = yield* Effect.forEach(
        Array.from({ length: 20 }, (_, n) => [...claims.slice(n), ...claims.slice(0, n)]),
        (batch, n) => {
          const order = n % 2 === 0 ? batch : batch.toReversed()
          return Effect.map(receive(order), (answers) =>
            answers.map((answer, index) => ({ ...answer, claim: order[index] }))
          )
        },
        { concurrency: "unbounded" }
      )
      const all = outcomes.flat()
      for (const claim of claims) {
        const answers = all.filter((answer) => answer.claim === claim)
        assert.strictEqual(answers.length, 20)
        assert.strictEqual(new Set(answers.map((answer) => answer.job_id)).size, 1)
        assert.strictEqual(answers.filter((answer) => answer.created).length, 1)
      }
      const made = [...new Set(all.map((answer) => answer.job_id))]
      assert.strictEqual(made.length, claims.length)
      for (const id of made) assert.deepStrictEqual(yield* typesOf(id), ["deposit.received"])
    })
  )

  it.effect("writes who claimed what, when, as the first event", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(61_123)
      const sql = yield* PgClient.PgClient
      const { claim, ...rest } = received({ transfer_index: 7 }, { priority: 3 })
      const job = only(yield* newJobs([{ claim, ...rest }]))
      const event = only(yield* readEvents(sql, job.id))
      const { payload: _, trace_parent: __, ...fields } = rest
      assert.deepStrictEqual(event.data, { ...fields, ...claim })
      assert.deepInclude(event, {
        sequence: 1,
        from_state: null,
        to_state: "pending",
        actor: "source:main",
        trace_id: null,
        recorded_at: "1970-01-01T00:01:01.123Z"
      })
    })
  )

  it.effect("is not stopped by a body that Postgres could not store as it is", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const deep = JSON.parse("[".repeat(100_000) + "]".repeat(100_000))
      const bodies = [
        { note: "a\u0000b" },
        { "\u0000": 1 },
        { note: "\ud800" },
        { deep },
        null,
        { note: "😀" }
      ]
      const jobs = yield* newJobs(bodies.map((payload) => received({}, { payload })))
      const rows = yield* sql<{ payload: unknown }>`
        SELECT webhook_payload AS payload FROM funding_event_jobs
        WHERE id IN ${sql.in(ids(jobs))} ORDER BY id`
      assert.deepInclude(rows, { payload: { note: "a\ufffdb" } })
      assert.deepInclude(rows, { payload: { note: "😀" } })
      assert.strictEqual(rows.length, bodies.length)
    })
  )
})

layer(depositsLayer)("claiming jobs", (it) => {
  it.effect("never gives one job to two workers", () =>
    Effect.gen(function* () {
      const deposits = yield* Deposits
      const chain = newChain()
      const jobs = yield* newJobs(receivedMany(80, { chain }))
      const claims = yield* Effect.forEach(
        Array.from({ length: 20 }, (_, n) => `w${n}`),
        (worker) => deposits.claim({ worker, chains: [chain], limit: 5, lease }),
        { concurrency: "unbounded" }
      )
      // Who finds too many rows locked may get fewer than it asked for.
      const rest = yield* claimOf(chain)
      const given = [...claims.flat(), ...rest]
      assert.deepStrictEqual(ids(given), ids(jobs))
      assert.isTrue(claims.every((batch) => batch.length <= 5))
      for (const job of given) {
        assert.deepStrictEqual(yield* typesOf(job.id), ["deposit.received", "processing.started"])
      }
    })
  )

  it.effect("passes by what another transaction holds, without waiting for it", () =>
    Effect.gen(function* () {
      const chain = newChain()
      const jobs = yield* newJobs(receivedMany(3, { chain }))
      const claimed = yield* whileLocked(jobs.slice(0, 2), claimOf(chain))
      assert.deepStrictEqual(ids(claimed), ids(jobs.slice(2)))
      assert.deepStrictEqual(ids(yield* claimOf(chain)), ids(jobs.slice(0, 2)))
    })
  )

  it.effect("gives a job again when it is due, and not before", () =>
    Effect.gen(function* () {
      const deposits = yield* Deposits
      const chain = newChain()
      yield* TestClock.setTime(Date.parse(a.at(1)))
      yield* newJobs(receivedMany(3, { chain }))
      const [retried, waiting, released, ...none] = yield* claimOf(chain)
      if (retried === undefined || waiting === undefined || released === undefined) {
        return assert.fail("not claimed")
      }
      assert.deepStrictEqual(none, [])
      yield* deposits.append([
        ...each([retried], a.failed({ next_retry_at: a.at(3) })),
        ...each([waiting], a.awaited({ look_again_at: a.at(5) })),
        ...each([released], a.released())
      ])
      assert.deepStrictEqual(ids(yield* claimOf(chain)), ids([released]))
      yield* TestClock.setTime(Date.parse(a.at(3)) - 1)
      assert.deepStrictEqual(yield* claimOf(chain), [])
      yield* TestClock.setTime(Date.parse(a.at(3)))
      assert.deepStrictEqual(ids(yield* claimOf(chain)), ids([retried]))
      yield* TestClock.setTime(Date.parse(a.at(5)))
      assert.deepStrictEqual(ids(yield* claimOf(chain)), ids([waiting]))
    })
  )

  it.effect("takes the highest priority first, and among equals the longest due", () =>
    Effect.gen(function* () {
      const deposits = yield* Deposits
      const chain = newChain()
      const made: Array<Job> = []
      for (const [minute, priority] of [0, 9, 0, 9, -1].entries()) {
        yield* TestClock.setTime(Date.parse(a.at(minute)))
        made.push(...(yield* newJobs([received({ chain }, { priority })])))
      }
      const one = deposits.claim({ worker: "w1", chains: [chain], limit: 1, lease })
      const order = (yield* Effect.replicateEffect(one, 5)).map((jobs) => only(jobs).id)
      assert.deepStrictEqual(
        order.map((id) => made.findIndex((job) => job.id === id)),
        [1, 3, 0, 2, 4]
      )
    })
  )

  it.effect("takes only jobs of the chains that it is asked for", () =>
    Effect.gen(function* () {
      const deposits = yield* Deposits
      const [open, closed, other] = [newChain(), newChain(), newChain()]
      const jobs = yield* newJobs([open, closed, other].map((chain) => received({ chain })))
      const claim = (names: ReadonlyArray<ChainName>) =>
        deposits.claim({ worker: "w1", chains: names, limit: 100, lease })
      assert.deepStrictEqual(yield* claim([]), [])
      assert.deepStrictEqual(
        ids(yield* claim([open, other])),
        ids([jobs[0], jobs[2]].flatMap((job) => job ?? []))
      )
    })
  )

  it.effect("leases the job to the worker, from now on", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const chain = newChain()
      yield* TestClock.setTime(Date.parse(a.at(1)))
      yield* newJobs([received({ chain })])
      const job = only(yield* claimOf(chain, "host-1/3"))
      assert.include(job.state.context, {
        attempt_count: 1,
        leased_by: "host-1/3",
        lease_until: a.at(2),
        last_attempt_at: a.at(1)
      })
      assert.deepStrictEqual(yield* readJobs([job.id]), [job])
      assert.deepInclude((yield* readEvents(sql, job.id)).at(-1), {
        actor: "worker:host-1/3",
        recorded_at: a.at(1),
        data: { attempt: 1, worker: "host-1/3", lease_until: a.at(2) }
      })
    })
  )

  it.effect("does not weaken the durability of a transaction that it is part of", () =>
    Effect.gen(function* () {
      const deposits = yield* Deposits
      const sql = yield* PgClient.PgClient
      const chain = newChain()
      yield* newJobs([received({ chain })])
      const setting = yield* deposits.transaction(
        Effect.gen(function* () {
          yield* sql`SET LOCAL synchronous_commit = on`
          assert.strictEqual((yield* claimOf(chain)).length, 1)
          return yield* sql`SHOW synchronous_commit`
        })
      )
      assert.deepStrictEqual(setting, [{ synchronous_commit: "on" }])
    })
  )
})

layer(depositsLayer)("appending events", (it) => {
  it.effect("lets one of two writers win a job, and the other lose that job only", () =>
    Effect.gen(function* () {
      const deposits = yield* Deposits
      const [one, two, three] = yield* newJobs(receivedMany(3))
      if (one === undefined || two === undefined || three === undefined) return assert.fail()
      const first = each([one, two], a.started({ worker: "w1" }))
      const second = each([two, three], a.started({ worker: "w2" }))
      assert.deepStrictEqual(yield* deposits.append(first), new Set([one.id, two.id]))
      assert.deepStrictEqual(yield* deposits.append(second), new Set([three.id]))
      const holders = (yield* readJobs([one.id, two.id, three.id])).map(
        (job) => job.state.context.leased_by
      )
      assert.deepStrictEqual(holders, ["w1", "w1", "w2"])
    })
  )

  it.effect("moves each job once when many writers append to the same ones at once", () =>
    Effect.gen(function* () {
      const deposits = yield* Deposits
      const jobs = yield* newJobs(receivedMany(40))
      const appended = yield* Effect.forEach(
        Array.from({ length: 12 }, (_, n) => n),
        (n) => {
          const rotated = [...jobs.slice(n * 3), ...jobs.slice(0, n * 3)]
          const mine = n % 2 === 0 ? rotated : rotated.toReversed()
          return deposits.append(each(mine.slice(0, 30), a.started({ worker: `w${n}` })))
        },
        { concurrency: "unbounded" }
      )
      const winners = new Map(appended.flatMap((won, n) => [...won].map((id) => [id, `w${n}`])))
      assert.strictEqual(
        appended.reduce((sum, won) => sum + won.size, 0),
        winners.size
      )
      assert.strictEqual(winners.size, jobs.length)
      for (const job of yield* readJobs(ids(jobs))) {
        assert.strictEqual(job.state.context.leased_by, winners.get(job.id))
        assert.deepStrictEqual(yield* typesOf(job.id), ["deposit.received", "processing.started"])
      }
    })
  )

  it.effect("appends nothing and changes nothing for a writer that comes late", () =>
    Effect.gen(function* () {
      const deposits = yield* Deposits
      const received = yield* newJobs(receivedMany(2))
      const held = each(received, a.started())
      yield* deposits.append(held)
      yield* deposits.append(each(jobsOf(held), a.failed()))
      const before = yield* readJobs(ids(received))
      for (const late of [held, each(jobsOf(held), a.credited()), each(received, a.rejected())]) {
        assert.deepStrictEqual(yield* deposits.append(late), new Set())
      }
      assert.deepStrictEqual(yield* readJobs(ids(received)), before)
      for (const job of received) {
        assert.deepStrictEqual(yield* typesOf(job.id), [
          "deposit.received",
          "processing.started",
          "attempt.failed"
        ])
      }
    })
  )

  it.effect("refuses an event that was decided upon a history which the database has lost", () =>
    Effect.gen(function* () {
      const deposits = yield* Deposits
      const job = only(yield* newJobs([received()]))
      const lost = each([job], a.started({ worker: "w1" }))
      const kept = each([job], a.started({ worker: "w2" }))
      yield* deposits.append(kept)
      const late = each(jobsOf(lost), a.credited())
      assert.strictEqual(only(late).record.sequence, 3)
      assert.deepStrictEqual(yield* deposits.lock(jobsOf(lost)), new Set())
      assert.deepStrictEqual(yield* deposits.append(late), new Set())
      assert.deepStrictEqual(yield* readJobs([job.id]), jobsOf(kept))
    })
  )

  it.effect("writes nothing of a batch that holds two events of one deposit", () =>
    Effect.gen(function* () {
      const deposits = yield* Deposits
      const [one, two] = yield* newJobs(receivedMany(2))
      if (one === undefined || two === undefined) return assert.fail()
      const started = each([one, two], a.started())
      const both = [...started, ...each(jobsOf(started).slice(0, 1), a.failed())]
      const exit = yield* Effect.exit(deposits.append(both))
      assert.strictEqual(exit._tag, "Failure")
      assert.include(String(exit), "two events of one deposit")
      assert.deepStrictEqual(yield* readJobs([one.id, two.id]), [one, two])
      assert.deepStrictEqual(yield* deposits.append([]), new Set())
    })
  )

  it.effect("stores what it is told in texts that Postgres would refuse", () =>
    Effect.gen(function* () {
      const deposits = yield* Deposits
      const started = each(yield* newJobs(receivedMany(2)), a.started())
      yield* deposits.append(started)
      const [evil, good] = jobsOf(started)
      if (evil === undefined || good === undefined) return assert.fail()
      const error = "revert \u0000\ud800"
      const failed = [
        ...each([evil], a.failed({ error, evidence: { revert: error, gas: Number.NaN } })),
        ...each([good], a.failed())
      ]
      assert.strictEqual((yield* deposits.append(failed)).size, 2)
      const stored = yield* readJobs([evil.id, good.id])
      assert.deepStrictEqual(stored, jobsOf(failed))
      assert.strictEqual(stored[0]?.state.context.last_error, "revert \ufffd\ufffd")
    })
  )
})

// Real time: retries wait, and locks are watched.
layer(depositsLayer, { excludeTestServices: true })("locks", (it) => {
  it.effect("keep a job from every other writer until the transaction ends", () =>
    Effect.gen(function* () {
      const deposits = yield* Deposits
      const sql = yield* PgClient.PgClient
      const chain = newChain()
      const jobs = yield* newJobs(receivedMany(2, { chain }))
      const stale = each(jobs.slice(0, 1), a.started())
      yield* deposits.append(stale)
      assert.deepStrictEqual(yield* deposits.lock([]), new Set())
      yield* deposits.transaction(
        Effect.gen(function* () {
          // The first has moved on, so that only the second is ours.
          assert.deepStrictEqual([...(yield* deposits.lock(jobs))], ids(jobs.slice(1)))
        })
      )
      yield* whileLocked(
        jobs.slice(1),
        Effect.gen(function* () {
          const free = yield* sql`SELECT id FROM funding_event_jobs FOR UPDATE SKIP LOCKED`
          assert.deepStrictEqual(free, [{ id: jobs[0]?.id }])
        })
      )
    })
  )

  it.effect("are taken in the order of the ids, so that batches cannot deadlock", () =>
    Effect.gen(function* () {
      const deposits = yield* Deposits
      const sql = yield* PgClient.PgClient
      const jobs = yield* newJobs(receivedMany(20))
      const [lowest, ...others] = ids(jobs)
      const descending = jobs.toSorted((x, y) => (x.id < y.id ? 1 : -1))
      const append = yield* whileLocked(
        jobs.filter((job) => job.id === lowest),
        Effect.gen(function* () {
          const fiber = yield* Effect.forkDetach(deposits.append(each(descending, a.started())))
          yield* lockAwaited(sql)
          const free = yield* sql<{ id: JobId }>`
            SELECT id FROM funding_event_jobs WHERE id IN ${sql.in(others)}
            ORDER BY id FOR UPDATE SKIP LOCKED`
          assert.deepStrictEqual(
            free.map((row) => row.id),
            others
          )
          return fiber
        })
      )
      assert.strictEqual((yield* Fiber.join(append)).size, jobs.length)
    })
  )

  it.effect("are taken by new claims in one order too, whatever the order of the batch", () =>
    Effect.gen(function* () {
      const deposits = yield* Deposits
      const sql = yield* PgClient.PgClient
      const [low, high] = receivedMany(2).toSorted((x, y) =>
        x.claim.tx_hash < y.claim.tx_hash ? -1 : 1
      )
      if (low === undefined || high === undefined) return assert.fail()
      const written = yield* Deferred.make<void>()
      const release = yield* Deferred.make<void>()
      const rival = yield* deposits
        .transaction(
          Effect.gen(function* () {
            yield* receive([low])
            yield* Deferred.succeed(written, undefined)
            yield* Deferred.await(release)
          })
        )
        .pipe(Effect.forkChild)
      yield* Deferred.await(written)
      const batch = yield* Effect.forkChild(receive([high, low]))
      yield* lockAwaited(sql)
      // The batch waits for the lower claim, and so has not written the higher one.
      const other = yield* deposits.transaction(
        Effect.andThen(sql`SET LOCAL lock_timeout = '2s'`, receive([high]))
      )
      assert.isTrue(only(other).created)
      yield* Deferred.succeed(release, undefined)
      yield* Fiber.join(rival)
      const answers = yield* Fiber.join(batch)
      assert.isTrue(answers.every((answer) => !answer.created))
    })
  )

  it.effect(
    "that deadlock make the outermost transaction run again, and nothing inside of it",
    () =>
      Effect.gen(function* () {
        const deposits = yield* Deposits
        const sql = yield* PgClient.PgClient
        const [one, two] = yield* newJobs(receivedMany(2))
        if (one === undefined || two === undefined) return assert.fail()
        const met = [yield* Deferred.make<void>(), yield* Deferred.make<void>()] as const
        let [outer, inner] = [0, 0]
        const crossing = (first: Job, second: Job, me: 0 | 1, worker: string) =>
          deposits.transaction(
            Effect.gen(function* () {
              outer++
              yield* sql`SET LOCAL deadlock_timeout = '10ms'`
              yield* deposits.append(each([first], a.started({ worker })))
              yield* Deferred.succeed(met[me], undefined)
              yield* Deferred.await(met[me === 0 ? 1 : 0])
              yield* deposits.transaction(
                Effect.suspend(() => {
                  inner++
                  return deposits.append(each([second], a.started({ worker })))
                })
              )
            })
          )
        yield* Effect.all([crossing(one, two, 0, "w1"), crossing(two, one, 1, "w2")], {
          concurrency: "unbounded"
        })
        assert.deepStrictEqual([outer, inner], [3, 3])
        const workers = (yield* readJobs([one.id, two.id])).map(
          (job) => job.state.context.leased_by
        )
        assert.strictEqual(new Set(workers).size, 1)
      })
  )
})

layer(depositsLayer)("expiring leases", (it) => {
  const expire = (limit = 100) =>
    Effect.flatMap(Deposits, (deposits) => deposits.expireLeases({ actor: "reconciler", limit }))

  it.effect("takes back what is over, and nothing else", () =>
    Effect.gen(function* () {
      const deposits = yield* Deposits
      const sql = yield* PgClient.PgClient
      yield* TestClock.setTime(Date.parse(a.at(1)))
      const held = each(yield* newJobs(receivedMany(4)), a.started())
      yield* deposits.append(held)
      const [lost, extended, done, last] = jobsOf(held)
      if (!lost || !extended || !done || !last) return assert.fail()
      yield* deposits.append([
        ...each([extended], a.extended({ lease_until: a.at(999) })),
        ...each([done], a.credited())
      ])
      yield* TestClock.setTime(Date.parse(a.at(a.leaseEnd)) - 1)
      assert.deepStrictEqual(yield* expire(), [])
      yield* TestClock.setTime(Date.parse(a.at(a.leaseEnd)))
      assert.strictEqual((yield* expire(1)).length, 1)
      assert.strictEqual((yield* expire()).length, 1)
      assert.deepStrictEqual(yield* expire(), [])
      const states = (yield* readJobs([lost.id, extended.id, done.id, last.id])).map((job) =>
        stateName(job.state)
      )
      assert.deepStrictEqual(states, ["pending", "processing", "completed.watching", "pending"])
      assert.deepInclude((yield* readEvents(sql, lost.id)).at(-1), {
        type: "lease.expired",
        actor: "reconciler",
        data: { worker: "w1", lease_until: a.at(a.leaseEnd) }
      })
    })
  )

  it.effect("gives up on a deposit whose workers are lost again and again", () =>
    Effect.gen(function* () {
      const chain = newChain()
      const job = only(yield* newJobs([received({ chain }, { max_attempts: 3 })]))
      for (const state of ["pending", "pending", "dlq"]) {
        assert.strictEqual((yield* claimOf(chain)).length, 1)
        yield* TestClock.adjust(lease)
        assert.deepStrictEqual(ids(yield* expire()), [job.id])
        assert.strictEqual(only(yield* readJobs([job.id])).state.status, state)
      }
      assert.deepStrictEqual(yield* claimOf(chain), [])
    })
  )

  it.effect("keeps a late worker from completing a deposit that another took over", () =>
    Effect.gen(function* () {
      const deposits = yield* Deposits
      const chain = newChain()
      yield* newJobs([received({ chain })])
      const late = yield* claimOf(chain, "w1")
      yield* TestClock.adjust(lease)
      yield* expire()
      const current = yield* claimOf(chain, "w2")
      assert.deepStrictEqual(ids(current), ids(late))
      assert.deepStrictEqual(yield* deposits.lock(late), new Set())
      for (const event of [a.credited(), a.failed(), a.extended({ lease_until: a.at(999) })]) {
        assert.deepStrictEqual(yield* deposits.append(each(late, event)), new Set())
      }
      assert.strictEqual((yield* deposits.append(each(current, a.credited()))).size, 1)
    })
  )
})

layer(TestDatabase.layer)("history", (it) => {
  const refusalOf = (change: string) =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const error = yield* Effect.flip(sql.unsafe(change))
      return isSqlError(error) ? `${error.reason._tag}: ${error.reason.cause}` : ""
    })
  const changes = [
    "UPDATE deposit_events SET actor = 'nobody'",
    "UPDATE deposit_events SET actor = 'nobody' WHERE false",
    "DELETE FROM deposit_events",
    "TRUNCATE deposit_events",
    `INSERT INTO deposit_events OVERRIDING SYSTEM VALUE SELECT * FROM deposit_events
     ON CONFLICT (job_id, sequence) DO UPDATE SET actor = 'nobody'`
  ]
  const depositsOver = Deposits.layer.pipe(Layer.provide(SecureRandom.layerWebCrypto))

  it.effect("cannot be changed by the owner of the table", () =>
    Effect.gen(function* () {
      const [job] = yield* newJobs([received()])
      for (const change of changes) {
        assert.match(
          yield* refusalOf(change),
          /table deposit_events is append-only: \w+ is refused/
        )
      }
      assert.deepStrictEqual(job && (yield* typesOf(job.id)), ["deposit.received"])
    }).pipe(Effect.provide(depositsOver))
  )

  it.effect(
    "can be written, and not changed, by the service's role, even without the triggers",
    () =>
      Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        const { url } = yield* TestDatabase
        const role = Option.getOrThrow(yield* serviceRole)
        yield* sql`DROP TRIGGER deposit_events_append_only ON deposit_events`
        const asService = depositsOver.pipe(
          Layer.provideMerge(clientLayer({ url, role, maxConnections: 2 }))
        )
        yield* Effect.gen(function* () {
          const deposits = yield* Deposits
          const chain = newChain()
          yield* newJobs(receivedMany(2, { chain }))
          const jobs = yield* claimOf(chain)
          yield* deposits.append(each(jobs.slice(0, 1), a.credited()))
          yield* TestClock.adjust(lease)
          assert.strictEqual((yield* deposits.expireLeases({ actor: "r", limit: 9 })).length, 1)
          for (const change of [...changes, "DROP TABLE deposit_events"]) {
            assert.match(yield* refusalOf(change), /^AuthorizationError|must be owner/, change)
          }
        }).pipe(Effect.provide(asService, { local: true }))
      })
  )
})
