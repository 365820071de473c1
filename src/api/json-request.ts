/** The JSON of a request's body, with the refusals of the webhooks for what is none. */
import { Effect, Result } from "effect"
import type { HttpServerRequest } from "effect/http"
import { parseJsonBody } from "../ingest/json-body.ts"
import { problemResponse, refuse, WebhookProblem } from "../ingest/problem.ts"
import { rawBody } from "../ingest/raw-body.ts"

export const jsonOf = Effect.fnUntraced(function* (request: HttpServerRequest.HttpServerRequest) {
  const json = parseJsonBody(yield* rawBody(request))
  return Result.isFailure(json)
    ? yield* refuse({ code: "malformed", detail: json.failure })
    : json.success
})

export const orProblemResponse = <A, E, R>(effect: Effect.Effect<A, E | WebhookProblem, R>) =>
  Effect.catchIf(
    effect,
    (error): error is WebhookProblem => error instanceof WebhookProblem,
    (problem) => Effect.succeed(problemResponse(problem))
  )
