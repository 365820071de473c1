/** What the API answers beside the road: balances of several owners, and its own definition. */
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer, Schema } from "effect"
import { SecureRandom } from "effect/crypto"
import { Amount } from "../../src/domain/amount.ts"
import { Address, ChainName, TxHash } from "../../src/domain/chain.ts"
import { Environment, JobId, TenantId, TokenSymbol } from "../../src/domain/ids.ts"
import { Creditor } from "../../src/ledger/creditor.ts"
import { creditorLayer } from "../../src/ledger/ledger.ts"
import { get } from "../support/api.ts"
import { TestDatabase } from "../support/postgres.ts"
import { type RunningService, startService } from "../support/service.ts"
import { request } from "../support/webhooks.ts"

class Service extends Context.Service<Service, RunningService>()("test/Service") {
  static readonly layer = Layer.effect(
    Service,
    Effect.gen(function* () {
      const { url } = yield* TestDatabase
      return yield* startService({ databaseUrl: url, env: { FUNDING_WORKER_ENABLED: "false" } })
    })
  )
}

const testLayer = Layer.mergeAll(Service.layer, creditorLayer, SecureRandom.layerWebCrypto).pipe(
  Layer.provideMerge(TestDatabase.layer)
)

const address = Address.make(`0x${"ab".repeat(20)}`)
const path = `/v1/accounts/localchain/${address}`

const creditTo = (tenant: string, environment: string) =>
  Effect.gen(function* () {
    const id = yield* (yield* SecureRandom.SecureRandom).uuidV7()
    yield* (yield* Creditor).credit([
      {
        ledger_transaction_id: id,
        job_id: JobId.make(id),
        tenant_id: TenantId.make(tenant),
        environment: Environment.make(environment),
        identity: {
          chain: ChainName.make("localchain"),
          tx_hash: TxHash.make(id),
          transfer_index: "native"
        },
        to_address: address,
        token: TokenSymbol.make("ETH"),
        amount: Amount.make("1.5"),
        recorded_at: "2026-01-01T00:00:00.000Z"
      }
    ])
  })

const Problem = Schema.Struct({ status: Schema.Int, title: Schema.String, detail: Schema.String })

layer(testLayer, { excludeTestServices: true })("the API", (it) => {
  it.effect("never adds up the balances of two owners, and says how to choose one", () =>
    Effect.gen(function* () {
      const { url } = yield* Service
      yield* creditTo("acme", "production")
      const only = { account_reference: null, balances: [{ token: "ETH", amount: "1.5" }] }
      assert.deepStrictEqual((yield* get(url, path)).json, only)
      yield* creditTo("acme", "staging")
      const ambiguous = yield* get(url, path)
      assert.strictEqual(ambiguous.status, 409)
      const { detail } = Schema.decodeUnknownSync(Problem)(ambiguous.json)
      assert.match(detail, /acme\/production, acme\/staging.*environment=/)
      const chosen = yield* get(url, `${path}?environment=staging`)
      assert.deepStrictEqual(chosen.json, only)
    })
  )

  it.effect("takes an address in any case, and knows none that was not credited", () =>
    Effect.gen(function* () {
      const { url } = yield* Service
      const upper = yield* get(url, `/v1/accounts/localchain/${address.toUpperCase()}`)
      assert.strictEqual(upper.status, 409)
      for (const nobody of [`localchain/0x${"00".repeat(20)}`, `mars/${address}`, "localchain/x"]) {
        assert.strictEqual((yield* get(url, `/v1/accounts/${nobody}`)).status, 404)
      }
    })
  )

  it.effect("describes itself", () =>
    Effect.gen(function* () {
      const { url } = yield* Service
      const { json, status } = yield* request(`${url}/openapi.json`)
      assert.strictEqual(status, 200)
      assert.include(JSON.stringify(json), "/v1/jobs/{job_id}/events")
    })
  )
})
