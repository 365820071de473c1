/** Listing, replaying and discarding dead letters over HTTP. */
import { PgClient } from "@effect/sql-pg"
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer, Redacted, Schema } from "effect"
import { jobsOfCall } from "../../src/api/dlq-handlers.ts"
import { JobView } from "../../src/api/views.ts"
import type { Verdict } from "../../src/chains/validator.ts"
import type { ApiToken } from "../../src/config/surehook-config.ts"
import type { Deposits, ReceivedClaim } from "../../src/deposits/deposits.ts"
import { SourceId, TenantId } from "../../src/domain/ids.ts"
import { deadLettered } from "../deposits/dead-lettered.ts"
import { localchain, newJobs, received, receivedMany } from "../deposits/jobs.ts"
import { awaitStatus, balancesOf, eventsOf, get, jobOf, send } from "../support/api.ts"
import { TestDatabase } from "../support/postgres.ts"
import { confirmed, validatorOf } from "../support/scripted-validator.ts"
import {
  configOf,
  operatorToken,
  type RunningService,
  startService,
  strangerToken
} from "../support/service.ts"
import { request } from "../support/webhooks.ts"

const viewerToken = "viewer-token-of-the-tests"
const auditorToken = "auditor-token-of-the-tests"
const adminToken = "admin-token-of-the-tests"
const globex = TenantId.make("globex")

const token = (name: ApiToken["role"], text: string): ApiToken => ({
  name,
  role: name,
  token: Redacted.make(text),
  tenants: null
})

/** Without workers, so that what is replayed stays pending. The stranger's token is that of globex. */
class Service extends Context.Service<Service, RunningService>()("test/Service") {
  static readonly layer = Layer.effect(
    Service,
    Effect.gen(function* () {
      const { url } = yield* TestDatabase
      const { apiTokens } = configOf([])
      return yield* startService({
        databaseUrl: url,
        env: { FUNDING_WORKER_ENABLED: "false" },
        config: {
          apiTokens: [
            ...apiTokens,
            token("viewer", viewerToken),
            token("auditor", auditorToken),
            token("admin", adminToken)
          ]
        }
      })
    })
  ).pipe(Layer.provide(TestDatabase.layerUrl))
}

const post = (path: string, body: unknown, bearer = operatorToken) =>
  Effect.flatMap(Service, ({ url }) =>
    request(`${url}/v1/dlq/${path}`, {
      method: "POST",
      body: typeof body === "string" ? body : JSON.stringify(body),
      headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" }
    })
  )

const list = (query: string, bearer = operatorToken) =>
  Effect.flatMap(Service, ({ url }) => get(url, `/v1/dlq${query}`, bearer))

/** Runs with what the service itself uses. */
const inService = <A, E>(effect: Effect.Effect<A, E, Deposits | PgClient.PgClient>) =>
  Effect.flatMap(Service, ({ context }) => Effect.provide(effect, context))

const dead = (count: number, fields: Partial<ReceivedClaim> = {}) =>
  inService(deadLettered(receivedMany(count).map((claim) => ({ ...claim, ...fields }))))

const oneDead = (fields: Partial<ReceivedClaim> = {}) =>
  Effect.map(dead(1, fields), ([job]) => job?.id ?? assert.fail())

/** Each test has dead letters of its own, by their source. */
let sources = 0
const sourceOfItsOwn = () => {
  sources += 1
  return SourceId.make(`source-${sources}`)
}

const decodeList = Schema.decodeUnknownSync(
  Schema.Struct({
    jobs: Schema.Array(JobView),
    causes: Schema.NullOr(Schema.Array(Schema.JsonObject)),
    next_cursor: Schema.NullOr(Schema.String)
  })
)
const decodeBulk = Schema.decodeUnknownSync(
  Schema.Struct({ replayed: Schema.Int, remaining: Schema.Int, until: Schema.String })
)
const decodeDryRun = Schema.decodeUnknownSync(
  Schema.Struct({ dry_run: Schema.Literal(true), matched: Schema.Int, until: Schema.String })
)
const decodeJob = Schema.decodeUnknownSync(JobView)
const decodeProblem = Schema.decodeUnknownSync(
  Schema.Struct({
    status: Schema.Int,
    detail: Schema.String,
    errors: Schema.optionalKey(
      Schema.Array(Schema.Struct({ path: Schema.String, message: Schema.String }))
    )
  })
)
const reason = "the endpoint is back"

