/**
 * What every provider must hold, by the public door: a real service, a real database, and requests
 * signed by an implementation that the provider's test brings.
 */
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer, Redacted, Schema } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import * as fc from "fast-check"
import { Validator } from "../../../src/chains/validator.ts"
import type { Source } from "../../../src/config/surehook-config.ts"
import { ChainName } from "../../../src/domain/chain.ts"
import { SourceId } from "../../../src/domain/ids.ts"
import { TestDatabase } from "../../support/postgres.ts"
import { environment, type RunningService, startService, tenantId } from "../../support/service.ts"
import { request } from "../../support/webhooks.ts"
import { chains } from "./fixtures.ts"

/** A claim as the job's row must have it, all canonical. */
export interface ExpectedTransfer {
  readonly chain: string
  readonly tx_hash: string
  readonly token: string
  readonly amount: string
  readonly to_address: string
  readonly transfer_index: number | null
}

export interface Sample {
  readonly body: Schema.Json
  /** In the order of the body. */
  readonly transfers: ReadonlyArray<ExpectedTransfer>
}

export interface Signing {
  readonly secret: string
  /** Seconds since 1970. */
  readonly at: number
}

export interface ProviderCase {
  /** Its name in the registry. */
  readonly provider: string
  /** At least two: all are active. */
  readonly secrets: readonly [string, string, ...ReadonlyArray<string>]
  /** One that the source does not have. */
  readonly wrongSecret: string
  readonly networks?: Readonly<Record<string, string>>
  readonly options?: Source["options"]
  /** The headers that the provider sends with these bytes. */
  readonly sign: (body: Buffer, signing: Signing) => Readonly<Record<string, string>>
  /** The largest age that is taken, in seconds; leave it out if the scheme has no timestamp. */
  readonly toleranceSeconds?: number
  /** False for schemes that prove the sender and not the bytes. */
  readonly signsBody: boolean
  /** A new one each time, of transactions that nobody has seen. */
  readonly sample: () => Sample
  /** Fields without which a sample is refused, by their path in it: `event.activity[0].hash`. */
  readonly required: ReadonlyArray<string>
  /** The path, if it is not that of the missing field itself. */
  readonly faultPath?: (required: string) => string
}

const Answer = Schema.Struct({
  status: Schema.Literals(["accepted", "duplicate", "ignored", "test"]),
  job_id: Schema.optionalKey(Schema.String),
  jobs: Schema.Array(Schema.Struct({ job_id: Schema.String, status: Schema.String })),
  ignored_count: Schema.optionalKey(Schema.Int),
  ignored: Schema.optionalKey(
    Schema.Array(
      Schema.Struct({ path: Schema.String, reason: Schema.String, detail: Schema.String })
    )
  )
})
/** A 200 and what it says. */
export const answerOf = Schema.decodeUnknownSync(Answer)

const Problem = Schema.Struct({
  code: Schema.String,
  detail: Schema.String,
  errors: Schema.optionalKey(
    Schema.Array(Schema.Struct({ path: Schema.String, message: Schema.String }))
  )
})
/** A refusal and what it says. */
export const problemOf = Schema.decodeUnknownSync(Problem)

class Service extends Context.Service<Service, RunningService>()("test/ProviderService") {}

export const sourceOf = (provider: ProviderCase): Source => ({
  id: SourceId.make(provider.provider),
  tenant_id: tenantId,
  environment,
  provider: provider.provider,
  secrets: provider.secrets.map((secret) => Redacted.make(secret)),
  networks: new Map(
    Object.entries(provider.networks ?? {}).map(([name, chain]) => [name, ChainName.make(chain)])
  ),
  ...(provider.options === undefined ? {} : { options: provider.options })
})

const nobody = Layer.succeed(
  Validator,
  Validator.of({
    verify: () => Effect.die("no worker should ask"),
    claimableChains: Effect.succeed([]),
    circuits: Effect.succeed([])
  })
)

/** Without workers: what a webhook makes stays as it was made. */
export const serviceOf = (provider: ProviderCase) =>
  Layer.effect(
    Service,
    Effect.gen(function* () {
      const { url } = yield* TestDatabase
      return yield* startService({
        databaseUrl: url,
        chains,
        sources: [sourceOf(provider)],
        validator: nobody,
        env: { FUNDING_WORKER_ENABLED: "false" }
      })
    })
  ).pipe(Layer.provideMerge(TestDatabase.layer))

const nowSeconds = Effect.clockWith((clock) =>
  Effect.map(clock.currentTimeMillis, (millis) => Math.floor(millis / 1000))
)

export interface PostOptions {
  readonly secret?: string
  /** Seconds that the signature is old. */
  readonly age?: number
  /** What is sent instead of what was signed. */
  readonly sent?: Buffer
  readonly headers?: Readonly<Record<string, string>>
}

