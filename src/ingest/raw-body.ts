/** The bytes of a webhook as they were signed: bounded, and unfolded where its provider compresses. */
import { gunzip } from "node:zlib"
import { ByteSize, Effect, Predicate } from "effect"
import { HttpIncomingMessage, type HttpServerRequest } from "effect/http"
import { refuse, type WebhookProblem } from "./problem.ts"
import type { Provider } from "./provider.ts"

export const maxBodyBytes = 1_048_576
export const maxBlockBytes = 8_388_608
/** A few KiB of zeros unfold to gigabytes. */
export const maxUnfoldedBytes = 8_388_608

export const rawBody = Effect.fnUntraced(function* (
  request: HttpServerRequest.HttpServerRequest,
  { sendsBlocks = false, takesGzip = false }: Pick<Provider, "sendsBlocks" | "takesGzip"> = {}
) {
  const isGzipped = yield* checkMediaType(request, takesGzip)
  const body = yield* readBody(request, sendsBlocks ? maxBlockBytes : maxBodyBytes)
  return isGzipped ? yield* unfolded(body) : body
})

/** A body without a type is taken for JSON, which is all that could be meant. */
const checkMediaType = (
  { headers }: HttpServerRequest.HttpServerRequest,
  takesGzip: boolean
): Effect.Effect<boolean, WebhookProblem> => {
  const type = headers["content-type"]
  const coding = headers["content-encoding"]?.trim().toLowerCase() ?? "identity"
  if (type !== undefined && !/^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(type.trim())) {
    return refuse({
      code: "media_type_unsupported",
      detail: "send the body as JSON, with `content-type: application/json`"
    })
  }
  if (coding === "gzip" && takesGzip) return Effect.succeed(true)
  return coding === "identity"
    ? Effect.succeed(false)
    : refuse({
        code: "media_type_unsupported",
        detail: takesGzip
          ? "send the body as it is or with `content-encoding: gzip`"
          : "send the body as it is, without `content-encoding`"
      })
}

const tooLarge = (maxBytes: number) =>
  refuse({ code: "body_too_large", detail: `the body is larger than ${maxBytes} bytes` })

const cutOff = refuse({
  code: "malformed",
  detail: "the body ended before its end: send the webhook again"
})

/** What reading a body without a declared length fails with beyond the limit. */
const isTooLarge = (cause: unknown): boolean => Predicate.hasProperty(cause, "maxBytes")

const readBody = (
  request: HttpServerRequest.HttpServerRequest,
  maxBytes: number
): Effect.Effect<Uint8Array, WebhookProblem> => {
  const declared = Number(request.headers["content-length"] ?? 0)
  if (declared > maxBytes) return tooLarge(maxBytes)
  return request.arrayBuffer.pipe(
    Effect.provideService(HttpIncomingMessage.MaxBodySize, ByteSize.fromInputUnsafe(maxBytes)),
    Effect.map((buffer) => new Uint8Array(buffer)),
    Effect.catch((error) => (isTooLarge(error.reason.cause) ? tooLarge(maxBytes) : cutOff))
  )
}

const unfolded = (body: Uint8Array): Effect.Effect<Uint8Array, WebhookProblem> =>
  Effect.callback((resume) => {
    gunzip(body, { maxOutputLength: maxUnfoldedBytes }, (error, bytes) => {
      if (error === null) resume(Effect.succeed(new Uint8Array(bytes)))
      else if (Predicate.hasProperty(error, "code") && error.code === "ERR_BUFFER_TOO_LARGE") {
        resume(
          refuse({
            code: "body_too_large",
            detail: `the body unfolds to more than ${maxUnfoldedBytes} bytes`
          })
        )
      } else resume(refuse({ code: "malformed", detail: "the body is not valid gzip" }))
    })
  })