layer(Service.layer, { excludeTestServices: true })("/v1/dlq", (it) => {
  it.effect("replays one job, names the operator in its history, and answers with the job", () =>
    Effect.gen(function* () {
      const { url } = yield* Service
      const id = yield* oneDead()
      const answer = yield* post(`${id}/replay`, { reason })
      assert.strictEqual(answer.status, 200, answer.text)
      const job = decodeJob(answer.json)
      assert.deepStrictEqual([job.id, job.status, job.attempt_count], [id, "pending", 0])
      const events = yield* eventsOf(url, id)
      const last = events.at(-1)
      assert.deepStrictEqual(
        [last?.type, last?.actor, last?.data],
        ["dlq.replayed", "operator:api:ops", { operator: "api:ops", reason }]
      )
      const audit = yield* inService(
        Effect.flatMap(
          PgClient.PgClient,
          (sql) => sql`SELECT action, actor FROM audit_logs WHERE job_id = ${id}`
        )
      )
      assert.deepStrictEqual(audit, [{ action: "replay_dlq", actor: "operator:api:ops" }])
    })
  )

  it.effect("says in which state a job is that cannot be replayed or discarded", () =>
    Effect.gen(function* () {
      const [fresh] = yield* inService(newJobs([received()]))
      for (const what of ["replay", "discard"]) {
        const answer = yield* post(`${fresh?.id}/${what}`, { reason })
        assert.strictEqual(answer.status, 409)
        assert.strictEqual(answer.headers.get("content-type"), "application/problem+json")
        assert.match(decodeProblem(answer.json).detail, /the job is pending, and cannot be/)
      }
    })
  )

  it.effect("discards one job, and replays it when that was a mistake", () =>
    Effect.gen(function* () {
      const id = yield* oneDead()
      const discarded = yield* post(`${id}/discard`, { reason: "not ours" }, adminToken)
      assert.strictEqual(discarded.status, 200, discarded.text)
      const job = decodeJob(discarded.json)
      assert.deepStrictEqual(
        [job.sub_state, job.settled_because, job.failure_reason],
        ["settled", "discarded", "not ours"]
      )
      assert.strictEqual((yield* post(`${id}/discard`, { reason })).status, 409)
      const replayed = yield* post(`${id}/replay`, { reason })
      assert.strictEqual(decodeJob(replayed.json).status, "pending")
    })
  )

  it.effect("lets every role look, and only operators and admins change", () =>
    Effect.gen(function* () {
      const { url } = yield* Service
      const source = sourceOfItsOwn()
      const id = yield* oneDead({ source })
      for (const bearer of [viewerToken, auditorToken]) {
        const { jobs } = decodeList((yield* list(`?source=${source}`, bearer)).json)
        assert.deepStrictEqual(
          jobs.map((job) => job.id),
          [id]
        )
        for (const path of [`${id}/replay`, `${id}/discard`, "replay"]) {
          const answer = yield* post(path, { reason }, bearer)
          assert.strictEqual(answer.status, 403)
          assert.match(decodeProblem(answer.json).detail, /operator or admin, and this one's is/)
        }
      }
      assert.strictEqual((yield* post(`${id}/replay`, { reason }, "wrong")).status, 401)
      assert.strictEqual((yield* list("", "wrong")).status, 401)
      assert.strictEqual((yield* jobOf(url, id)).status, "dlq")
    })
  )

  it.effect("shows and replays for each token its own tenants' jobs alone", () =>
    Effect.gen(function* () {
      const { url } = yield* Service
      const source = sourceOfItsOwn()
      const [mine] = yield* dead(1, { source, tenant_id: globex })
      const theirs = yield* oneDead({ source })
      const { jobs } = decodeList((yield* list(`?source=${source}`, strangerToken)).json)
      assert.deepStrictEqual(
        jobs.map(({ id }) => id),
        [mine?.id ?? ""]
      )
      for (const what of ["replay", "discard"]) {
        const foreign = yield* post(`${theirs}/${what}`, { reason }, strangerToken)
        const nobody = yield* post(
          `01a21019-0000-7000-8000-000000000000/${what}`,
          { reason },
          strangerToken
        )
        assert.strictEqual(foreign.status, 404)
        assert.deepStrictEqual(foreign.json, nobody.json)
      }
      const dry = yield* post("replay", { dry_run: true, source }, strangerToken)
      assert.strictEqual(decodeDryRun(dry.json).matched, 1)
      const bulk = yield* post("replay", { reason, source }, strangerToken)
      assert.deepInclude(decodeBulk(bulk.json), { replayed: 1, remaining: 0 })
      assert.strictEqual((yield* jobOf(url, theirs)).status, "dlq")
      for (const answer of [
        yield* list("?tenant_id=acme", strangerToken),
        yield* post("replay", { reason, tenant_id: "acme" }, strangerToken)
      ]) {
        assert.strictEqual(answer.status, 403)
      }
    })
  )

  it.effect("counts in a dry run, then replays in bounded calls until none remains", () =>
    Effect.gen(function* () {
      const source = sourceOfItsOwn()
      yield* dead(25, { source })
      yield* dead(3, { source, tenant_id: globex })
      const wanted = { source, tenant_id: "acme", error_type: "permanent", chain: "localchain" }
      const dry = yield* post("replay", { ...wanted, dry_run: true })
      assert.strictEqual(dry.status, 200, dry.text)
      const { matched, until } = decodeDryRun(dry.json)
      assert.strictEqual(matched, 25)
      // What comes now is not meant: the client sends the time of the dry run.
      yield* dead(2, { source })
      const counts: Array<readonly [number, number]> = []
      for (let remaining = 1; remaining > 0; ) {
        const answer = yield* post("replay", { ...wanted, until, reason, limit: 10, rate: 1_000 })
        assert.strictEqual(answer.status, 200, answer.text)
        const said = decodeBulk(answer.json)
        assert.strictEqual(said.until, until)
        counts.push([said.replayed, said.remaining])
        remaining = said.remaining
      }
      assert.deepStrictEqual(counts, [
        [10, 15],
        [10, 5],
        [5, 0]
      ])
      const left = decodeList((yield* list(`?source=${source}`)).json)
      assert.strictEqual(left.jobs.length, 5)
    })
  )

  it("replays in one call no more than its rate allows in ten seconds", () => {
    assert.strictEqual(jobsOfCall(1_000, 1), 10)
    assert.strictEqual(jobsOfCall(1_000, 99), 990)
    assert.strictEqual(jobsOfCall(1_000, 10_000), 1_000)
    assert.strictEqual(jobsOfCall(5, 100), 5)
  })

  it.effect("refuses a call without a reason, without sense, or with a misspelt filter", () =>
    Effect.gen(function* () {
      const { url } = yield* Service
      const source = sourceOfItsOwn()
      const id = yield* oneDead({ source })
      const long = "x".repeat(501)
      const one = `${id}/replay`
      const cases = [
        [one, {}, "reason", /missing/],
        [one, { reason: "" }, "reason", /1 to 500 characters/],
        [one, { reason: "  " }, "reason", /1 to 500 characters/],
        [one, { reason: long }, "reason", /1 to 500 characters/],
        [one, { reason: 7 }, "reason", /string/],
        [`${id}/discard`, {}, "reason", /missing/],
        ["replay", { source }, "reason", /missing/],
        ["replay", { source, reason: long, dry_run: true }, "reason", /1 to 500/],
        ["replay", { source, reason, rate: 0 }, "rate", /1 to 10000/],
        ["replay", { source, reason, rate: 0.5 }, "rate", /1 to 10000/],
        ["replay", { source, reason, rate: "fast" }, "rate", /must be a number/],
        ["replay", { source, reason, limit: 1_001 }, "limit", /1 to 1000/],
        ["replay", { source, reason, limit: 0 }, "limit", /1 to 1000/],
        ["replay", { reason, sources: source }, "sources", /is none of tenant_id, .*source/],
        ["replay", { source, reason, error_type: "bad" }, "error_type", /transient, permanent/],
        ["replay", { source, reason, since: "yesterday" }, "since", /2026-01-31T12:00:00Z/],
        ["replay", { source, reason, until: "2026-13-01T00:00:00Z" }, "until", /a time/],
        ["replay", { source, reason, chain: "\u0000" }, "chain", /chain/]
      ] as const
      for (const [path, body, field, message] of cases) {
        const answer = yield* post(path, body)
        assert.strictEqual(answer.status, 422, JSON.stringify(body))
        assert.strictEqual(answer.headers.get("content-type"), "application/problem+json")
        const { detail, errors = [] } = decodeProblem(answer.json)
        assert.match(detail, /nothing was changed/)
        assert.deepStrictEqual(
          errors.map(({ path }) => path),
          [field],
          answer.text
        )
        assert.match(errors[0]?.message ?? "", message)
      }
      assert.strictEqual((yield* post(one, "{")).status, 400)
      assert.strictEqual((yield* post("replay", "[]")).status, 422)
      assert.strictEqual((yield* jobOf(url, id)).status, "dlq")
    })
  )

  it.effect("lists in stable pages, the newest first, with the causes on the first", () =>
    Effect.gen(function* () {
      const source = sourceOfItsOwn()
      const jobs = yield* dead(5, { source })
      const pages: Array<ReadonlyArray<string>> = []
      const causes: Array<unknown> = []
      let cursor = ""
      do {
        const page = yield* list(`?source=${source}&tenant_id=acme&limit=2${cursor}`)
        assert.strictEqual(page.status, 200, page.text)
        const found = decodeList(page.json)
        pages.push(found.jobs.map(({ id }) => id))
        causes.push(found.causes)
        cursor = found.next_cursor === null ? "" : `&cursor=${found.next_cursor}`
      } while (cursor !== "")
      const newest = jobs
        .map(({ id }) => id)
        .toSorted()
        .toReversed()
      assert.deepStrictEqual(pages, [newest.slice(0, 2), newest.slice(2, 4), newest.slice(4)])
      assert.deepStrictEqual(causes, [
        [
          {
            chain: "localchain",
            error_type: "permanent",
            failure_reason: "it cannot be",
            count: 5
          }
        ],
        null,
        null
      ])
      const later = new Date(Date.parse("2100-01-01T00:00:00Z")).toISOString()
      const none = decodeList((yield* list(`?source=${source}&since=${later}`)).json)
      assert.deepStrictEqual(none.jobs, [])
    })
  )

  it.effect("says which parameter is wrong", () =>
    Effect.gen(function* () {
      for (const [query, path, message] of [
        ["?limit=0", "limit", /1 to 1000/],
        ["?cursor=abc", "cursor", /next_cursor/],
        ["?error_type=bad", "error_type", /transient, permanent/],
        ["?since=yesterday", "since", /2026-01-31T12:00:00Z/],
        ["?source=%00", "source", /source/]
      ] as const) {
        const answer = yield* list(query)
        assert.strictEqual(answer.status, 422, query)
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
      const Post = Schema.Struct({ post: Responses })
      const { paths } = Schema.decodeUnknownSync(
        Schema.Struct({
          paths: Schema.Struct({
            "/v1/dlq": Schema.Struct({ get: Responses }),
            "/v1/dlq/replay": Post,
            "/v1/dlq/{job_id}/replay": Post,
            "/v1/dlq/{job_id}/discard": Post
          })
        })
      )(json)
      const answers = ["200", "401", "403", "422", "503"]
      assert.includeMembers(Object.keys(paths["/v1/dlq"].get.responses), answers)
      assert.includeMembers(Object.keys(paths["/v1/dlq/replay"].post.responses), answers)
      for (const path of ["/v1/dlq/{job_id}/replay", "/v1/dlq/{job_id}/discard"] as const) {
        assert.includeMembers(Object.keys(paths[path].post.responses), [...answers, "404", "409"])
      }
    })
  )
})

layer(TestDatabase.layerUrl, { excludeTestServices: true })("a replay over HTTP", (it) => {
  it.effect("has the deposit credited once, when the chain shows it after all", () =>
    Effect.gen(function* () {
      const { url: databaseUrl } = yield* TestDatabase
      let isRepaired = false
      const mismatch: Verdict = {
        _tag: "Mismatch",
        reason: "another token",
        expected: {},
        found: {},
        evidence: {}
      }
      const { url } = yield* startService({
        databaseUrl,
        // Only a signal wakes the workers.
        env: { FUNDING_WORKER_POLL_INTERVAL: "1h" },
        validator: validatorOf(
          (claim) => Effect.sync(() => (isRepaired ? confirmed(claim) : mismatch)),
          Effect.succeed([localchain])
        )
      })
      const to_address = `0x${"d1".repeat(20)}`
      const { job_id } = yield* send(url, {
        chain: localchain,
        tx_hash: `0x${"e".repeat(64)}`,
        token: "ETH",
        amount: "1.5",
        to_address
      })
      yield* awaitStatus(url, job_id, "dlq")
      isRepaired = true
      for (let round = 0; round < 2; round++) {
        const answer = yield* request(`${url}/v1/dlq/${job_id}/replay`, {
          method: "POST",
          body: JSON.stringify({ reason: "the token's contract was wrong in the config" }),
          headers: {
            authorization: `Bearer ${operatorToken}`,
            "content-type": "application/json"
          }
        })
        assert.strictEqual(answer.status, round === 0 ? 200 : 409, answer.text)
        yield* awaitStatus(url, job_id, "completed")
        assert.deepStrictEqual(yield* balancesOf(url, localchain, to_address), { ETH: "1.5" })
      }
      assert.deepStrictEqual(
        (yield* eventsOf(url, job_id)).map(({ type }) => type),
        [
          "deposit.received",
          "processing.started",
          "attempt.failed",
          "dlq.replayed",
          "processing.started",
          "deposit.credited"
        ]
      )
    })
  )
})
