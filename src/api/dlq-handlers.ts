/** Listing, replaying and discarding dead letters: who may, how many at once, and what is refused. */
import { Clock, Duration, Effect } from "effect"
import type { HttpServerRequest } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { defaultRate } from "../deposits/dead-letter-limits.ts"
import { DeadLetters, type Decision, type Outcome } from "../deposits/dead-letters.ts"
import { JobQueries } from "../deposits/job-queries.ts"
import type { JobId } from "../domain/ids.ts"
import { Api } from "./api.ts"
import { Caller } from "./authorization.ts"
import { maxReplays } from "./dlq-api.ts"
import { decodeDecision, decodeReplay } from "./dlq-bodies.ts"
import { jsonOf, orProblemResponse } from "./json-request.ts"
import { mustOperate, mustSee } from "./may.ts"
import { orUnavailable, orUnavailableAfter } from "./or-unavailable.ts"
import { NotFound, WrongState } from "./problems.ts"
import { visibleJobOf } from "./visible-job.ts"

/** How long a call may replay at its rate. */
const maxCallSeconds = 10
/** The replay itself, and as long again as the database may take for any call. */
const callTimeout = Duration.seconds(maxCallSeconds + 5)

export const jobsOfCall = (limit: number, rate: number): number =>
  Math.min(limit, rate * maxCallSeconds)

export const dlq = HttpApiBuilder.group(
  Api,
  "dlq",
  Effect.fn(function* (handlers) {
    const deadLetters = yield* DeadLetters
    const queries = yield* JobQueries
    const visibleJob = visibleJobOf(queries)

    /** One job, by its operator, and the job as it is then. */
    const decide = (
      { params, request }: Named,
      what: string,
      move: (
        ids: ReadonlyArray<JobId>,
        decision: Decision
      ) => ReturnType<DeadLetters["Service"]["replay"]>
    ) =>
      Effect.gen(function* () {
        yield* mustOperate(`dead letters are ${what}`)
        const { id } = yield* orUnavailable(visibleJob(params.job_id))
        const { reason } = yield* decodeDecision(yield* jsonOf(request))
        const operator = yield* operatorName
        const [outcome] = yield* orUnavailable(move([id], { operator, reason }))
        yield* mustBeDone(outcome, what)
        return yield* orUnavailable(visibleJob(id))
      }).pipe(orProblemResponse)

    return handlers
      .handle(
        "list",
        Effect.fnUntraced(function* ({ query: { tenant_id, cursor, limit, ...filter } }) {
          const visible = { ...filter, tenants: yield* tenantsOf(tenant_id) }
          // One more tells whether there is another page.
          const page = { before: cursor, limit: limit + 1 }
          const [found, causes] = yield* orUnavailable(
            Effect.all([
              deadLetters.list(visible, page),
              cursor === undefined ? deadLetters.causes(visible) : Effect.succeed(null)
            ])
          )
          const jobs = found.slice(0, limit)
          const last = found.length > limit ? jobs.at(-1) : undefined
          return { jobs, causes, next_cursor: last?.id ?? null }
        })
      )
      .handleRaw("replayAll", ({ request }) =>
        Effect.gen(function* () {
          yield* mustOperate("dead letters are replayed")
          const body = yield* decodeReplay(yield* jsonOf(request))
          const { limit = maxReplays, rate = defaultRate, tenant_id, ...rest } = body
          const filter = { ...rest, tenants: yield* tenantsOf(tenant_id) }
          if (body.dry_run) {
            const { until = new Date(yield* Clock.currentTimeMillis) } = filter
            const matched = yield* orUnavailable(deadLetters.count({ ...filter, until }))
            return { dry_run: body.dry_run, matched, until }
          }
          const { reason } = body
          const operator = yield* operatorName
          const max_jobs = jobsOfCall(limit, rate)
          const { replayed, until } = yield* orUnavailableAfter(callTimeout)(
            deadLetters.replayAll({ filter, max_jobs, rate, operator, reason })
          )
          const remaining = yield* orUnavailable(deadLetters.count({ ...filter, until }))
          return { replayed, remaining, until }
        }).pipe(orProblemResponse)
      )
      .handleRaw("replay", (call) => decide(call, "replayed", deadLetters.replay))
      .handleRaw("discard", (call) => decide(call, "discarded", deadLetters.discard))
  })
)

interface Named {
  readonly params: { readonly job_id: string }
  readonly request: HttpServerRequest.HttpServerRequest
}

const operatorName = Effect.map(Caller, ({ name }) => `api:${name}`)

/** Those that the caller may see, or the one that is asked for; undefined means all. */
const tenantsOf = Effect.fnUntraced(function* (asked: string | undefined) {
  if (asked !== undefined) {
    yield* mustSee(asked)
    return [asked]
  }
  const { tenants } = yield* Caller
  return tenants === null ? undefined : [...tenants]
})

const mustBeDone = (outcome: Outcome | undefined, what: string) => {
  switch (outcome?.outcome) {
    case "done":
      return Effect.void
    case "refused":
      return Effect.fail(
        new WrongState({ detail: `the job is ${outcome.state}, and cannot be ${what}` })
      )
    case "busy":
      return Effect.fail(
        new WrongState({ detail: "something else happens to the job at this moment: ask again" })
      )
    default:
      return Effect.fail(new NotFound({ detail: "there is no such job" }))
  }
}
