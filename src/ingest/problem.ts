/** Refusals of a webhook as RFC 9457 problem details: what is wrong, where, and how to mend it. */
import { Data, Effect } from "effect"
import { HttpServerResponse, ProblemDetails } from "effect/http"

/** One field that is wrong, by its path in the body: `amount`, `transfers[1].to_address`. */
export interface FieldFault {
  readonly path: string
  readonly message: string
}

/** How many faults an answer names: a megabyte of mistakes would be answered with many. */
export const maxNamedFaults = 100

const titles = {
  malformed: "Malformed body",
  signature_invalid: "Signature refused",
  timestamp_invalid: "Timestamp refused",
  source_unknown: "Unknown source",
  body_too_large: "Body too large",
  media_type_unsupported: "Unsupported media type",
  fields_invalid: "Invalid fields",
  unavailable: "Temporarily unavailable",
  internal: "Internal error"
} as const

const statuses: Record<Code, number> = {
  malformed: 400,
  signature_invalid: 401,
  timestamp_invalid: 401,
  source_unknown: 404,
  body_too_large: 413,
  media_type_unsupported: 415,
  fields_invalid: 422,
  unavailable: 503,
  internal: 500
}

type Code = keyof typeof titles

export class WebhookProblem extends Data.TaggedError("WebhookProblem")<{
  readonly code: Code
  readonly detail: string
  readonly errors?: ReadonlyArray<FieldFault>
  readonly retryAfterSeconds?: number
}> {}

export const problemResponse = (problem: WebhookProblem): HttpServerResponse.HttpServerResponse => {
  const { code, detail, errors, retryAfterSeconds } = problem
  const response = ProblemDetails.toResponse({
    type: "about:blank",
    status: statuses[code],
    title: titles[code],
    code,
    detail,
    ...(errors === undefined ? {} : { errors })
  })
  return retryAfterSeconds === undefined
    ? response
    : HttpServerResponse.setHeader(response, "retry-after", `${retryAfterSeconds}`)
}

export const refuse = (problem: ConstructorParameters<typeof WebhookProblem>[0]) =>
  Effect.fail(new WebhookProblem(problem))

/** Fails with the problem, if there is one. */
export const failIf = (problem: WebhookProblem | undefined): Effect.Effect<void, WebhookProblem> =>
  problem === undefined ? Effect.void : Effect.fail(problem)
