/** Deposits that got stuck are settled by what the chain says, and nobody is credited twice. */
import { PgClient } from "@effect/sql-pg"
import { assert, describe } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { TestClock } from "effect/testing"
import { Addresses } from "../../src/addresses/addresses.ts"
import { AccountReference } from "../../src/addresses/registration.ts"
import { RpcFailure, type Verdict } from "../../src/chains/validator.ts"
import { Deposits } from "../../src/deposits/deposits.ts"
import { advance, type Job, TransitionRefused } from "../../src/deposits/job.ts"
import { Address } from "../../src/domain/chain.ts"
import { TenantId } from "../../src/domain/ids.ts"
import { localchain, newJobs, received } from "../deposits/jobs.ts"
import * as a from "../machines/deposit-samples.ts"
import { awaitState } from "../support/await.ts"
import { confirmAll } from "../support/scripted-validator.ts"
import { balanceOf, confirmedAs, reconcilerOf, stateOf, test, typesOf } from "./reconciling.ts"

const threshold = Duration.minutes(15)
const lease = Duration.minutes(1)

const newJob = Effect.fnUntraced(function* (address?: string) {
  const to_address = Address.make(
    address ?? `0x${crypto.randomUUID().replaceAll("-", "").padEnd(40, "0")}`
  )
  const [job] = yield* newJobs([received({ to_address })])
  return job ?? assert.fail()
})

const appendTo = Effect.fnUntraced(function* (
  job: Job,
  ...events: Parameters<typeof advance>[1][]
) {
  const deposits = yield* Deposits
  let now = job
  for (const event of events) {
    const made = advance(now, event, "test")
    if (made instanceof TransitionRefused) return assert.fail(made.message)
    yield* deposits.append([made])
    now = made.job
  }
  return now
})

const notFound: Verdict = { _tag: "NotFound", head: 1_000_000, evidence: {} }
const reverted: Verdict = { _tag: "Reverted", evidence: { block_hash: "0xb" } }

