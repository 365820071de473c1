/** The endpoints at which dead letters are listed, replayed and discarded. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { ErrorType } from "../../machines/deposit-events.ts"
import {
  defaultRate,
  isReason,
  maxRate,
  maxReasonLength,
  rateRule,
  reasonRule
} from "../deposits/dead-letter-limits.ts"
import { ChainName } from "../domain/chain.ts"
import {
  Environment,
  JobId,
  jobIdFromText,
  SourceId,
  TenantId,
  TokenSymbol
} from "../domain/ids.ts"
import { Authorization } from "./authorization.ts"
import { IsoTime } from "./iso-time.ts"
import { pageLimit } from "./page-limit.ts"
import {
  ForbiddenProblem,
  InvalidProblem,
  NotFoundProblem,
  UnavailableProblem,
  WrongStateProblem
} from "./problems.ts"
import { CheckedQuery } from "./query-check.ts"
import { JobView } from "./views.ts"

const defaultLimit = 100
const maxLimit = 1_000

/** Of one call to replay many; the client calls again. */
export const maxReplays = 1_000

const errorTypeRule = `must be one of ${ErrorType.literals.join(", ")}`

const filters = {
  tenant_id: Schema.optionalKey(TenantId),
  environment: Schema.optionalKey(Environment),
  source: Schema.optionalKey(SourceId),
  chain: Schema.optionalKey(ChainName),
  token: Schema.optionalKey(TokenSymbol),
  error_type: Schema.optionalKey(ErrorType.annotate({ message: errorTypeRule })),
  since: Schema.optionalKey(IsoTime).annotate({ description: "dead-lettered then or later" }),
  until: Schema.optionalKey(IsoTime).annotate({ description: "dead-lettered before" })
}

/** The id of the last job of a page. Opaque, so that it may change. */
const Cursor = Schema.String.pipe(
  Schema.check(
    Schema.makeFilter((text: string) =>
      jobIdFromText(text) === text ? true : "must be the next_cursor of an answer to this call"
    )
  ),
  Schema.decodeTo(JobId)
)

const Reason = Schema.String.pipe(
  Schema.check(
    Schema.makeFilter((text: string) => (isReason(text) ? true : reasonRule), {
      toJsonSchema: () => ({ minLength: 1, maxLength: maxReasonLength })
    })
  )
).annotate({ description: "why: it stands in the job's history" })

const wholeNumber = (max: number, message: string) =>
  Schema.Number.pipe(
    Schema.check(
      Schema.makeFilter(
        (value: number) => (Number.isInteger(value) && value >= 1 && value <= max ? true : message),
        { toJsonSchema: () => ({ type: "integer", minimum: 1, maximum: max }) }
      )
    )
  )

export const DecisionBody = Schema.Struct({ reason: Reason })

/** A dry run changes nothing, and needs no reason. */
export const ReplayBody = Schema.Struct({
  ...filters,
  reason: Schema.optionalKey(Reason),
  dry_run: Schema.optionalKey(Schema.Boolean).annotate({ description: "only count" }),
  limit: Schema.optionalKey(
    wholeNumber(maxReplays, `must be a whole number from 1 to ${maxReplays}`)
  ),
  rate: Schema.optionalKey(wholeNumber(maxRate, rateRule)).annotate({
    description: `jobs a second; ${defaultRate} if it is not given`
  })
})

const decided = {
  params: { job_id: Schema.String },
  payload: DecisionBody,
  success: JobView,
  error: [
    ForbiddenProblem,
    NotFoundProblem,
    WrongStateProblem,
    InvalidProblem,
    UnavailableProblem
  ] as const
}

const CauseView = Schema.Struct({
  chain: Schema.String,
  error_type: Schema.NullOr(Schema.String),
  failure_reason: Schema.NullOr(Schema.String).annotate({ description: "its beginning" }),
  count: Schema.Int
})

const Until = IsoTime.annotate({
  description: "send it with the next call, which then replays nothing that came since"
})

export const dlq = HttpApiGroup.make("dlq")
  .add(
    HttpApiEndpoint.get("list", "/v1/dlq", {
      query: {
        ...filters,
        cursor: Schema.optionalKey(Cursor),
        limit: pageLimit(maxLimit, defaultLimit)
      },
      success: Schema.Struct({
        jobs: Schema.Array(JobView),
        causes: Schema.NullOr(Schema.Array(CauseView)).annotate({
          description: "the most frequent among the newest 10,000; on the first page alone"
        }),
        next_cursor: Schema.NullOr(Cursor).annotate({
          description: "for the next page; null on the last one"
        })
      }),
      error: [ForbiddenProblem, UnavailableProblem]
    }),
    HttpApiEndpoint.post("replayAll", "/v1/dlq/replay", {
      payload: ReplayBody,
      success: Schema.Union([
        Schema.Struct({ dry_run: Schema.Literal(true), matched: Schema.Int, until: Until }),
        Schema.Struct({ replayed: Schema.Int, remaining: Schema.Int, until: Until })
      ]),
      error: [ForbiddenProblem, InvalidProblem, UnavailableProblem]
    }),
    HttpApiEndpoint.post("replay", "/v1/dlq/:job_id/replay", decided),
    HttpApiEndpoint.post("discard", "/v1/dlq/:job_id/discard", decided)
  )
  .middleware(CheckedQuery)
  .middleware(Authorization)