/** Signs and posts bytes, or a body as JSON. */
export const post = (
  provider: ProviderCase,
  body: Schema.Json | Buffer,
  { age = 0, headers = {}, secret = provider.secrets[0], sent }: PostOptions = {}
) =>
  Effect.gen(function* () {
    const { url } = yield* Service
    const bytes = Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body))
    const at = (yield* nowSeconds) - age
    return yield* request(`${url}/v1/webhooks/${provider.provider}`, {
      method: "POST",
      body: new Uint8Array(sent ?? bytes),
      headers: {
        "content-type": "application/json",
        ...provider.sign(bytes, { secret, at }),
        ...headers
      }
    })
  })

/** The jobs of a transaction, as their rows say, in the order in which they were made. */
export const jobsOf = (tx_hash: string) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient
    return yield* sql<ExpectedTransfer & { readonly id: string; readonly provider_report: string }>`
      SELECT id, chain, tx_hash, token, trim_scale(amount)::text AS amount, to_address,
             transfer_index, provider_report
      FROM funding_event_jobs WHERE tx_hash = ${tx_hash} ORDER BY id`
  })

export const countAll = Effect.gen(function* () {
  const sql = yield* SqlClient
  const [row] = yield* sql<{ jobs: number; events: number }>`
    SELECT (SELECT count(*)::int FROM funding_event_jobs) AS jobs,
           (SELECT count(*)::int FROM deposit_events) AS events`
  return row
})

type Keys = ReadonlyArray<string | number>

const keysOf = (path: string): Keys =>
  [...path.matchAll(/([^.[\]]+)|\[(\d+)\]/g)].map(([, name, index]) =>
    index === undefined ? (name ?? "") : Number(index)
  )

/** A copy in which the field of this path is gone. */
export const without = (json: Schema.Json, path: string): Schema.Json => {
  const copy: unknown = structuredClone(json)
  const keys = keysOf(path)
  let parent = copy
  for (const key of keys.slice(0, -1)) parent = Reflect.get(Object(parent), key)
  assert.isTrue(Reflect.has(Object(parent), keys.at(-1) ?? ""), `the sample has no ${path}`)
  Reflect.deleteProperty(Object(parent), keys.at(-1) ?? "")
  return Schema.decodeUnknownSync(Schema.Json)(copy)
}

/** A copy with a field that no provider sends in each object. */
export const withUnknownFields = (json: Schema.Json): Schema.Json => {
  if (Array.isArray(json)) return json.map(withUnknownFields)
  if (json === null || typeof json !== "object") return json
  const members = Object.entries(json).map(([key, value]) => [key, withUnknownFields(value)])
  return { ...Object.fromEntries(members), surehook_test_field: { deep: ["not known"] } }
}

const changed = (bytes: Buffer): Buffer => {
  const copy = Buffer.from(bytes)
  // A digit of the middle: the JSON stays JSON.
  const at = copy.findIndex((byte, index) => index > copy.length / 2 && byte >= 49 && byte <= 57)
  copy[at] = copy[at] === 49 ? 50 : 49
  return copy
}

