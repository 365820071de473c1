/**
 * What a provider says of a transfer over time, by the public door: what is remembered, what is an
 * event, what is no deposit. Alchemy's format, because it names senders, removals and messages.
 */
import { createHmac, randomUUID } from "node:crypto"
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer, Metric, Redacted } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { Validator } from "../../src/chains/validator.ts"
import { ChainName } from "../../src/domain/chain.ts"
import { SourceId } from "../../src/domain/ids.ts"
import { TestDatabase } from "../support/postgres.ts"
import { environment, type RunningService, startService, tenantId } from "../support/service.ts"
import { request } from "../support/webhooks.ts"
import { answerOf, jobsOf } from "./providers/conformance.ts"
import { chains, newEvmAddress, newEvmHash, usdcOf } from "./providers/fixtures.ts"

const secret = "the signing key of these tests"

class Service extends Context.Service<Service, RunningService>()("test/Service") {
  static readonly layer = Layer.effect(
    Service,
    Effect.gen(function* () {
      const { url } = yield* TestDatabase
      return yield* startService({
        databaseUrl: url,
        chains,
        sources: [
          {
            id: SourceId.make("alchemy"),
            tenant_id: tenantId,
            environment,
            provider: "alchemy",
            secrets: [Redacted.make(secret)],
            networks: new Map([["ETH_MAINNET", ChainName.make("ethereum")]])
          }
        ],
        validator: Layer.succeed(
          Validator,
          Validator.of({
            verify: () => Effect.die("no worker should ask"),
            claimableChains: Effect.succeed([]),
            circuits: Effect.succeed([])
          })
        ),
        env: { FUNDING_WORKER_ENABLED: "false" }
      })
    })
  ).pipe(Layer.provideMerge(TestDatabase.layer))
}

const activity = (fields: {
  readonly hash: string
  readonly from?: string
  readonly to?: string
}) => ({
  fromAddress: newEvmAddress(),
  toAddress: newEvmAddress(),
  blockNum: "0x10",
  category: "token",
  rawContract: { rawValue: "0x16e360", address: usdcOf.ethereum, decimals: 6 },
  log: { logIndex: "0x7", removed: false },
  ...fields
})

const call = (activities: ReadonlyArray<object>, id: string = `whevt_${randomUUID()}`) => ({
  webhookId: "wh_1",
  id,
  createdAt: "2026-01-01T00:00:00.000Z",
  type: "ADDRESS_ACTIVITY",
  event: { network: "ETH_MAINNET", activity: activities }
})

const send = (body: object) =>
  Effect.gen(function* () {
    const { url } = yield* Service
    const text = JSON.stringify(body)
    const answer = yield* request(`${url}/v1/webhooks/alchemy`, {
      method: "POST",
      body: text,
      headers: {
        "content-type": "application/json",
        "x-alchemy-signature": createHmac("sha256", secret).update(text).digest("hex")
      }
    })
    assert.strictEqual(answer.status, 200, answer.text)
    return answerOf(answer.json)
  })

const reportOf = (hash: string) => Effect.map(jobsOf(hash), ([job]) => job?.provider_report)

const eventsOf = (hash: string) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient
    const rows = yield* sql<{ type: string }>`
      SELECT event.type FROM deposit_events AS event
      JOIN funding_event_jobs AS job ON job.id = event.job_id
      WHERE job.tx_hash = ${hash} ORDER BY event.sequence`
    return rows.map(({ type }) => type)
  })