describe("a deposit older than the threshold", () => {
  test(
    "is credited if the chain confirms it, with who found it in its history and in the audit log",
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const job = yield* newJob()
      const { run } = yield* reconcilerOf({ script: confirmAll })
      yield* TestClock.adjust(Duration.subtract(threshold, Duration.seconds(1)))
      assert.strictEqual((yield* run).recovered, 0)
      assert.strictEqual(yield* stateOf(job), "pending")
      yield* TestClock.adjust("1 second")
      assert.include(yield* run, { checked: 1, recovered: 1, failed: 0 })
      assert.strictEqual(yield* stateOf(job), "completed.final")
      assert.deepStrictEqual(yield* typesOf(job.id), [
        "deposit.received",
        "reconciliation.confirmed",
        "deposit.credited"
      ])
      assert.strictEqual(yield* balanceOf(job), "1.5")
      const audited = yield* sql<{ action: string; job_id: string | null; actor: string }>`
        SELECT action, job_id, actor FROM audit_logs WHERE job_id IS NOT NULL`
      assert.deepStrictEqual(audited, [
        { action: "recover_deposit", job_id: job.id, actor: "reconciler:test" }
      ])
      assert.include(yield* run, { checked: 0, recovered: 0 })
      const runs = yield* sql<{ recovered: number; started_by: string; is_audited: boolean }>`
        SELECT (report->>'recovered')::integer AS recovered, started_by,
               EXISTS (SELECT FROM audit_logs WHERE action = 'start_reconciliation'
                       AND details->>'run_id' = reconciliation_runs.id::text) AS is_audited
        FROM reconciliation_runs WHERE completed_at IS NOT NULL ORDER BY id`
      assert.deepStrictEqual(
        runs,
        [0, 1, 0].map((recovered) => ({
          recovered,
          started_by: "reconciler:test",
          is_audited: true
        }))
      )
    })
  )

  test(
    "is credited once by two instances at once, and by a worker that is at it",
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const jobs = yield* Effect.replicateEffect(newJob(), 40)
      yield* TestClock.adjust(threshold)
      const env = { FUNDING_RECONCILIATION_BATCH_SIZE: "3" }
      const instances = yield* Effect.forEach(["one", "two", "three"], (name) =>
        reconcilerOf({ script: confirmAll, env, actor: `reconciler:${name}` })
      )
      const reports = yield* Effect.forEach(instances, ({ run }) => run, {
        concurrency: "unbounded"
      })
      assert.strictEqual(
        reports.reduce((sum, { recovered }) => sum + recovered, 0),
        jobs.length
      )
      const [ledger] = yield* sql<{ count: number; jobs: number }>`
        SELECT count(*)::integer AS count, count(DISTINCT job_id)::integer AS jobs FROM ledger_transactions`
      assert.deepStrictEqual(ledger, { count: jobs.length, jobs: jobs.length })
      assert.isAbove(reports.filter(({ checked }) => checked > 0).length, 1)
    })
  )

  test(
    "is left to the worker that has it, and after its lease to the others, who count what it does to them",
    Effect.gen(function* () {
      const deposits = yield* Deposits
      const job = yield* newJob()
      yield* TestClock.adjust(threshold)
      yield* deposits.claim({ worker: "w1", chains: [localchain], limit: 1, lease })
      const { run } = yield* reconcilerOf({ script: confirmAll })
      assert.include(yield* run, { checked: 0, expired_leases: 0 })
      assert.strictEqual(yield* stateOf(job), "processing")
      yield* TestClock.adjust(lease)
      assert.include(yield* run, { expired_leases: 1, checked: 0, recovered: 0 })
      assert.strictEqual(yield* stateOf(job), "pending")
    })
  )

  test(
    "ends in failed.settled if it reverted, with the reason",
    Effect.gen(function* () {
      const job = yield* newJob()
      yield* TestClock.adjust(threshold)
      const { run } = yield* reconcilerOf({ script: () => Effect.succeed(reverted) })
      assert.include(yield* run, { rejected: 1 })
      assert.strictEqual(yield* stateOf(job), "failed.settled")
    })
  )

  test(
    "ends in failed.settled if the chain has not shown it for an hour, and is credited if it does one day",
    Effect.gen(function* () {
      const job = yield* newJob()
      let isMined = false
      const { run } = yield* reconcilerOf({
        script: (claim) => Effect.succeed(isMined ? confirmedAs(claim) : notFound)
      })
      yield* TestClock.adjust("59 minutes")
      assert.include(yield* run, { checked: 1, rejected: 0 })
      yield* TestClock.adjust("10 minutes")
      assert.include(yield* run, { rejected: 1 })
      assert.strictEqual(yield* stateOf(job), "failed.settled")

      isMined = true
      yield* TestClock.adjust("12 hours")
      assert.include(yield* run, { recovered: 1 })
      assert.strictEqual(yield* stateOf(job), "completed.final")
      assert.strictEqual(yield* balanceOf(job), "1.5")
    })
  )

  test(
    "is looked at in the next pass if the chain could not be asked now",
    Effect.gen(function* () {
      const job = yield* newJob()
      let isAway = true
      const { run } = yield* reconcilerOf({
        script: (claim) =>
          isAway
            ? Effect.fail(
                new RpcFailure({
                  chain: claim.chain,
                  endpoint: "host#0",
                  message: "host#0 cannot be reached",
                  retry_after_ms: null
                })
              )
            : Effect.succeed(confirmedAs(claim))
      })
      yield* TestClock.adjust(threshold)
      assert.include(yield* run, { checked: 1, failed: 1 })
      isAway = false
      yield* TestClock.adjust("10 minutes")
      assert.include(yield* run, { recovered: 1, failed: 0 })
      assert.strictEqual(yield* stateOf(job), "completed.final")
    })
  )

  test(
    "is looked at by the next instance, however often one was shut down in the middle of a look",
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const job = yield* newJob()
      yield* TestClock.adjust(threshold)
      const isTaken = Effect.map(
        sql`SELECT FROM reconciliation_checks WHERE job_id = ${job.id} AND lost_count > 0`,
        ({ length }) => length === 1
      )
      for (const _ of [1, 2, 3]) {
        const { shutdown, start } = yield* reconcilerOf({ script: () => Effect.never })
        yield* start
        yield* TestClock.withLive(awaitState("a look", isTaken, (taken) => taken))
        assert.isFalse(yield* shutdown(Duration.zero))
      }
      const { run } = yield* reconcilerOf({ script: confirmAll })
      assert.include(yield* run, { checked: 1, recovered: 1, failed: 0 })
    })
  )

  test(
    "is not looked at any more after three looks that ended with their processes, and a person is told",
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const job = yield* newJob()
      yield* TestClock.adjust(threshold)
      // As `kill -9` leaves them.
      yield* sql`
        INSERT INTO reconciliation_checks (job_id, due_at, lost_count) VALUES (${job.id}, 'epoch', 3)`
      const { run } = yield* reconcilerOf({ script: confirmAll })
      assert.include(yield* run, { checked: 0, recovered: 0, failed: 1 })
    })
  )

  test(
    "is not credited to an address that its tenant has not registered",
    Effect.gen(function* () {
      const addresses = yield* Addresses
      const job = yield* newJob()
      yield* addresses.register(
        [
          {
            tenant_id: TenantId.make("acme"),
            chain: localchain,
            address: Address.make(`0x${"ee".repeat(20)}`),
            account_reference: AccountReference.make("customer-1")
          }
        ],
        "test"
      )
      yield* TestClock.adjust(threshold)
      const { run } = yield* reconcilerOf({ script: confirmAll })
      assert.include(yield* run, { checked: 1, recovered: 0 })
      assert.strictEqual(yield* stateOf(job), "pending")
    })
  )
})

