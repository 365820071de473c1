/**
 * Circle's public keys, by the id that a call names: asked for once, and then kept, since a key of an
 * id never changes.
 *
 * https://developers.circle.com/api-reference/wallets/common/get-notification-signature
 * GET {api_url}/v2/notifications/publicKey/{id} with `Authorization: Bearer <API key>` gives
 * `{"data":{"id","algorithm":"ECDSA_SHA_256","publicKey":"<base64 of its SPKI>"}}`, or 404.
 *
 * Anybody can make up an id, so that what a stranger sends reaches Circle in our name. Hence look-ups
 * of one id are shared, refusals are remembered for a while, and all look-ups have one small budget.
 * Keys that are known stand apart: no made-up id can push them out.
 */
import { createPublicKey, type KeyObject } from "node:crypto"
import {
  Cache,
  Cause,
  Data,
  Duration,
  Effect,
  Exit,
  Layer,
  type Redacted,
  Result,
  Schema,
  Stream
} from "effect"
import { HttpClient, HttpClientRequest, type HttpClientResponse } from "effect/http"
import { RateLimiter } from "effect/persistence"

/** Circle has a handful. */
const maxKeys = 100
const maxRememberedLookUps = 100
const unknownFor = Duration.minutes(1)
/** Calls that come while Circle is away need not each wait for it. */
const awayFor = Duration.seconds(1)
const lookUpTimeout = Duration.seconds(5)
const maxAnswerBytes = 65_536
/** At once, and as many again in each minute. */
const maxLookUpsPerMinute = 20

export class KeyNotFound extends Data.TaggedError("KeyNotFound")<{
  /** `unknown`: Circle has no such key. `away`: it could not be asked. */
  readonly reason: "unknown" | "away"
}> {}

export interface CircleKeys {
  /** `id` is a UUID in lower case. */
  readonly get: (id: string) => Effect.Effect<KeyObject, KeyNotFound>
}

export const makeCircleKeys = Effect.fnUntraced(function* (options: {
  readonly source: string
  /** With a slash at its end. */
  readonly apiUrl: string
  readonly apiKeys: ReadonlyArray<Redacted.Redacted<string>>
}) {
  const client = yield* HttpClient.HttpClient
  const limited = yield* Effect.provide(RateLimiter.makeWithRateLimiter, limiterLayer)
  const keys = new Map<string, KeyObject>()

  const ask = (id: string, apiKey: Redacted.Redacted<string>): Effect.Effect<Answer> =>
    HttpClientRequest.get(`${options.apiUrl}v2/notifications/publicKey/${id}`).pipe(
      HttpClientRequest.bearerToken(apiKey),
      HttpClientRequest.acceptJson,
      client.execute,
      Effect.flatMap((response) =>
        Effect.map(boundedText(response), (text) => answerOf(response.status, text))
      ),
      // What went wrong may hold the URL, which an operator may have put a key into.
      Effect.orElseSucceed((): Answer => ({ _tag: "Away", detail: "it could not be reached" }))
    )

  /** Each API key is tried: one may be of another environment, or have been revoked. */
  const askAll = Effect.fnUntraced(function* (id: string) {
    const answers: Array<Answer> = []
    for (const apiKey of options.apiKeys) {
      const answer = yield* ask(id, apiKey)
      if (answer._tag === "Key") return answer.key
      answers.push(answer)
    }
    const away = answers.find(({ _tag }) => _tag === "Away")
    if (away === undefined && answers.some(({ _tag }) => _tag === "Unknown")) {
      return yield* new KeyNotFound({ reason: "unknown" })
    }
    return yield* unavailable(away?._tag === "Away" ? away.detail : "it refuses the API key")
  })

  const unavailable = (detail: string) =>
    Effect.logWarning(
      `the source ${options.source} cannot verify webhooks: asked for a public key, Circle's API failed (${detail})`
    ).pipe(Effect.andThen(Effect.fail(new KeyNotFound({ reason: "away" }))))

  const lookUp = (id: string) =>
    askAll(id).pipe(
      Effect.timeoutOrElse({
        duration: lookUpTimeout,
        orElse: () => unavailable(`no answer within ${Duration.format(lookUpTimeout)}`)
      }),
      limited(budget),
      Effect.catchTag("RateLimiterError", () => Effect.fail(new KeyNotFound({ reason: "away" }))),
      Effect.tap((key) => Effect.sync(() => remember(keys, id, key)))
    )

  const lookUps = yield* Cache.makeWith(lookUp, {
    capacity: maxRememberedLookUps,
    timeToLive: (exit) => (isUnknown(exit) ? unknownFor : awayFor)
  })

  return {
    get: (id) => {
      const key = keys.get(id)
      return key === undefined ? Cache.get(lookUps, id) : Effect.succeed(key)
    }
  } satisfies CircleKeys
})