export const providerConformance = (provider: ProviderCase): void =>
  layer(serviceOf(provider), { excludeTestServices: true })(
    `the provider ${provider.provider}`,
    (it) => {
      const encoded = ({ body }: Sample) => Buffer.from(JSON.stringify(body))

      it.effect("makes one job of each transfer that a signed call tells of", () =>
        Effect.gen(function* () {
          const { body, transfers } = provider.sample()
          const answer = yield* post(provider, body)
          assert.strictEqual(answer.status, 200, answer.text)
          const { job_id, jobs, status } = answerOf(answer.json)
          assert.strictEqual(status, "accepted")
          assert.strictEqual(job_id, jobs[0]?.job_id)
          const hashes = new Set(transfers.map(({ tx_hash }) => tx_hash))
          const made = (yield* Effect.forEach(hashes, jobsOf)).flat()
          const expected = transfers.map((transfer, index) => ({
            ...transfer,
            id: jobs[index]?.job_id
          }))
          assert.deepStrictEqual(
            made.map(({ provider_report: _, ...row }) => row).sort(byId),
            expected.sort(byId)
          )
        })
      )

      it.effect("takes each active secret, and no other", () =>
        Effect.gen(function* () {
          for (const secret of provider.secrets) {
            const answer = yield* post(provider, provider.sample().body, { secret })
            assert.strictEqual(answer.status, 200, answer.text)
          }
          const before = yield* countAll
          const answer = yield* post(provider, provider.sample().body, {
            secret: provider.wrongSecret
          })
          assert.strictEqual(answer.status, 401, answer.text)
          assert.strictEqual(problemOf(answer.json).code, "signature_invalid")
          for (const secret of [...provider.secrets, provider.wrongSecret]) {
            assert.notInclude(answer.text, secret)
          }
          assert.deepStrictEqual(yield* countAll, before)
        })
      )

      it.effect("refuses a call without any of its headers", () =>
        Effect.gen(function* () {
          const { url } = yield* Service
          const bytes = encoded(provider.sample())
          const before = yield* countAll
          const signed = provider.sign(bytes, {
            secret: provider.secrets[0],
            at: yield* nowSeconds
          })
          for (const missing of [undefined, ...Object.keys(signed)]) {
            const headers = Object.entries(signed).filter(
              ([name]) => missing !== undefined && name !== missing
            )
            const answer = yield* request(`${url}/v1/webhooks/${provider.provider}`, {
              method: "POST",
              body: new Uint8Array(bytes),
              headers: { "content-type": "application/json", ...Object.fromEntries(headers) }
            })
            assert.strictEqual(answer.status, 401, `without ${missing}: ${answer.text}`)
          }
          assert.deepStrictEqual(yield* countAll, before)
        })
      )

      if (provider.signsBody) {
        it.effect("refuses a body of which one byte was changed, or the end cut off", () =>
          Effect.gen(function* () {
            const bytes = encoded(provider.sample())
            const before = yield* countAll
            for (const sent of [changed(bytes), bytes.subarray(0, bytes.length - 1)]) {
              const answer = yield* post(provider, bytes, { sent })
              assert.strictEqual(answer.status, 401, answer.text)
            }
            assert.deepStrictEqual(yield* countAll, before)
          })
        )
      }

      it.effect("answers a signed body that is cut off with 400", () =>
        Effect.gen(function* () {
          const bytes = encoded(provider.sample())
          const answer = yield* post(provider, bytes.subarray(0, bytes.length - 1))
          assert.strictEqual(answer.status, 400, answer.text)
          assert.strictEqual(problemOf(answer.json).code, "malformed")
        })
      )

      const { toleranceSeconds } = provider
      if (toleranceSeconds !== undefined) {
        it.effect("refuses a replay: what was signed too long ago, or for the future", () =>
          Effect.gen(function* () {
            const { body } = provider.sample()
            for (const age of [toleranceSeconds + 30, -toleranceSeconds - 30]) {
              const answer = yield* post(provider, body, { age })
              assert.strictEqual(answer.status, 401, answer.text)
              assert.strictEqual(problemOf(answer.json).code, "timestamp_invalid")
            }
            for (const age of [toleranceSeconds - 30, -toleranceSeconds + 30]) {
              assert.strictEqual((yield* post(provider, body, { age })).status, 200)
            }
          })
        )
      }

      it.effect("answers the same call sent again with the same jobs, and makes nothing", () =>
        Effect.gen(function* () {
          const { body } = provider.sample()
          const first = answerOf((yield* post(provider, body)).json)
          const before = yield* countAll
          const second = answerOf((yield* post(provider, body)).json)
          assert.strictEqual(second.status, "duplicate")
          assert.deepStrictEqual(
            second.jobs.map(({ job_id }) => job_id),
            first.jobs.map(({ job_id }) => job_id)
          )
          assert.deepStrictEqual(yield* countAll, before)
        })
      )

      it.effect("ignores fields that it does not know", () =>
        Effect.gen(function* () {
          const sample = provider.sample()
          const answer = yield* post(provider, withUnknownFields(sample.body))
          assert.strictEqual(answer.status, 200, answer.text)
          assert.strictEqual(answerOf(answer.json).jobs.length, sample.transfers.length)
        })
      )

      it.effect("names each missing field, and makes no job of what is left", () =>
        Effect.gen(function* () {
          const before = yield* countAll
          for (const path of provider.required) {
            const answer = yield* post(provider, without(provider.sample().body, path))
            assert.strictEqual(answer.status, 422, `without ${path}: ${answer.text}`)
            const paths = problemOf(answer.json).errors?.map((error) => error.path) ?? []
            assert.include(paths, provider.faultPath?.(path) ?? path)
          }
          assert.deepStrictEqual(yield* countAll, before)
        })
      )

      it.effect("survives whatever is signed: no crash, no 5xx, no job", () =>
        Effect.gen(function* () {
          const before = yield* countAll
          const bodies = fc.sample(
            fc.oneof(
              fc.json().map((text) => Buffer.from(text)),
              fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
              mutation(provider.sample)
            ),
            150
          )
          yield* Effect.forEach(
            bodies,
            (bytes) =>
              Effect.gen(function* () {
                const answer = yield* post(provider, bytes)
                assert.isBelow(answer.status, 500, `${bytes}: ${answer.text}`)
              }),
            { concurrency: 8, discard: true }
          )
          assert.deepStrictEqual(yield* countAll, before)
        })
      )
    }
  )

const byId = (
  one: { readonly id: string | undefined },
  other: { readonly id: string | undefined }
) => ((one.id ?? "") < (other.id ?? "") ? -1 : 1)

/** Samples in which every text and number was replaced: right in shape, and nothing in it is true. */
const mutation = (sample: () => Sample): fc.Arbitrary<Buffer> =>
  fc.infiniteStream(fc.oneof(fc.jsonValue(), fc.string(), fc.double())).map((values) => {
    const replaced = (json: Schema.Json): unknown => {
      if (Array.isArray(json)) return json.map(replaced)
      if (json !== null && typeof json === "object") {
        return Object.fromEntries(
          Object.entries(json).map(([key, value]) => [key, replaced(value)])
        )
      }
      return values.next().value
    }
    return Buffer.from(JSON.stringify(replaced(sample().body)))
  })
