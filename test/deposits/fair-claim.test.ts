/** Whose deposits a worker gets first, and which it gets alone. */
import { PgClient } from "@effect/sql-pg"
import { assert, layer } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { TestClock } from "effect/testing"
import { Deposits } from "../../src/deposits/deposits.ts"
import type { Job } from "../../src/deposits/job.ts"
import { ChainName } from "../../src/domain/chain.ts"
import { TenantId } from "../../src/domain/ids.ts"
import { depositsLayer, newJobs, received } from "./jobs.ts"

const lease = Duration.seconds(60)

let chainCount = 0
const newChain = () => ChainName.make(`fair-${++chainCount}`)

const jobsOf = (tenant: string, count: number, chain: ChainName, priority = 0) =>
  newJobs(
    Array.from({ length: count }, () =>
      received({ chain }, { tenant_id: TenantId.make(tenant), priority })
    )
  )

const claimTenants = (chain: ChainName, limit: number) =>
  Effect.gen(function* () {
    const jobs = yield* (yield* Deposits).claim({ worker: "w1", chains: [chain], limit, lease })
    return jobs.map(({ state }) => state.context.tenant_id).toSorted()
  })

const times = (count: number, tenant: string) => Array.from({ length: count }, () => tenant)

layer(depositsLayer)("a claim", (it) => {
  it.effect("gives every tenant its share, and what one does not need to the others", () =>
    Effect.gen(function* () {
      const chain = newChain()
      yield* jobsOf("huge", 100, chain)
      yield* jobsOf("small", 3, chain)
      yield* jobsOf("tiny", 1, chain)
      assert.deepStrictEqual(yield* claimTenants(chain, 9), [
        ...times(5, "huge"),
        ...times(3, "small"),
        "tiny"
      ])
      assert.deepStrictEqual(yield* claimTenants(chain, 9), times(9, "huge"))
    })
  )

  it.effect("serves all tenants in turn when there are more of them than it takes jobs", () =>
    Effect.gen(function* () {
      const chain = newChain()
      const tenants = Array.from({ length: 12 }, (_, n) => `t-${String(n).padStart(2, "0")}`)
      yield* Effect.forEach(tenants, (tenant) => jobsOf(tenant, 2, chain))
      const claims = yield* Effect.replicateEffect(claimTenants(chain, 4), 6)
      const [first, second] = [claims.slice(0, 3).flat(), claims.slice(3).flat()]
      assert.deepStrictEqual(first.toSorted(), tenants)
      assert.deepStrictEqual(second.toSorted(), tenants)
    })
  )

  it.effect("gives a tenant's large deposits first, and lets them hold up nobody else's", () =>
    Effect.gen(function* () {
      const chain = newChain()
      const [ordinary] = yield* jobsOf("huge", 1, chain)
      yield* jobsOf("huge", 20, chain, 1)
      yield* jobsOf("small", 2, chain)
      const jobs = yield* (yield* Deposits).claim({
        worker: "w1",
        chains: [chain],
        limit: 4,
        lease
      })
      assert.deepStrictEqual(
        jobs.map(({ state: { context } }) => `${context.tenant_id} ${context.priority}`).toSorted(),
        ["huge 1", "huge 1", "small 0", "small 0"]
      )
      assert.notInclude(
        jobs.map(({ id }) => id),
        ordinary?.id
      )
    })
  )

  it.effect("reads no more of a backlog than it takes", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const chain = newChain()
      yield* jobsOf("huge", 2_000, chain)
      yield* jobsOf("small", 1, chain)
      const claimed = yield* claimTenants(chain, 10)
      assert.strictEqual(claimed.length, 10)
      const [held] = yield* sql<{ count: number }>`
        SELECT count(*)::integer AS count FROM funding_event_jobs
        WHERE chain = ${chain} AND status = 'processing'`
      assert.strictEqual(held?.count, 10)
    })
  )
})

layer(depositsLayer)("a deposit that has lost a worker", (it) => {
  it.effect("is claimed alone, so that it takes no other with it if it does so again", () =>
    Effect.gen(function* () {
      const deposits = yield* Deposits
      const chain = newChain()
      const suspects = yield* jobsOf("acme", 2, chain)
      const claim = deposits.claim({ worker: "w1", chains: [chain], limit: 10, lease })
      yield* claim
      yield* TestClock.adjust(lease)
      yield* deposits.expireLeases({ actor: "sweeper", limit: 10 })
      const others = yield* jobsOf("acme", 3, chain)
      const claims = yield* Effect.replicateEffect(claim, 4)
      const idsOf = (jobs: ReadonlyArray<Job>) => jobs.map(({ id }) => id).toSorted()
      assert.deepStrictEqual(
        claims.map((jobs) => jobs.length),
        [1, 1, 3, 0]
      )
      assert.deepStrictEqual(idsOf(claims.slice(0, 2).flat()), idsOf(suspects))
      assert.deepStrictEqual(idsOf(claims[2] ?? []), idsOf(others))
    })
  )

  it.effect("is claimed soon, whoever else has work all the time", () =>
    Effect.gen(function* () {
      const deposits = yield* Deposits
      const chain = newChain()
      const [suspect] = yield* jobsOf("b", 1, chain)
      const claim = deposits.claim({ worker: "w1", chains: [chain], limit: 10, lease })
      yield* claim
      yield* TestClock.adjust(lease)
      yield* deposits.expireLeases({ actor: "sweeper", limit: 10 })
      const claimed: Array<string> = []
      for (let round = 0; round < 3; round++) {
        yield* jobsOf("a", 2, chain)
        claimed.push(...(yield* claim).map(({ id }) => id))
      }
      assert.include(claimed, suspect?.id)
    })
  )
})

layer(depositsLayer)("a tenant", (it) => {
  it.effect("is served though a thousand before it have only work that cannot be done now", () =>
    Effect.gen(function* () {
      const [down, up] = [newChain(), newChain()]
      yield* newJobs(
        Array.from({ length: 1_000 }, (_, n) =>
          received({ chain: down }, { tenant_id: TenantId.make(`t-${String(n).padStart(4, "0")}`) })
        )
      )
      yield* jobsOf("zzz", 1, up)
      const claims = yield* Effect.replicateEffect(claimTenants(up, 10), 2)
      assert.deepStrictEqual(claims.flat(), ["zzz"])
    })
  )
})