const limiterLayer = Layer.provide(RateLimiter.layer, RateLimiter.layerStoreMemory)

const budget = {
  key: "look-ups",
  algorithm: "token-bucket",
  onExceeded: "fail",
  window: "1 minute",
  limit: maxLookUpsPerMinute
} as const

const isUnknown = (exit: Exit.Exit<KeyObject, KeyNotFound>): boolean =>
  Exit.match(exit, {
    onSuccess: () => false,
    onFailure: ({ reasons }) =>
      reasons.some((reason) => Cause.isFailReason(reason) && reason.error.reason === "unknown")
  })

const remember = (keys: Map<string, KeyObject>, id: string, key: KeyObject): void => {
  const [oldest] = keys.keys()
  if (keys.size >= maxKeys && oldest !== undefined) keys.delete(oldest)
  keys.set(id, key)
}

type Answer =
  | { readonly _tag: "Key"; readonly key: KeyObject }
  | { readonly _tag: "Unknown" }
  /** The API key is not taken. */
  | { readonly _tag: "Refused" }
  | { readonly _tag: "Away"; readonly detail: string }

/** Cut off where it is too long, and empty if it breaks off: neither holds a key. */
const boundedText = ({ stream }: HttpClientResponse.HttpClientResponse): Effect.Effect<string> =>
  Stream.limitBytes(stream, maxAnswerBytes, () => Stream.empty).pipe(
    Stream.decodeText,
    Stream.mkString,
    Effect.orElseSucceed(() => "")
  )

const answerOf = (status: number, text: string): Answer => {
  if (status === 200) {
    const key = keyOf(text)
    return key === undefined
      ? { _tag: "Away", detail: "its answer holds no P-256 key" }
      : { _tag: "Key", key }
  }
  if (status === 404) return { _tag: "Unknown" }
  if (status === 401 || status === 403) return { _tag: "Refused" }
  return { _tag: "Away", detail: `status ${status}` }
}

const decodeAnswer = Schema.decodeUnknownResult(
  Schema.fromJsonString(
    Schema.Struct({
      data: Schema.Struct({
        algorithm: Schema.Literal("ECDSA_SHA_256"),
        publicKey: Schema.String
      })
    })
  )
)

/** What the SPKI of each P-256 key begins with: https://www.rfc-editor.org/rfc/rfc5480#section-2.1.1 */
const p256Prefix = Buffer.from("3059301306072a8648ce3d020106082a8648ce3d030107034200", "hex")

const keyOf = (text: string): KeyObject | undefined =>
  decodeAnswer(text).pipe(
    Result.map(({ data }) => Buffer.from(data.publicKey, "base64")),
    Result.filterOrFail(
      (spki) => spki.subarray(0, p256Prefix.length).equals(p256Prefix),
      () => "another kind of key"
    ),
    Result.flatMap((key) =>
      Result.try(() => createPublicKey({ key, format: "der", type: "spki" }))
    ),
    Result.getOrUndefined
  )