layer(Service.layer, { excludeTestServices: true })("a provider's word", (it) => {
  it.effect(
    "that a transfer is gone, and is back, are events of its job, and a replay is none",
    () =>
      Effect.gen(function* () {
        const hash = newEvmHash()
        const seen = activity({ hash })
        const gone = { ...seen, log: { ...seen.log, removed: true } }
        const [first, removal, return_] = [call([seen]), call([gone]), call([seen])]

        assert.strictEqual((yield* send(first)).status, "accepted")
        assert.strictEqual((yield* send(removal)).status, "duplicate")
        assert.strictEqual(yield* reportOf(hash), "removed")
        // Sent again by a provider that got no answer, or by a stranger who has captured it.
        yield* send(first)
        assert.strictEqual(yield* reportOf(hash), "removed")
        // The provider's next message says that it was mined again.
        yield* send(return_)
        assert.strictEqual(yield* reportOf(hash), "seen")
        yield* send(removal)
        assert.strictEqual(yield* reportOf(hash), "seen")
        assert.deepStrictEqual(yield* eventsOf(hash), [
          "deposit.received",
          "provider.reported",
          "provider.reported"
        ])
      })
  )

  it.effect("of a transfer that leaves a registered address makes no job, and is named", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient
      const ours = newEvmAddress()
      yield* sql`
        INSERT INTO deposit_addresses ${sql.insert({
          tenant_id: tenantId,
          chain: "ethereum",
          address: ours,
          account_reference: "cust_1",
          registered_by: "test",
          registered_at: new Date(0)
        })}`
      const [out, coming] = [newEvmHash(), newEvmHash()]
      const answer = yield* send(
        call([
          { ...activity({ hash: out }), fromAddress: ours.toUpperCase().replace("0X", "0x") },
          { ...activity({ hash: coming }), toAddress: ours }
        ])
      )
      assert.strictEqual(answer.jobs.length, 1)
      assert.strictEqual(answer.ignored_count, 1)
      assert.deepInclude(answer.ignored?.[0], {
        path: "event.activity[0]",
        reason: "outgoing"
      })
      assert.deepStrictEqual(yield* jobsOf(out), [])
      assert.strictEqual((yield* jobsOf(coming)).length, 1)
    })
  )

  it.effect("that is no deposit is counted", () =>
    Effect.gen(function* () {
      const { context } = yield* Service
      const counted = Effect.map(Effect.provideContext(Metric.snapshot, context), (metrics) =>
        metrics
          .filter(
            ({ attributes, id }) =>
              id === "webhook.ignored.total" && attributes?.reason === "zero_amount"
          )
          .map(({ state }) => JSON.stringify(state))
          .join()
      )
      const before = yield* counted
      const nothing = activity({ hash: newEvmHash() })
      const answer = yield* send(
        call([{ ...nothing, rawContract: { ...nothing.rawContract, rawValue: "0x0" } }])
      )
      assert.strictEqual(answer.status, "ignored")
      assert.notStrictEqual(yield* counted, before)
    })
  )

  it.effect("under whatever id of a message is stored, and remembered", () =>
    Effect.gen(function* () {
      for (const id of ["a\u0000b", "half a pair \ud800", "\uffff"]) {
        const hash = newEvmHash()
        const body = call([activity({ hash })], id)
        assert.strictEqual((yield* send(body)).status, "accepted")
        assert.strictEqual((yield* send(body)).status, "duplicate")
        assert.strictEqual((yield* jobsOf(hash)).length, 1)
      }
    })
  )

  it.effect("of more transfers than anybody sends is taken whole: dust holds nothing up", () =>
    Effect.gen(function* () {
      const hash = newEvmHash()
      const dust = Array.from({ length: 1_500 }, (_, index) => ({
        ...activity({ hash }),
        log: { logIndex: `0x${index.toString(16)}`, removed: false }
      }))
      const answer = yield* send(call(dust))
      assert.strictEqual(answer.jobs.length, 1_500)
    })
  )

  it.effect("is awaited at an address that answers HEAD and GET", () =>
    Effect.gen(function* () {
      const { url } = yield* Service
      for (const method of ["HEAD", "GET"]) {
        const statusOf = (source: string) =>
          Effect.promise(async () => {
            const response = await fetch(`${url}/v1/webhooks/${source}`, { method })
            await response.body?.cancel()
            return response.status
          })
        assert.strictEqual(yield* statusOf("alchemy"), 200)
        assert.strictEqual(yield* statusOf("nobody"), 404)
      }
    })
  )
})
