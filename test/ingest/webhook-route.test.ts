/** The webhook endpoint by its public door: a real server, a real database, real signatures. */
import { assert, describe, layer } from "@effect/vitest"
import { Clock, Context, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import * as fc from "fast-check"
import { Intake } from "../../src/ingest/intake.ts"
import { received } from "../deposits/jobs.ts"
import { TestDatabase } from "../support/postgres.ts"
import { type RunningService, startService } from "../support/service.ts"
import { deliver, request, secretText, signatureOf } from "../support/webhooks.ts"

class Service extends Context.Service<Service, RunningService>()("test/Service") {
  /** Without workers: what a webhook makes stays as it was made. */
  static readonly layer = Layer.effect(
    Service,
    Effect.gen(function* () {
      const { url } = yield* TestDatabase
      return yield* startService({ databaseUrl: url, env: { FUNDING_WORKER_ENABLED: "false" } })
    })
  ).pipe(Layer.provideMerge(TestDatabase.layer))
}

let nonce = 0
const newHash = () => `0x${(++nonce).toString(16).padStart(64, "0")}`

const claim = (fields: Readonly<Record<string, unknown>> = {}) => ({
  chain: "localchain",
  tx_hash: newHash(),
  token: "ETH",
  amount: "1.5",
  to_address: `0x${"ab".repeat(20)}`,
  ...fields
})

const Accepted = Schema.Struct({
  status: Schema.Literals(["accepted", "duplicate"]),
  job_id: Schema.String,
  jobs: Schema.Array(
    Schema.Struct({
      job_id: Schema.String,
      status: Schema.String,
      chain: Schema.String,
      tx_hash: Schema.String,
      transfer_index: Schema.NullOr(Schema.Int)
    })
  )
})
const Problem = Schema.Struct({
  status: Schema.Int,
  title: Schema.String,
  code: Schema.String,
  detail: Schema.String,
  errors: Schema.optionalKey(
    Schema.Array(Schema.Struct({ path: Schema.String, message: Schema.String }))
  )
})
const accepted = Schema.decodeUnknownSync(Accepted)
const problem = Schema.decodeUnknownSync(Problem)

const jobCount = Effect.gen(function* () {
  const sql = yield* SqlClient
  const [row] = yield* sql<{ jobs: number; events: number }>`
    SELECT (SELECT count(*)::int FROM funding_event_jobs) AS jobs,
           (SELECT count(*)::int FROM deposit_events) AS events`
  return row
})

layer(Service.layer, { excludeTestServices: true })("POST /v1/webhooks/{source}", (it) => {
  it.effect("accepts a signed claim, and its event is in the log when it says so", () =>
    Effect.gen(function* () {
      const { url } = yield* Service
      const sql = yield* SqlClient
      const body = claim({ transfer_index: 7 })
      const answer = yield* deliver(url, body)
      assert.strictEqual(answer.status, 200)
      const { status, job_id, jobs } = accepted(answer.json)
      assert.strictEqual(status, "accepted")
      assert.deepStrictEqual(jobs, [
        {
          job_id,
          status: "pending",
          chain: "localchain",
          tx_hash: body.tx_hash,
          transfer_index: 7
        }
      ])
      const events = yield* sql`SELECT type, to_state FROM deposit_events WHERE job_id = ${job_id}`
      assert.deepStrictEqual(events, [{ type: "deposit.received", to_state: "pending" }])
    })
  )

  it.effect("answers an equal claim with the same job, whatever its case and zeros", () =>
    Effect.gen(function* () {
      const { url } = yield* Service
      const body = claim({ tx_hash: `0x${"aB".repeat(32)}` })
      const first = accepted((yield* deliver(url, body)).json)
      const variants = [
        body,
        { ...body, tx_hash: `0x${"AB".repeat(32)}`, to_address: `0X${"AB".repeat(20)}` },
        { ...body, amount: "01.500", transfer_index: null, note: "ignored" }
      ]
      for (const variant of variants) {
        const again = yield* deliver(url, variant)
        assert.strictEqual(again.status, 200)
        assert.strictEqual(accepted(again.json).status, "duplicate")
        assert.strictEqual(accepted(again.json).job_id, first.job_id)
      }
    })
  )

  it.effect("makes one job of the same webhook sent twenty times at the same moment", () =>
    Effect.gen(function* () {
      const { url } = yield* Service
      const body = claim()
      const answers = yield* Effect.forEach(
        Array.from({ length: 20 }),
        () => Effect.map(deliver(url, body, { id: "msg_same" }), ({ json }) => accepted(json)),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(answers.filter(({ status }) => status === "accepted").length, 1)
      assert.strictEqual(new Set(answers.map(({ job_id }) => job_id)).size, 1)
    })
  )

  it.effect("writes what comes at the same moment in few transactions", () =>
    Effect.gen(function* () {
      const { context } = yield* Service
      const sql = yield* SqlClient
      const intake = Context.get(context, Intake)
      const outcomes = yield* Effect.forEach(
        Array.from({ length: 64 }),
        () =>
          intake.receive({
            message: undefined,
            transfers: [{ received: received(), from_address: null }]
          }),
        { concurrency: "unbounded" }
      )
      const ids = outcomes.flatMap((all) =>
        all.flatMap((outcome) => (outcome._tag === "Job" ? [outcome.job_id] : []))
      )
      assert.strictEqual(new Set(ids).size, 64)
      const [row] = yield* sql<{ transactions: number }>`
        SELECT count(DISTINCT transaction_id)::int AS transactions
        FROM deposit_events WHERE ${sql.in("job_id", ids)}`
      assert.isAtMost(row?.transactions ?? 64, 8)
    })
  )

  it.effect("keeps claims apart that differ in recipient, amount or index", () =>
    Effect.gen(function* () {
      const { url } = yield* Service
      const body = claim()
      const claims = [
        body,
        { ...body, to_address: `0x${"cd".repeat(20)}` },
        { ...body, amount: "2" },
        { ...body, transfer_index: 0 },
        { ...body, transfer_index: 1 }
      ]
      const ids = yield* Effect.forEach(claims, (one) =>
        Effect.map(deliver(url, one), ({ json }) => accepted(json).job_id)
      )
      assert.strictEqual(new Set(ids).size, claims.length)
    })
  )

  it.effect("takes any of the signatures that a sender in the middle of a rotation gives", () =>
    Effect.gen(function* () {
      const { url } = yield* Service
      const text = JSON.stringify(claim())
      const timestamp = `${Math.floor((yield* Clock.currentTimeMillis) / 1000)}`
      const old = signatureOf(`whsec_${"A".repeat(32)}`, "msg_1", timestamp, text)
      const right = signatureOf(secretText, "msg_1", timestamp, text)
      const answer = yield* deliver(url, text, {
        id: "msg_1",
        headers: { "webhook-signature": `v1a,c29tZQ== ${old} ${right}` }
      })
      assert.strictEqual(answer.status, 200)
    })
  )

  describe("refuses, makes no job, and says what to mend", () => {
    interface Case {
      readonly what: string
      readonly status: number
      readonly code: string
      readonly detail: RegExp
      readonly body?: unknown
      readonly delivery?: Parameters<typeof deliver>[2]
      readonly timestampOffset?: number
      readonly paths?: ReadonlyArray<string>
    }
    const withoutHeader = (name: string) => ({ headers: { [name]: "" } })
    const cases: ReadonlyArray<Case> = [
      {
        what: "a signature of another secret",
        status: 401,
        code: "signature_invalid",
        detail: /no signature fits/,
        delivery: { secret: `whsec_${"A".repeat(32)}` }
      },
      {
        what: "a signature that is not base64",
        status: 401,
        code: "signature_invalid",
        detail: /no signature fits/,
        delivery: { headers: { "webhook-signature": "v1,§§§" } }
      },
      {
        what: "a signature of another scheme",
        status: 401,
        code: "signature_invalid",
        detail: /no v1 signature/,
        delivery: { headers: { "webhook-signature": "v2,c29tZQ==" } }
      },
      {
        what: "an empty id",
        status: 401,
        code: "signature_invalid",
        detail: /webhook-id/,
        delivery: withoutHeader("webhook-id")
      },
      {
        what: "a timestamp six minutes old",
        status: 401,
        code: "timestamp_invalid",
        detail: /36\d s in the past, and 300 s are allowed/,
        timestampOffset: -365
      },
      {
        what: "a timestamp six minutes ahead",
        status: 401,
        code: "timestamp_invalid",
        detail: /in the future/,
        timestampOffset: 365
      },
      {
        what: "a timestamp that is no number",
        status: 401,
        code: "timestamp_invalid",
        detail: /whole number/,
        delivery: { headers: { "webhook-timestamp": "now" } }
      },
      {
        what: "a source that is not configured",
        status: 404,
        code: "source_unknown",
        detail: /no source of this name/,
        delivery: { source: "other" }
      },
      {
        what: "another media type",
        status: 415,
        code: "media_type_unsupported",
        detail: /application\/json/,
        delivery: { headers: { "content-type": "text/plain" } }
      },
      {
        what: "a compressed body",
        status: 415,
        code: "media_type_unsupported",
        detail: /content-encoding/,
        delivery: { headers: { "content-encoding": "gzip" } }
      },
      {
        what: "a body that is not JSON",
        status: 400,
        code: "malformed",
        detail: /not valid JSON/,
        body: '{"chain":'
      },
      { what: "an empty body", status: 400, code: "malformed", detail: /empty/, body: "" },
      {
        what: "a body nested without end",
        status: 400,
        code: "malformed",
        detail: /nested/,
        body: `${"[".repeat(100_000)}${"]".repeat(100_000)}`
      },
      {
        what: "a body that is no object",
        status: 422,
        code: "fields_invalid",
        detail: /fields/,
        body: "[1]",
        paths: [""]
      },
      {
        what: "missing fields, each by its path",
        status: 422,
        code: "fields_invalid",
        detail: /fields/,
        body: { chain: "localchain" },
        paths: ["tx_hash", "token", "amount", "to_address"]
      },
      {
        what: "wrong fields, each by its path",
        status: 422,
        code: "fields_invalid",
        detail: /fields/,
        body: claim({ tx_hash: "0x1", token: "USDC", to_address: "bob" }),
        paths: ["tx_hash", "token", "to_address"]
      },
      {
        what: "a chain that is not configured",
        status: 422,
        code: "fields_invalid",
        detail: /fields/,
        body: claim({ chain: "mars" }),
        paths: ["chain"]
      },
      {
        what: "a negative index",
        status: 422,
        code: "fields_invalid",
        detail: /fields/,
        body: claim({ transfer_index: -1 }),
        paths: ["transfer_index"]
      },
      ...[1.5, "-1", "0", "1e3", "NaN", "0.0000000000000000001", "1".repeat(19), ""].map(
        (amount): Case => ({
          what: `the amount ${JSON.stringify(amount)}`,
          status: 422,
          code: "fields_invalid",
          detail: /fields/,
          body: claim({ amount }),
          paths: ["amount"]
        })
      )
    ]
    for (const one of cases) {
      it.effect(one.what, () =>
        Effect.gen(function* () {
          const { url } = yield* Service
          const before = yield* jobCount
          const now = Math.floor((yield* Clock.currentTimeMillis) / 1000)
          const answer = yield* deliver(url, one.body ?? claim(), {
            ...one.delivery,
            timestamp: now + (one.timestampOffset ?? 0)
          })
          assert.strictEqual(answer.status, one.status, answer.text)
          assert.strictEqual(answer.headers.get("content-type"), "application/problem+json")
          const { code, detail, errors, status } = problem(answer.json)
          assert.strictEqual(status, one.status)
          assert.strictEqual(code, one.code)
          assert.match(detail, one.detail)
          if (one.paths !== undefined) {
            assert.deepStrictEqual(
              errors?.map(({ path }) => path),
              [...one.paths]
            )
          }
          assert.deepStrictEqual(yield* jobCount, before)
        })
      )
    }

    it.effect("a request without any of the headers, naming them", () =>
      Effect.gen(function* () {
        const { url } = yield* Service
        const answer = yield* request(`${url}/v1/webhooks/main`, {
          method: "POST",
          body: JSON.stringify(claim()),
          headers: { "content-type": "application/json" }
        })
        assert.strictEqual(answer.status, 401)
        assert.match(
          problem(answer.json).detail,
          /missing webhook-id, webhook-timestamp, webhook-signature/
        )
      })
    )

    it.effect("a body of more than 1 MiB, whether or not its length is declared", () =>
      Effect.gen(function* () {
        const { url } = yield* Service
        const large = JSON.stringify(claim({ note: "x".repeat(1_048_576) }))
        const declared = yield* deliver(url, large)
        assert.strictEqual(declared.status, 413)
        assert.match(problem(declared.json).detail, /1048576 bytes/)
        const chunk = new TextEncoder().encode("x".repeat(65_536))
        let left = 40
        const streamed = yield* request(`${url}/v1/webhooks/main`, {
          method: "POST",
          duplex: "half",
          headers: { "content-type": "application/json" },
          body: new ReadableStream({
            pull: (controller) => (left-- > 0 ? controller.enqueue(chunk) : controller.close())
          })
        })
        assert.strictEqual(streamed.status, 413)
      })
    )

    it.effect("a byte of the body changed on the way", () =>
      Effect.gen(function* () {
        const { url } = yield* Service
        const timestamp = `${Math.floor((yield* Clock.currentTimeMillis) / 1000)}`
        const text = JSON.stringify(claim())
        const answer = yield* deliver(url, text.replace('"1.5"', '"9.5"'), {
          headers: {
            "webhook-id": "msg_2",
            "webhook-timestamp": timestamp,
            "webhook-signature": signatureOf(secretText, "msg_2", timestamp, text)
          }
        })
        assert.strictEqual(answer.status, 401)
      })
    )
  })

  it.effect("says of each wrong field what it must be", () =>
    Effect.gen(function* () {
      const { url } = yield* Service
      const body = {
        chain: 1,
        tx_hash: `0x${"1".repeat(64)}`,
        token: "ETH",
        amount: 1.5,
        transfer_index: "7"
      }
      const { errors } = problem((yield* deliver(url, body)).json)
      assert.deepStrictEqual(errors, [
        { path: "chain", message: "must be a string" },
        { path: "amount", message: 'must be a decimal number as a string, such as "1.5"' },
        { path: "to_address", message: "is missing" },
        {
          path: "transfer_index",
          message: "must be a whole number from 0 to 2147483647, or left out"
        }
      ])
    })
  )

  it.effect("stores what jsonb cannot hold in a harmless form", () =>
    Effect.gen(function* () {
      const { url } = yield* Service
      const sql = yield* SqlClient
      const answers = yield* Effect.forEach(
        [
          claim({ note: "a\u0000b", "k\ud800": "\udc00" }),
          claim({ note: "\\u0000 is fine" }),
          claim()
        ],
        (body) => deliver(url, body),
        { concurrency: "unbounded" }
      )
      const ids = answers.map(({ json }) => accepted(json).job_id)
      const rows = yield* sql<{ note: string | null }>`
        SELECT webhook_payload->>'note' AS note FROM funding_event_jobs
        WHERE ${sql.in("id", ids)} ORDER BY note NULLS LAST`
      assert.deepStrictEqual(
        rows.map(({ note }) => note),
        ["\\u0000 is fine", "a\ufffdb", null]
      )
    })
  )

  it.effect(
    "gets 503 while the database hangs, and is a duplicate if it was stored after all",
    () =>
      Effect.gen(function* () {
        const { url } = yield* Service
        const sql = yield* SqlClient
        const body = claim()
        const answer = yield* sql.withTransaction(
          sql`LOCK TABLE funding_event_jobs IN ACCESS EXCLUSIVE MODE`.pipe(
            Effect.andThen(deliver(url, body))
          )
        )
        assert.strictEqual(answer.status, 503)
        assert.strictEqual(answer.headers.get("retry-after"), "5")
        const again = yield* deliver(url, body)
        assert.strictEqual(again.status, 200)
        const [row] = yield* sql<{ count: number }>`
        SELECT count(*)::int FROM funding_event_jobs WHERE tx_hash = ${body.tx_hash}`
        assert.strictEqual(row?.count, 1)
      })
  )

  it.effect("never answers 5xx to signed JSON, whatever it is", () =>
    Effect.gen(function* () {
      const { url } = yield* Service
      const text = fc.string({ unit: "binary", maxLength: 12 })
      const samples = fc.sample(
        fc.oneof(
          fc.json({ maxDepth: 3 }),
          fc
            .record(
              {
                chain: fc.oneof(fc.constant("localchain"), text),
                tx_hash: fc.oneof(fc.constant(`0x${"1".repeat(64)}`), text),
                token: fc.oneof(fc.constant("ETH"), text, fc.integer()),
                amount: fc.oneof(fc.constant("1"), fc.double(), text),
                to_address: fc.oneof(fc.constant(`0x${"2".repeat(40)}`), text),
                transfer_index: fc.oneof(fc.integer(), fc.double(), fc.constant(null))
              },
              { requiredKeys: [] }
            )
            .map((value) => JSON.stringify(value))
        ),
        { numRuns: 200, seed: 42 }
      )
      const statuses = yield* Effect.forEach(
        samples,
        (body) => Effect.map(deliver(url, body), ({ status }) => status),
        { concurrency: 10 }
      )
      assert.deepStrictEqual(
        statuses.filter((status) => ![200, 400, 422].includes(status)),
        []
      )
    })
  )
})
