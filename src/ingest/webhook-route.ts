/**
 * `POST /v1/webhooks/{source}`: verify the raw bytes, decode, make durable, and only then say 200.
 *
 *     200 accepted | duplicate      400 malformed        401 signature or timestamp
 *     404 unknown source            413 over 1 MiB       415 not JSON
 *     422 invalid fields            503 the database is away: send it again
 */
import { hash } from "node:crypto"
import { ByteSize, Clock, Duration, Effect, Predicate, Result } from "effect"
import {
  HttpIncomingMessage,
  HttpRouter,
  type HttpServerRequest,
  HttpServerResponse
} from "effect/http"
import { Settings } from "../config/settings.ts"
import { type Source, SurehookConfig } from "../config/surehook-config.ts"
import type { ReceivedClaim, ReceiveOutcome } from "../deposits/deposits.ts"
import type { TransferClaim } from "../domain/transfer.ts"
import { Intake } from "./intake.ts"
import { parseJsonBody } from "./json-body.ts"
import { problemResponse, refuse, WebhookProblem } from "./problem.ts"
import type { Provider, Verify } from "./provider.ts"
import { providers } from "./registry.ts"

export const maxBodyBytes = 1_048_576
const retryAfterSeconds = 5
/**
 * A database that hangs says nothing. The commit may still come: the webhook is then sent again, and
 * answered as a duplicate.
 */
const commitTimeout = Duration.seconds(10)
const defaultPriority = 0

interface Endpoint {
  readonly source: Source
  readonly provider: Provider
  readonly verify: Verify
}

export const webhookRoute = HttpRouter.use((router) =>
  Effect.gen(function* () {
    const { sources, chains } = yield* SurehookConfig
    const { worker } = yield* Settings
    const intake = yield* Intake

    const endpoints = new Map<string, Endpoint>(
      [...sources.values()].map((source) => {
        const provider = providers[source.provider]
        return [source.id, { source, provider, verify: provider.verifier(source.secrets) }]
      })
    )

    const receive = Effect.fnUntraced(function* (request: HttpServerRequest.HttpServerRequest) {
      const { source: id } = yield* HttpRouter.params
      const endpoint = endpoints.get(id ?? "")
      if (endpoint === undefined) {
        return yield* refuse({
          code: "source_unknown",
          detail: `there is no source of this name in surehook.yaml: the URL is /v1/webhooks/{source}`
        })
      }
      yield* refuseMediaType(request)
      const body = yield* readBody(request)
      const receivedAt = yield* Clock.currentTimeMillis
      const refusal = endpoint.verify({ headers: request.headers, body, receivedAt })
      if (refusal !== undefined) return yield* refusal

      const json = parseJsonBody(body)
      if (Result.isFailure(json)) return yield* refuse({ code: "malformed", detail: json.failure })
      const claims = endpoint.provider.decode(json.success, chains)
      if (Result.isFailure(claims)) {
        return yield* refuse({
          code: "fields_invalid",
          detail: "these fields of the body are missing or wrong",
          errors: claims.failure
        })
      }
      const { source } = endpoint
      const payload_digest = hash("sha256", body)
      const trace_parent = traceParent(request.headers.traceparent)
      const outcomes = yield* intake
        .receive(
          claims.success.map(
            (claim): ReceivedClaim => ({
              tenant_id: source.tenant_id,
              environment: source.environment,
              source: source.id,
              claim,
              priority: defaultPriority,
              max_attempts: worker.maxAttempts,
              payload_digest,
              payload: json.success,
              trace_parent
            })
          )
        )
        .pipe(
          Effect.timeoutOrElse({ duration: commitTimeout, orElse: () => Effect.fail(unavailable) })
        )
      return answer(claims.success, outcomes)
    })

    yield* router.add("POST", "/v1/webhooks/:source", (request) =>
      receive(request).pipe(
        Effect.catchTag("WebhookProblem", (problem) => Effect.succeed(problemResponse(problem))),
        Effect.catchTag(["SqlError", "GroupCommitFull"], () =>
          Effect.succeed(problemResponse(unavailable))
        ),
        Effect.catchDefect((defect) =>
          Effect.as(Effect.logError("a webhook failed unexpectedly", defect), problemResponse(bug))
        )
      )
    )
  })
)

const unavailable = new WebhookProblem({
  code: "unavailable",
  detail: "the webhook could not be stored, and is not accepted: send it again later",
  retryAfterSeconds
})

const bug = new WebhookProblem({
  code: "internal",
  detail: "the webhook could not be handled, and is not accepted: send it again later"
})

const answer = (
  claims: ReadonlyArray<TransferClaim>,
  outcomes: ReadonlyArray<ReceiveOutcome>
): HttpServerResponse.HttpServerResponse => {
  const jobs = outcomes.map(({ job_id, status }, index) => ({
    job_id,
    status,
    chain: claims[index]?.chain,
    tx_hash: claims[index]?.tx_hash,
    transfer_index: claims[index]?.transfer_index
  }))
  return HttpServerResponse.jsonUnsafe({
    status: outcomes.some(({ created }) => created) ? "accepted" : "duplicate",
    job_id: jobs[0]?.job_id,
    jobs
  })
}

/** A body without a type is taken for JSON, which is all that could be meant. */
const refuseMediaType = ({ headers }: HttpServerRequest.HttpServerRequest) => {
  const type = headers["content-type"]
  const coding = headers["content-encoding"]
  if (type !== undefined && !/^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(type.trim())) {
    return refuse({
      code: "media_type_unsupported",
      detail: "send the body as JSON, with `content-type: application/json`"
    })
  }
  if (coding !== undefined && coding.toLowerCase() !== "identity") {
    return refuse({
      code: "media_type_unsupported",
      detail: "send the body as it is, without `content-encoding`"
    })
  }
  return Effect.void
}

const tooLarge = refuse({
  code: "body_too_large",
  detail: `the body is larger than ${maxBodyBytes} bytes`
})

const cutOff = refuse({
  code: "malformed",
  detail: "the body ended before its end: send the webhook again"
})

/** What reading a body without a declared length fails with beyond the limit. */
const isTooLarge = (cause: unknown): boolean => Predicate.hasProperty(cause, "maxBytes")

const readBody = (
  request: HttpServerRequest.HttpServerRequest
): Effect.Effect<Uint8Array, WebhookProblem> => {
  const declared = Number(request.headers["content-length"] ?? 0)
  if (declared > maxBodyBytes) return tooLarge
  return request.arrayBuffer.pipe(
    Effect.provideService(HttpIncomingMessage.MaxBodySize, ByteSize.fromInputUnsafe(maxBodyBytes)),
    Effect.map((buffer) => new Uint8Array(buffer)),
    Effect.catch((error) => (isTooLarge(error.reason.cause) ? tooLarge : cutOff))
  )
}

/** https://www.w3.org/TR/trace-context/#traceparent-header, version 00. */
const traceParent = (header: string | undefined): string | null =>
  header !== undefined && /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(header) ? header : null
