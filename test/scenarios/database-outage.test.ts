/** The database goes away under load and comes back: no accepted webhook is missing. */
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Ref, Schedule, Schema } from "effect"
import { layer as clientLayer } from "../../src/postgres/client.ts"
import { chainOf, LocalChain } from "../support/anvil.ts"
import { awaitState } from "../support/await.ts"
import { ownServer } from "../support/own-server.ts"
import { startService } from "../support/service.ts"
import { assertCreditedOnce, countJobs, makeTransfers } from "../support/transfers.ts"
import { deliver, request } from "../support/webhooks.ts"

const Accepted = Schema.Struct({ job_id: Schema.String })

describe("a database that goes away under load", () => {
  it.live(
    "makes webhooks get 503, loses none that got 200, and credits each once when it is back",
    () =>
      Effect.gen(function* () {
        const server = yield* ownServer
        const service = yield* startService({
          databaseUrl: server.url,
          chains: [yield* chainOf({ confirmations: 1 })],
          env: { FUNDING_WORKER_POLL_INTERVAL: "200ms", FUNDING_WORKER_LEASE: "2s" }
        })
        const claims = yield* makeTransfers(300)
        const accepted = yield* Ref.make<ReadonlyArray<string>>([])
        const refused = yield* Ref.make(0)

        const sendUntilAccepted = (body: unknown) =>
          deliver(service.url, body).pipe(
            Effect.tap(({ status, json, headers }) => {
              if (status === 200) {
                const { job_id } = Schema.decodeUnknownSync(Accepted)(json)
                return Ref.update(accepted, (ids) => [...ids, job_id])
              }
              assert.strictEqual(status, 503)
              assert.strictEqual(headers.get("retry-after"), "5")
              return Ref.update(refused, (count) => count + 1)
            }),
            Effect.repeat({
              until: ({ status }) => status === 200,
              schedule: Schedule.spaced("50 millis")
            })
          )
        const sending = yield* Effect.forEach(claims, sendUntilAccepted, {
          concurrency: 8,
          discard: true
        }).pipe(Effect.forkChild)

        for (let outage = 0; outage < 2; outage++) {
          const before = (yield* Ref.get(accepted)).length
          yield* awaitState("more accepted", Ref.get(accepted), (ids) => ids.length > before + 30)
          yield* server.stop
          const refusedBefore = yield* Ref.get(refused)
          yield* awaitState("refusals", Ref.get(refused), (count) => count > refusedBefore + 10)
          assert.strictEqual((yield* request(`${service.url}/readyz`)).status, 503)
          assert.strictEqual((yield* request(`${service.url}/healthz`)).status, 200)
          yield* server.start
        }
        yield* Fiber.join(sending)

        yield* Effect.gen(function* () {
          const sql = yield* PgClient.PgClient
          const ids = yield* Ref.get(accepted)
          assert.strictEqual(new Set(ids).size, claims.length)
          const [row] = yield* sql<{ count: number }>`
            SELECT count(*)::int FROM funding_event_jobs WHERE id = ANY(${[...ids]}::uuid[])`
          assert.strictEqual(row?.count, claims.length)
          yield* awaitState(
            "every deposit completed",
            countJobs,
            ({ completed }) => completed === claims.length,
            "60 seconds"
          )
          yield* assertCreditedOnce(claims)
        }).pipe(Effect.provide(clientLayer({ url: server.url, maxConnections: 1 })))
        assert.strictEqual((yield* request(`${service.url}/readyz`)).status, 200)
      }).pipe(Effect.scoped, Effect.provide(LocalChain.layer)),
    120_000
  )
})
