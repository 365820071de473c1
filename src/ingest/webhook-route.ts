/**
 * `POST /v1/webhooks/{source}`: verify the raw bytes, decode, make durable, and only then say 200.
 *
 *     200 accepted | duplicate | ignored      400 malformed        401 signature or timestamp
 *     404 unknown source                      413 too large        415 not JSON
 *     422 invalid fields                      503 the database is away: send it again
 *
 * `GET` and `HEAD` are answered too, as providers and people try an endpoint before they send to it.
 */
import { hash } from "node:crypto"
import { Clock, Duration, Effect, Metric, Result } from "effect"
import { HttpRouter, type HttpServerRequest, HttpServerResponse } from "effect/http"
import { Settings } from "../config/settings.ts"
import { type Source, SurehookConfig } from "../config/surehook-config.ts"
import { priorityOf } from "../domain/large-amounts.ts"
import { storable } from "../event-log/storable.ts"
import { Intake, type ReceivedTransfer, type TransferOutcome } from "./intake.ts"
import { parseJsonBody } from "./json-body.ts"
import { maxNamedFaults, problemResponse, refuse, WebhookProblem } from "./problem.ts"
import type { AnnouncedTransfer, Announcement, Ignored, Provider, Receiver } from "./provider.ts"
import { rawBody } from "./raw-body.ts"
import { providers } from "./registry.ts"

const retryAfterSeconds = 5
/**
 * A database that hangs says nothing. The commit may still come: the webhook is then sent again, and
 * answered as a duplicate.
 */
const commitTimeout = Duration.seconds(10)
/**
 * More than the largest body can hold of real transfers. A provider cannot send a block in parts: who
 * fills one with dust must not hold up the deposits beside it.
 */
const maxTransfers = 20_000
/** What an answer names of what it ignored; `ignored_count` has them all. */
const maxNamedIgnored = 100

interface Endpoint {
  readonly source: Source
  readonly provider: Provider
  readonly receiver: Receiver
}

const ignoredTransfers = Metric.counter("webhook.ignored.total", {
  description: "parts of webhooks that are no deposits",
  incremental: true
})

