/** Several processes on one database: each transfer is credited once, also when processes die. */
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { LocalChain } from "../support/anvil.ts"
import { awaitState } from "../support/await.ts"
import { TestDatabase } from "../support/postgres.ts"
import { startServiceProcess } from "../support/service-process.ts"
import {
  assertCreditedOnce,
  countJobs,
  deliverUntilAccepted,
  inTurn,
  makeTransfers
} from "../support/transfers.ts"

const testLayer = Layer.mergeAll(LocalChain.layer, TestDatabase.layer)

describe("several processes", () => {
  it.live(
    "with 20 workers credit 2,000 deposits, each once, while every webhook is sent twice",
    () =>
      Effect.gen(function* () {
        const { anvil, usdc } = yield* LocalChain
        const { url: databaseUrl } = yield* TestDatabase
        const claims = yield* makeTransfers(2000)
        const processes = yield* Effect.forEach(
          Array.from({ length: 4 }),
          () => startServiceProcess({ databaseUrl, rpcUrl: anvil.url, usdc }),
          { concurrency: "unbounded" }
        )
        const nextUrl = inTurn(() => processes.map(({ url }) => url))
        yield* Effect.forEach(
          [...claims, ...claims],
          (body) => deliverUntilAccepted(nextUrl, body),
          { concurrency: 64, discard: true }
        )
        yield* awaitState(
          "2,000 completed deposits",
          countJobs,
          ({ completed }) => completed === 2000,
          "60 seconds"
        )
        yield* assertCreditedOnce(claims)
        const sql = yield* PgClient.PgClient
        const workers = yield* sql`SELECT DISTINCT actor FROM deposit_events
          WHERE type = 'deposit.credited'`
        assert.isAbove(workers.length, 4, "the work was shared")
      }).pipe(Effect.scoped, Effect.provide(testLayer)),
    120_000
  )

  it.live(
    "that are killed in the middle of their work lose nothing and credit nothing twice",
    () =>
      Effect.gen(function* () {
        const { anvil, usdc } = yield* LocalChain
        const { url: databaseUrl } = yield* TestDatabase
        const claims = yield* makeTransfers(400)
        const env = {
          FUNDING_WORKER_LEASE: "1s",
          FUNDING_WORKER_POLL_INTERVAL: "200ms",
          FUNDING_WORKER_MAX_ATTEMPTS: "100"
        }
        const start = startServiceProcess({ databaseUrl, rpcUrl: anvil.url, usdc, env })
        const survivor = yield* start
        let victim = yield* start
        const nextUrl = inTurn(() => [survivor.url, victim.url])
        const sender = yield* Effect.forEach(
          claims,
          (body) => deliverUntilAccepted(nextUrl, body),
          { concurrency: 4, discard: true }
        ).pipe(Effect.forkChild)
        for (let kills = 0; kills < 3; kills++) {
          const before = (yield* countJobs).completed ?? 0
          yield* awaitState(
            "progress",
            countJobs,
            ({ completed = 0 }) => completed > before || completed === claims.length
          )
          yield* victim.end("SIGKILL")
          victim = yield* start
        }
        yield* Fiber.join(sender)
        yield* awaitState(
          "every deposit completed",
          countJobs,
          ({ completed }) => completed === claims.length,
          "60 seconds"
        )
        yield* assertCreditedOnce(claims)
      }).pipe(Effect.scoped, Effect.provide(testLayer)),
    120_000
  )
})
