/** Registering and listing addresses over HTTP. */
import { PgClient } from "@effect/sql-pg"
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer, Redacted, Schema } from "effect"
import type { ApiToken } from "../../src/config/surehook-config.ts"
import { ChainName } from "../../src/domain/chain.ts"
import { SourceId, TenantId } from "../../src/domain/ids.ts"
import { evmAddress } from "../addresses/registrations.ts"
import { get } from "../support/api.ts"
import { TestDatabase } from "../support/postgres.ts"
import {
  configOf,
  operatorToken,
  type RunningService,
  startService,
  strangerToken,
  unreachableChain
} from "../support/service.ts"
import { request } from "../support/webhooks.ts"

const viewerToken = "viewer-token-of-the-tests"
const acmeToken = "token-of-acme-in-the-tests"
const acme = TenantId.make("acme")

const token = (
  name: string,
  text: string,
  role: ApiToken["role"],
  tenants: ApiToken["tenants"]
) => ({
  name,
  role,
  token: Redacted.make(text),
  tenants
})

const { apiTokens, sources } = configOf([])
const [main] = sources.values()

/** Two tenants, `acme` and `globex`, and two chains. */
class Service extends Context.Service<Service, RunningService>()("test/Service") {
  static readonly layer = Layer.effect(
    Service,
    Effect.gen(function* () {
      const { url } = yield* TestDatabase
      if (main === undefined) return assert.fail()
      const other = { ...main, id: SourceId.make("other"), tenant_id: TenantId.make("globex") }
      return yield* startService({
        databaseUrl: url,
        env: { FUNDING_WORKER_ENABLED: "false" },
        sources: [main, other],
        chains: [
          unreachableChain,
          { ...unreachableChain, name: ChainName.make("aptos"), kind: "aptos" }
        ],
        config: {
          apiTokens: [
            ...apiTokens,
            token("viewer", viewerToken, "viewer", null),
            token("acme", acmeToken, "admin", new Set([acme]))
          ]
        }
      })
    })
  ).pipe(Layer.provide(TestDatabase.layerUrl))
}

const send = (body: unknown, bearer = operatorToken, headers: Record<string, string> = {}) =>
  Effect.flatMap(Service, ({ url }) =>
    request(`${url}/v1/addresses`, {
      method: "POST",
      body: typeof body === "string" ? body : JSON.stringify(body),
      headers: {
        authorization: `Bearer ${bearer}`,
        "content-type": "application/json",
        ...headers
      }
    })
  )

const list = (query = "", bearer = operatorToken) =>
  Effect.flatMap(Service, ({ url }) => get(url, `/v1/addresses${query}`, bearer))

/** Each test has addresses of its own. */
let used = 0
const fresh = (count: number, account_reference = "customer-7") =>
  Array.from({ length: count }, () => {
    used += 1
    return { chain: "localchain", address: evmAddress(used), account_reference }
  })

const View = Schema.Struct({
  tenant_id: Schema.String,
  chain: Schema.String,
  address: Schema.String,
  account_reference: Schema.String,
  registered_by: Schema.String,
  registered_at: Schema.String
})
const decodeRegistered = Schema.decodeUnknownSync(
  Schema.Struct({ registered: Schema.Int, addresses: Schema.Array(View) })
)
const decodeList = Schema.decodeUnknownSync(
  Schema.Struct({ addresses: Schema.Array(View), next_cursor: Schema.NullOr(Schema.String) })
)
const decodeProblem = Schema.decodeUnknownSync(
  Schema.Struct({
    status: Schema.Int,
    title: Schema.String,
    detail: Schema.String,
    errors: Schema.optionalKey(
      Schema.Array(Schema.Struct({ path: Schema.String, message: Schema.String }))
    )
  })
)

