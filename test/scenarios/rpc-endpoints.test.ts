/** Endpoints die one by one under load: no deposit loses an attempt to them, and credits go on. */
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { startRpcFront } from "../../src/demo/rpc-front.ts"
import { chainOf, LocalChain } from "../support/anvil.ts"
import { awaitState } from "../support/await.ts"
import { TestDatabase } from "../support/postgres.ts"
import { startService } from "../support/service.ts"
import { assertCreditedOnce, countJobs, makeTransfers } from "../support/transfers.ts"
import { deliver } from "../support/webhooks.ts"

const testLayer = Layer.mergeAll(LocalChain.layer, TestDatabase.layer)

const deposits = 240
const everyMillis = 25
const longestGapMillis = 2000

/** Stands before anvil until it is killed: then its connections are refused. */
const startMortal = Effect.gen(function* () {
  const { anvil } = yield* LocalChain
  const scope = yield* Scope.fork(yield* Effect.scope)
  const front = yield* Scope.provide(startRpcFront(anvil.url), scope)
  return { ...front, kill: Scope.close(scope, Exit.void) }
})

const creditTimes = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  const rows = yield* sql<{ at: number }>`
    SELECT (extract(epoch FROM recorded_at) * 1000)::float8 AS at
    FROM deposit_events WHERE type = 'deposit.credited' ORDER BY recorded_at`
  return rows.map(({ at }) => at)
})

/** From each moment to the first credit after it. */
const waitsAfter = (moments: ReadonlyArray<number>, credits: ReadonlyArray<number>) =>
  moments.map((moment) => (credits.find((at) => at > moment) ?? Number.POSITIVE_INFINITY) - moment)

describe("RPC endpoints that die under load", () => {
  it.live(
    "one killed, then one silent, cost no attempt, and credits go on within 2 seconds",
    () =>
      Effect.gen(function* () {
        const { url: databaseUrl } = yield* TestDatabase
        const [first, second, third] = [yield* startMortal, yield* startMortal, yield* startMortal]
        const chain = yield* chainOf({ urls: [first.url, second.url, third.url] })
        const claims = yield* makeTransfers(deposits)
        const service = yield* startService({ databaseUrl, chains: [chain] })

        const load = yield* Effect.forEach(claims, (body) =>
          Effect.tap(Effect.forkChild(deliver(service.url, body)), Effect.sleep(everyMillis))
        ).pipe(Effect.flatMap(Fiber.joinAll), Effect.forkChild)

        const creditsBeyond = (count: number) =>
          awaitState("credits", countJobs, ({ completed = 0 }) => completed > count)
        const now = Clock.currentTimeMillis
        yield* creditsBeyond(deposits / 8)
        const killedAt = yield* now
        yield* first.kill
        yield* creditsBeyond((3 * deposits) / 8)
        assert.isAbove(yield* second.requests, 0)
        const silentAt = yield* now
        yield* second.setMode({ _tag: "Hang" })
        yield* Fiber.join(load)
        yield* awaitState(
          "every deposit credited",
          countJobs,
          ({ completed }) => completed === deposits
        )

        yield* assertCreditedOnce(claims)
        const credits = yield* creditTimes
        const gaps = credits.map((at, index) => at - (credits[index - 1] ?? at))
        assert.isBelow(Math.max(...gaps), longestGapMillis)
        for (const wait of waitsAfter([killedAt, silentAt], credits)) {
          assert.isBelow(wait, longestGapMillis)
        }
        const sql = yield* PgClient.PgClient
        const failed = yield* sql`SELECT data FROM deposit_events WHERE type = 'attempt.failed'`
        assert.deepStrictEqual(failed, [])
        const attempts = yield* sql`SELECT DISTINCT attempt_count FROM funding_event_jobs`
        assert.deepStrictEqual(attempts, [{ attempt_count: 1 }])
      }).pipe(Effect.scoped, Effect.provide(testLayer)),
    60_000
  )
})
