/** An operator stops the service under load: nothing is lost, and nothing secret was written. */
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Layer, Option, Schema } from "effect"
import { startRpcFront } from "../../src/demo/rpc-front.ts"
import { LocalChain } from "../support/anvil.ts"
import { awaitState } from "../support/await.ts"
import { TestDatabase } from "../support/postgres.ts"
import { processToken, startServiceProcess } from "../support/service-process.ts"
import {
  assertCreditedOnce,
  countJobs,
  deliverUntilAccepted,
  makeTransfers
} from "../support/transfers.ts"
import { deliver, request, secretText } from "../support/webhooks.ts"

const testLayer = Layer.mergeAll(LocalChain.layer, TestDatabase.layer)

/** Every text that is stored anywhere. */
const allStored = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  const [row] = yield* sql<{ text: string }>`
    SELECT concat(
      (SELECT string_agg(event::text, '') FROM deposit_events AS event),
      (SELECT string_agg(job::text, '') FROM funding_event_jobs AS job),
      (SELECT string_agg(entry::text, '') FROM audit_logs AS entry)) AS text`
  return row?.text ?? ""
})

const Line = Schema.fromJsonString(Schema.Record(Schema.String, Schema.Json))

/** The first line of a log whose message begins so. */
const loggedOf = (output: string, message: string) =>
  output
    .split("\n")
    .flatMap((line) => Option.toArray(Schema.decodeUnknownOption(Line)(line)))
    .find((line) => String(line.message).startsWith(message))

describe("a service that is stopped under load", () => {
  it.live(
    "ends with 0 within 30 s, and the next one completes what it left",
    () =>
      Effect.gen(function* () {
        const { anvil, usdc } = yield* LocalChain
        const { url: databaseUrl } = yield* TestDatabase
        const front = yield* startRpcFront(anvil.url)
        const claims = yield* makeTransfers(300)
        const start = startServiceProcess({
          databaseUrl,
          rpcUrl: front.url,
          usdc,
          env: { LOG_LEVEL: "trace", FUNDING_CIRCUIT_BREAKER_THRESHOLD: "1000" }
        })
        const first = yield* start
        let current = first
        const sending = yield* Effect.forEach(
          claims,
          (body) => deliverUntilAccepted(() => current.url, body),
          { concurrency: 16, discard: true }
        ).pipe(Effect.forkChild)
        yield* awaitState("progress", countJobs, ({ completed = 0 }) => completed > 20)
        const begin = yield* Clock.currentTimeMillis
        const code = yield* first.end("SIGTERM")
        assert.strictEqual(code, 0, first.output().slice(-2000))
        assert.isBelow((yield* Clock.currentTimeMillis) - begin, 30_000)
        // What it held it finished or gave back.
        assert.isUndefined((yield* countJobs).processing)

        const second = yield* start
        current = second
        yield* Fiber.join(sending).pipe(Effect.timeout("30 seconds"))
        yield* awaitState(
          "every deposit completed",
          countJobs,
          ({ completed }) => completed === claims.length,
          "60 seconds"
        )
        yield* assertCreditedOnce(claims)

        // Errors of each kind, so that they are in the logs too.
        yield* front.setMode({ _tag: "Status", status: 503 })
        yield* deliver(second.url, { ...claims[0], amount: "7" })
        yield* awaitState("a failed attempt", countJobs, ({ failed = 0 }) => failed > 0)
        const refused = yield* deliver(second.url, claims[0], { secret: `${secretText}AAAA` })
        const unauthorized = yield* request(`${second.url}/v1/jobs/x`, {
          headers: { authorization: `Bearer ${processToken}x` }
        })
        yield* second.end("SIGTERM")

        const written = [
          first.output(),
          second.output(),
          yield* allStored,
          refused.text,
          unauthorized.text
        ].join("\n")
        assert.include(written, "HTTP 503")
        const fields = { chain: "localchain", attempt: 1 }
        const credited = loggedOf(first.output(), "credited 0.000001 USDC")
        assert.containSubset(credited, { ...fields, level: "INFO" })
        const failed = loggedOf(second.output(), "attempt failed")
        assert.containSubset(failed, { ...fields, error_type: "rpc_failure" })
        for (const line of [credited, failed]) {
          assert.isString(line?.job_id)
          assert.match(String(line?.tx_hash), /^0x[0-9a-f]{64}$/)
        }
        const secrets = [
          secretText.slice("whsec_".length),
          processToken,
          front.key,
          new URL(front.url).pathname,
          "v1,"
        ]
        for (const secret of secrets) {
          assert.notInclude(written, secret, `${secret} was written somewhere`)
        }
      }).pipe(Effect.scoped, Effect.provide(testLayer)),
    120_000
  )
})