layer(Service.layer, { excludeTestServices: true })("/v1/addresses", (it) => {
  it.effect(
    "registers a thousand addresses in one call, and the same call again changes none",
    () =>
      Effect.gen(function* () {
        const body = { tenant_id: "acme", addresses: fresh(1000) }
        const first = yield* send(body)
        assert.strictEqual(first.status, 201, first.text)
        const { addresses, registered } = decodeRegistered(first.json)
        assert.strictEqual(registered, 1000)
        assert.deepStrictEqual(
          addresses.map(({ registered_at, ...rest }) => rest),
          body.addresses.map((one) => ({ ...one, tenant_id: "acme", registered_by: "api:ops" }))
        )
        assert.match(addresses[0]?.registered_at ?? "", /^20[\d-]{8}T[\d:.]{12}Z$/)
        const again = yield* send(body, acmeToken)
        assert.strictEqual(again.status, 200)
        assert.deepStrictEqual(again.json, { registered: 0, addresses })
        const [more] = fresh(1)
        const mixed = yield* send({ tenant_id: "acme", addresses: [body.addresses[0], more] })
        assert.strictEqual(mixed.status, 201)
        assert.strictEqual(decodeRegistered(mixed.json).registered, 1)
      })
  )

  it.effect("refuses more than a thousand, and none at all", () =>
    Effect.gen(function* () {
      const [one] = fresh(1)
      for (const [count, message] of [
        [0, /must hold 1 to 1000/],
        [1001, /holds 1001, and 1000 are allowed/]
      ] as const) {
        const answer = yield* send({ tenant_id: "acme", addresses: Array(count).fill(one) })
        assert.strictEqual(answer.status, 422)
        const { errors } = decodeProblem(answer.json)
        assert.deepStrictEqual(
          errors?.map(({ path }) => path),
          ["addresses"]
        )
        assert.match(errors?.[0]?.message ?? "", message)
      }
    })
  )

  it.effect("knows one address in all its forms", () =>
    Effect.gen(function* () {
      const { chain, account_reference } = fresh(1)[0] ?? assert.fail()
      const lower = `0x${"abcdef0123".repeat(4)}`
      const upper = lower.toUpperCase()
      const short = "0xA11CE"
      const answer = yield* send({
        tenant_id: "acme",
        addresses: [
          { chain, account_reference, address: upper },
          { chain, account_reference, address: lower },
          { chain: "aptos", account_reference, address: short },
          { chain: "aptos", account_reference, address: `0x${"a11ce".padStart(64, "0")}` }
        ]
      })
      const { addresses, registered } = decodeRegistered(answer.json)
      assert.strictEqual(registered, 2)
      assert.deepStrictEqual(
        addresses.map(({ address }) => address),
        [lower, lower, `0x${"a11ce".padStart(64, "0")}`, `0x${"a11ce".padStart(64, "0")}`]
      )
      const { url } = yield* Service
      for (const path of [`localchain/${upper}`, `aptos/${short}`]) {
        const account = yield* get(url, `/v1/accounts/${path}`)
        assert.deepStrictEqual(account.json, { account_reference, balances: [] })
      }
    })
  )

  it.effect("says of each wrong field where it is and how to mend it, and registers nothing", () =>
    Effect.gen(function* () {
      const [good] = fresh(1, "customer-of-nothing")
      const answer = yield* send({
        tenant_id: "initech",
        addresses: [
          good,
          { ...good, chain: "mars" },
          { ...good, address: "0x12" },
          { ...good, account_reference: "" }
        ]
      })
      assert.strictEqual(answer.status, 422)
      assert.strictEqual(answer.headers.get("content-type"), "application/problem+json")
      const { detail, errors } = decodeProblem(answer.json)
      assert.match(detail, /^4 fields .* nothing was registered$/)
      assert.deepStrictEqual(
        errors?.map(({ path }) => path),
        [
          "tenant_id",
          "addresses[1].chain",
          "addresses[2].address",
          "addresses[3].account_reference"
        ]
      )
      assert.deepStrictEqual(
        errors?.slice(0, 3).map(({ message }) => message),
        [
          "is not a tenant with sources in surehook.yaml, which has acme, globex",
          "is not a chain of surehook.yaml, which has localchain, aptos",
          "must be 0x and 40 hex digits"
        ]
      )
      const shapes = yield* send({ addresses: [{ ...good, address: 7 }, "x"] })
      assert.strictEqual(shapes.status, 422)
      assert.deepStrictEqual(
        decodeProblem(shapes.json).errors?.map(({ path }) => path),
        ["tenant_id", "addresses[0].address", "addresses[1]"]
      )
      const { addresses } = decodeList((yield* list("?account_reference=customer-of-nothing")).json)
      assert.deepStrictEqual(addresses, [])
    })
  )

  it.effect(
    "refuses to give an address away, names it and its account, and registers nothing",
    () =>
      Effect.gen(function* () {
        const [mine, other] = fresh(2)
        if (mine === undefined || other === undefined) return assert.fail()
        yield* send({ tenant_id: "acme", addresses: [mine] })
        const stolen = { ...mine, address: mine.address.toUpperCase(), account_reference: "thief" }
        const answer = yield* send({ tenant_id: "acme", addresses: [other, stolen] })
        assert.strictEqual(answer.status, 409)
        assert.strictEqual(answer.headers.get("content-type"), "application/problem+json")
        const [error, ...rest] = decodeProblem(answer.json).errors ?? []
        assert.strictEqual(error?.path, "addresses[1].account_reference")
        assert.include(
          error?.message,
          `${mine.address} is the address of customer-7 (registered by api:ops) and cannot be that of thief`
        )
        assert.deepStrictEqual(rest, [])
        const { url } = yield* Service
        assert.strictEqual(
          (yield* get(url, `/v1/accounts/localchain/${other.address}`)).status,
          404
        )
      })
  )

  it.effect("lets only operators and admins register, and only for their own tenants", () =>
    Effect.gen(function* () {
      const body = { tenant_id: "acme", addresses: fresh(1) }
      const viewer = yield* send(body, viewerToken)
      assert.strictEqual(viewer.status, 403)
      assert.match(decodeProblem(viewer.json).detail, /operator or admin.*viewer/)
      const unauthorized = yield* send(body, "wrong")
      assert.strictEqual(unauthorized.status, 401)
      const stranger = yield* send(body, strangerToken)
      const nobody = yield* send({ ...body, tenant_id: "initech" }, strangerToken)
      assert.strictEqual(stranger.status, 403)
      // Whether there is such a tenant is not told.
      assert.deepStrictEqual(nobody.json, stranger.json)
      assert.strictEqual((yield* send({ ...body, tenant_id: "globex" }, strangerToken)).status, 201)
      const { url } = yield* Service
      const path = `/v1/accounts/localchain/${body.addresses[0]?.address}`
      assert.strictEqual((yield* get(url, path, acmeToken)).status, 404)
      assert.strictEqual((yield* get(url, path, strangerToken)).status, 200)
    })
  )

  it.effect("asks which account is meant where two tenants have registered one address", () =>
    Effect.gen(function* () {
      const { url } = yield* Service
      const [one] = fresh(1, "of acme")
      if (one === undefined) return assert.fail()
      const path = `/v1/accounts/localchain/${one.address}`
      yield* send({ tenant_id: "acme", addresses: [one] })
      const alone = yield* get(url, path)
      assert.deepStrictEqual(alone.json, { account_reference: "of acme", balances: [] })
      yield* send({ tenant_id: "globex", addresses: [{ ...one, account_reference: "of globex" }] })
      const both = yield* get(url, path)
      assert.strictEqual(both.status, 409)
      assert.match(decodeProblem(both.json).detail, /acme, globex: choose with \?tenant_id=/)
      for (const [query, token] of [
        ["?tenant_id=globex", operatorToken],
        ["", strangerToken]
      ] as const) {
        const chosen = yield* get(url, `${path}${query}`, token)
        assert.deepStrictEqual(chosen.json, { account_reference: "of globex", balances: [] })
      }
      const foreign = yield* get(url, `${path}?tenant_id=acme`, strangerToken)
      assert.strictEqual(foreign.status, 404)
    })
  )

  it.effect("answers what is no JSON, too large, or of another type with a problem", () =>
    Effect.gen(function* () {
      const cases = [
        [yield* send("{"), 400],
        [yield* send(""), 400],
        [yield* send(`"${"x".repeat(1_048_576)}"`), 413],
        [yield* send("a=b", operatorToken, { "content-type": "text/plain" }), 415],
        [yield* send("[]"), 422],
        [yield* send("null"), 422]
      ] as const
      for (const [{ headers, status }, expected] of cases) {
        assert.strictEqual(status, expected)
        assert.strictEqual(headers.get("content-type"), "application/problem+json")
      }
    })
  )

  it.effect("pages through all that the filters leave, each once and in order", () =>
    Effect.gen(function* () {
      const acmes = fresh(5, "pages")
      yield* send({ tenant_id: "acme", addresses: acmes.toReversed() })
      yield* send({ tenant_id: "globex", addresses: fresh(2, "pages") })
      yield* send({ tenant_id: "acme", addresses: fresh(3, "others") })
      const pages: Array<ReadonlyArray<string>> = []
      let cursor = ""
      do {
        const page = yield* list(`?tenant_id=acme&account_reference=pages&limit=2${cursor}`)
        assert.strictEqual(page.status, 200, page.text)
        const { addresses, next_cursor } = decodeList(page.json)
        pages.push(addresses.map(({ address }) => address))
        cursor = next_cursor === null ? "" : `&cursor=${next_cursor}`
      } while (cursor !== "")
      assert.deepStrictEqual(
        pages.map((page) => page.length),
        [2, 2, 1]
      )
      assert.deepStrictEqual(
        pages.flat(),
        acmes.map(({ address }) => address)
      )
      const whole = decodeList((yield* list("?account_reference=pages&chain=localchain")).json)
      assert.strictEqual(whole.addresses.length, 7)
      assert.isNull(whole.next_cursor)
      const none = decodeList((yield* list("?account_reference=pages&chain=aptos")).json)
      assert.deepStrictEqual(none.addresses, [])
      const exact = decodeList((yield* list("?account_reference=pages&limit=7")).json)
      assert.isNull(exact.next_cursor)
    })
  )

  it.effect("shows each token its own tenants alone, whatever cursor it brings", () =>
    Effect.gen(function* () {
      yield* send({ tenant_id: "acme", addresses: fresh(2, "own") })
      yield* send({ tenant_id: "globex", addresses: fresh(2, "own") })
      const tenantsFor = (query: string, bearer: string) =>
        Effect.map(list(`?account_reference=own${query}`, bearer), ({ json }) =>
          decodeList(json).addresses.map(({ tenant_id }) => tenant_id)
        )
      assert.deepStrictEqual(yield* tenantsFor("", viewerToken), [
        "acme",
        "acme",
        "globex",
        "globex"
      ])
      assert.deepStrictEqual(yield* tenantsFor("", strangerToken), ["globex", "globex"])
      assert.deepStrictEqual(yield* tenantsFor("", acmeToken), ["acme", "acme"])
      const { next_cursor } = decodeList((yield* list("?account_reference=own&limit=1")).json)
      assert.deepStrictEqual(yield* tenantsFor(`&cursor=${next_cursor}`, acmeToken), ["acme"])
      assert.deepStrictEqual(yield* tenantsFor(`&cursor=${next_cursor}`, strangerToken), [
        "globex",
        "globex"
      ])
      const foreign = yield* list("?tenant_id=acme", strangerToken)
      assert.strictEqual(foreign.status, 403)
      assert.deepStrictEqual(foreign.json, (yield* list("?tenant_id=initech", strangerToken)).json)
      assert.strictEqual((yield* list("", "wrong")).status, 401)
    })
  )

  it.effect("says which parameter is wrong", () =>
    Effect.gen(function* () {
      const cases = [
        ["?limit=0", "limit", /1 to 1000/],
        ["?limit=1001", "limit", /1 to 1000/],
        ["?limit=many", "limit", /1 to 1000/],
        ["?cursor=abc", "cursor", /next_cursor/],
        [`?cursor=${Buffer.from('["acme","a","\\u0000"]').toString("base64url")}`, "cursor", /./],
        ["?tenant_id=%00", "tenant_id", /tenant/],
        ["?chain=%00", "chain", /chain/],
        ["?account_reference=%00", "account_reference", /characters/]
      ] as const
      for (const [query, path, message] of cases) {
        const answer = yield* list(query)
        assert.strictEqual(answer.status, 422, query)
        assert.strictEqual(answer.headers.get("content-type"), "application/problem+json")
        const [error, ...others] = decodeProblem(answer.json).errors ?? []
        assert.strictEqual(error?.path, path)
        assert.match(error?.message ?? "", message)
        assert.deepStrictEqual(others, [])
      }
    })
  )

  it.effect("is in the API's own description, with every answer that it gives", () =>
    Effect.gen(function* () {
      const { url } = yield* Service
      const { json } = yield* request(`${url}/openapi.json`)
      const Responses = Schema.Struct({ responses: Schema.Record(Schema.String, Schema.Unknown) })
      const { paths } = Schema.decodeUnknownSync(
        Schema.Struct({
          paths: Schema.Struct({
            "/v1/addresses": Schema.Struct({ get: Responses, post: Responses })
          })
        })
      )(json)
      const { get: reading, post } = paths["/v1/addresses"]
      assert.includeMembers(Object.keys(post.responses), [
        ...["200", "201", "401", "403", "409", "422", "503"]
      ])
      assert.includeMembers(Object.keys(reading.responses), ["200", "401", "403", "422", "503"])
    })
  )

  it.effect(
    "holds addresses that cannot be moved or removed by the service, whatever bug it may have",
    () =>
      Effect.gen(function* () {
        const { context } = yield* Service
        yield* send({ tenant_id: "acme", addresses: fresh(1) })
        const sql = Context.get(context, PgClient.PgClient)
        for (const change of [
          sql`UPDATE deposit_addresses SET account_reference = 'thief'`,
          sql`DELETE FROM deposit_addresses`
        ]) {
          const error = yield* Effect.flip(change)
          assert.match(String(error.reason.cause), /permission denied/)
        }
      })
  )
})