export const webhookRoute = HttpRouter.use((router) =>
  Effect.gen(function* () {
    const { sources, chains } = yield* SurehookConfig
    const { worker } = yield* Settings
    const intake = yield* Intake

    const endpoints = new Map<string, Endpoint>()
    for (const source of sources.values()) {
      const provider = providers.get(source.provider)
      if (provider === undefined) {
        return yield* Effect.die(new Error(`source ${source.id} has no provider`))
      }
      const receiver = yield* provider.receiver(source, chains)
      endpoints.set(source.id, { source, provider, receiver })
    }

    const endpointOf = Effect.gen(function* () {
      const { source: id } = yield* HttpRouter.params
      const endpoint = endpoints.get(id ?? "")
      if (endpoint !== undefined) return endpoint
      return yield* refuse({
        code: "source_unknown",
        detail: `there is no source of this name in surehook.yaml: the URL is /v1/webhooks/{source}`
      })
    })

    const receive = Effect.fnUntraced(function* (request: HttpServerRequest.HttpServerRequest) {
      const { source, provider, receiver } = yield* endpointOf
      const body = yield* rawBody(request, provider)
      const receivedAt = yield* Clock.currentTimeMillis
      const webhook = { headers: request.headers, body, receivedAt }
      yield* receiver.verify(webhook)

      const json = parseJsonBody(body)
      if (Result.isFailure(json)) return yield* refuse({ code: "malformed", detail: json.failure })
      const decoded = receiver.decode(json.success, webhook)
      if (Result.isFailure(decoded)) {
        return yield* refuse({
          code: "fields_invalid",
          detail: "these fields of the body are missing or wrong",
          errors: decoded.failure.slice(0, maxNamedFaults)
        })
      }
      const announcement = decoded.success
      if (announcement.transfers.length > maxTransfers) {
        return yield* refuse({
          code: "fields_invalid",
          detail: `the body tells of ${announcement.transfers.length} transfers, and ${maxTransfers} are allowed: send them in several calls`
        })
      }
      const payload_digest = hash("sha256", body)
      const trace_parent = traceParent(request.headers.traceparent)
      const { message_id } = announcement
      const outcomes = yield* intake
        .receive({
          message:
            message_id === null
              ? undefined
              : { source: source.id, message_id: storable(message_id), payload_digest },
          transfers: announcement.transfers.map(
            ({ claim, from_address, payload, report }): ReceivedTransfer => ({
              from_address,
              received: {
                tenant_id: source.tenant_id,
                environment: source.environment,
                source: source.id,
                claim,
                report,
                priority: priorityOf(
                  claim.amount,
                  chains.get(claim.chain)?.tokens.get(claim.token)?.large_above
                ),
                max_attempts: worker.maxAttempts,
                payload_digest,
                payload,
                trace_parent
              }
            })
          )
        })
        .pipe(
          Effect.timeoutOrElse({ duration: commitTimeout, orElse: () => Effect.fail(unavailable) })
        )
      const ignored = allIgnored(announcement, outcomes)
      for (const { reason } of ignored) {
        const counter = Metric.withAttributes(ignoredTransfers, { source: source.id, reason })
        yield* Metric.update(counter, 1)
      }
      return answer(announcement, outcomes, ignored)
    })

    const answered = <R>(
      effect: Effect.Effect<
        HttpServerResponse.HttpServerResponse,
        Effect.Error<ReturnType<typeof receive>>,
        R
      >
    ) =>
      effect.pipe(
        Effect.catchTag("WebhookProblem", (problem) => Effect.succeed(problemResponse(problem))),
        Effect.catchTag(["SqlError", "GroupCommitFull"], () =>
          Effect.succeed(problemResponse(unavailable))
        ),
        Effect.catchDefect((defect) =>
          Effect.as(Effect.logError("a webhook failed unexpectedly", defect), problemResponse(bug))
        )
      )

    yield* router.add("POST", "/v1/webhooks/:source", (request) => answered(receive(request)))
    yield* router.add(
      "GET",
      "/v1/webhooks/:source",
      answered(
        Effect.map(endpointOf, ({ source }) =>
          HttpServerResponse.jsonUnsafe({ source: source.id, detail: "POST webhooks here" })
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

const wordsOfOutcome = {
  outgoing: "it left a registered address for one that is not registered",
  removed_unknown: "it is said to be gone, and no deposit of it is known"
}

/** What the provider's decoder left out, and what turned out to be no deposit of this tenant. */
const allIgnored = (
  { ignored, transfers }: Announcement,
  outcomes: ReadonlyArray<TransferOutcome>
): ReadonlyArray<Ignored> => [
  ...ignored,
  ...outcomes.flatMap((outcome, index): ReadonlyArray<Ignored> => {
    if (outcome._tag === "Job") return []
    const { reason } = outcome
    return [{ path: transfers[index]?.path ?? "", reason, detail: wordsOfOutcome[reason] }]
  })
]

const answer = (
  { is_test, transfers }: Announcement,
  outcomes: ReadonlyArray<TransferOutcome>,
  ignored: ReadonlyArray<Ignored>
): HttpServerResponse.HttpServerResponse => {
  const jobs = outcomes.flatMap((outcome, index) =>
    outcome._tag === "Job" ? [jobOf(outcome, transfers[index])] : []
  )
  const wasCreated = outcomes.some((outcome) => outcome._tag === "Job" && outcome.created)
  const [first] = jobs
  return HttpServerResponse.jsonUnsafe({
    status: wasCreated
      ? "accepted"
      : first !== undefined
        ? "duplicate"
        : is_test === true
          ? "test"
          : "ignored",
    ...(first === undefined ? {} : { job_id: first.job_id }),
    jobs,
    ...(ignored.length === 0
      ? {}
      : { ignored_count: ignored.length, ignored: ignored.slice(0, maxNamedIgnored) })
  })
}

const jobOf = (
  { job_id, status }: Extract<TransferOutcome, { _tag: "Job" }>,
  transfer: AnnouncedTransfer | undefined
) => ({
  job_id,
  status,
  chain: transfer?.claim.chain,
  tx_hash: transfer?.claim.tx_hash,
  transfer_index: transfer?.claim.transfer_index
})

/** https://www.w3.org/TR/trace-context/#traceparent-header, version 00. */
const traceParent = (header: string | undefined): string | null =>
  header !== undefined && /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(header) ? header : null