describe("a dead letter", () => {
  const exhausted = [
    a.started(),
    a.failed(),
    a.started({ attempt: 2 }),
    a.failed({ next_retry_at: null })
  ] as const

  test(
    "of bad luck is credited if the chain confirms it after all",
    Effect.gen(function* () {
      const job = yield* newJob()
      yield* appendTo(job, ...exhausted)
      assert.strictEqual(yield* stateOf(job), "dlq")
      const { run } = yield* reconcilerOf({ script: confirmAll })
      assert.include(yield* run, { recovered: 1 })
      assert.strictEqual(yield* stateOf(job), "completed.final")
      assert.strictEqual(yield* balanceOf(job), "1.5")
    })
  )

  test(
    "by the chain's word, a poison pill, and what an operator has discarded stay where they are",
    Effect.gen(function* () {
      const refused = yield* newJob()
      yield* appendTo(
        refused,
        a.started(),
        a.failed({ error_type: "permanent", next_retry_at: null })
      )
      const [pill] = yield* newJobs([received({}, { max_attempts: 9 })])
      if (pill === undefined) return assert.fail()
      yield* appendTo(
        pill,
        ...[1, 2, 3].flatMap((attempt) => [a.started({ attempt }), a.expired()])
      )
      const discarded = yield* newJob()
      yield* appendTo(discarded, ...exhausted, a.discarded())
      yield* TestClock.adjust("2 hours")
      const { run } = yield* reconcilerOf({ script: confirmAll })
      assert.include(yield* run, { checked: 0, recovered: 0 })
      assert.strictEqual(yield* stateOf(refused), "dlq")
      assert.strictEqual(yield* stateOf(pill), "dlq")
      assert.strictEqual(yield* stateOf(discarded), "failed.settled")
    })
  )

  test(
    "is looked at ever more rarely, and not for ever",
    Effect.gen(function* () {
      const job = yield* newJob()
      yield* appendTo(job, ...exhausted)
      let looks = 0
      const { run } = yield* reconcilerOf({
        script: () =>
          Effect.sync(() => {
            looks++
            return {
              _tag: "NotFinal",
              confirmations_seen: 1,
              confirmations_needed: 9,
              look_again_after: Duration.seconds(1),
              evidence: {}
            } as const
          })
      })
      const passes = (days: number) =>
        Effect.replicateEffect(Effect.andThen(TestClock.adjust("3 hours"), run), days * 8)
      yield* passes(2)
      const first = looks
      yield* passes(2)
      assert.isBelow(looks - first, first)
      yield* passes(8)
      assert.isBelow(looks, 40)
      yield* TestClock.adjust("20 days")
      const all = looks
      yield* passes(1)
      assert.strictEqual(looks, all)
    })
  )
})
