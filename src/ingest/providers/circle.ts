/**
 * Circle Wallets: what came into a wallet (`transactions.inbound`).
 *
 * https://developers.circle.com/api-reference/verify-webhook-signatures
 * X-Circle-Signature: base64 of the DER of an ECDSA signature, P-256 and SHA-256, over the raw body;
 * X-Circle-Key-Id: the UUID of the public key, which Circle's API gives to who has an API key. No
 * timestamp is signed; a notification's id is the same however often it is sent.
 *
 *     circle:
 *       environment: production
 *       provider: circle
 *       secrets: ["${CIRCLE_API_KEY}"]          # API keys, with which the public key is asked for
 *       networks: { ETH: ethereum, MATIC: polygon, SOL: solana }
 *       tokens:                                 # https://developers.circle.com/wallets/tokens
 *         b037d751-fb22-5f0d-bae6-47373e7ae3e3: { chain: ethereum, token: USDC }
 *       api_url: https://api.circle.com         # optional, for a proxy
 *
 * Whoever answers at `api_url` decides which signatures are good: use plain http only on the same
 * machine.
 */
import { type KeyObject, verify } from "node:crypto"
import { Effect, Result, Schema } from "effect"
import { plainSecret } from "../../config/source-rules.ts"
import { failIf, WebhookProblem } from "../problem.ts"
import type { Provider, RawWebhook, Receiver } from "../provider.ts"
import { circleDecoder } from "./circle-body.ts"
import { type CircleKeys, makeCircleKeys } from "./circle-keys.ts"

const defaultApiUrl = "https://api.circle.com"
const minSecretLength = 16
const retryAfterSeconds = 5

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

const urlRule =
  "must be a URL that starts with https:// or http://, without a user, a query or a fragment"

const isApiUrl = (text: string): boolean => {
  if (!URL.canParse(text)) return false
  const { hash, password, protocol, search, username } = new URL(text)
  return /^https?:$/.test(protocol) && `${hash}${password}${search}${username}` === ""
}

const Options = Schema.Struct({
  api_url: Schema.optionalKey(
    Schema.String.annotate({ message: urlRule }).pipe(
      Schema.check(Schema.makeFilter((text: string) => (isApiUrl(text) ? true : urlRule)))
    )
  ),
  tokens: Schema.optionalKey(
    Schema.Record(Schema.String, Schema.Struct({ chain: Schema.String, token: Schema.String }))
      .annotate({ message: "must map ids of Circle's tokens to { chain: …, token: … }" })
      .pipe(
        Schema.check(
          Schema.makeFilter((tokens: Readonly<Record<string, unknown>>) =>
            Object.keys(tokens)
              .filter((id) => !uuidPattern.test(id))
              .map((id) => ({
                path: [id],
                issue: "must stand under Circle's id of a token, a UUID"
              }))
          )
        )
      )
  )
})

const refused = (detail: string) => new WebhookProblem({ code: "signature_invalid", detail })

const unavailable = new WebhookProblem({
  code: "unavailable",
  detail:
    "the webhook could not be verified, because Circle's public key could not be had, and is not accepted: send it again later",
  retryAfterSeconds
})

const verifier =
  (keys: CircleKeys): Receiver["verify"] =>
  (webhook) =>
    Effect.gen(function* () {
      // All that can be seen here is seen before anybody is asked.
      const { id, signature } = yield* Effect.fromResult(signatureOf(webhook))
      const key = yield* Effect.mapError(keys.get(id), ({ reason }) =>
        reason === "unknown"
          ? refused("Circle has no key of the id in X-Circle-Key-Id")
          : unavailable
      )
      yield* failIf(fits(key, webhook.body, signature) ? undefined : noneFits)
    })

const noneFits = refused(
  "the signature does not fit: X-Circle-Signature must be that of exactly the bytes that are sent, by the key that X-Circle-Key-Id names"
)

const signatureOf = ({
  headers
}: RawWebhook): Result.Result<{ id: string; signature: Buffer }, WebhookProblem> => {
  const id = headers["x-circle-key-id"]
  const text = headers["x-circle-signature"]
  if (id === undefined || text === undefined) {
    const missing = id === undefined ? "X-Circle-Key-Id" : "X-Circle-Signature"
    return Result.fail(refused(`missing ${missing}: Circle sends it with each notification`))
  }
  if (!uuidPattern.test(id)) return Result.fail(refused("X-Circle-Key-Id must be a UUID"))
  const signature = derSignature(text)
  return signature === undefined
    ? Result.fail(refused("X-Circle-Signature must be the base64 of an ECDSA signature in DER"))
    : Result.succeed({ id: id.toLowerCase(), signature })
}

/** Two numbers of up to 33 bytes, and six bytes around them. */
const maxDerBytes = 72
const minDerBytes = 8
const derSequence = 0x30

const derSignature = (text: string): Buffer | undefined => {
  if (!/^[A-Za-z0-9+/]{8,100}={0,2}$/.test(text)) return undefined
  const bytes = Buffer.from(text, "base64")
  const isSized = bytes.length >= minDerBytes && bytes.length <= maxDerBytes
  return isSized && bytes[0] === derSequence && bytes[1] === bytes.length - 2 ? bytes : undefined
}

/** Runtimes differ in whether they throw on a malformed signature. */
const fits = (key: KeyObject, body: Uint8Array, signature: Buffer): boolean =>
  Result.getOrElse(
    Result.try(() => verify("sha256", body, { key, dsaEncoding: "der" }, signature)),
    () => false
  )

export const circle: Provider = {
  secret: plainSecret(minSecretLength),
  namesNetworks: true,
  options: Options,
  receiver: ({ id, networks, options = {}, secrets }, chains) =>
    Effect.gen(function* () {
      const { api_url = defaultApiUrl, tokens = {} } = yield* Effect.orDie(
        Schema.decodeUnknownEffect(Options)(options)
      )
      const keys = yield* makeCircleKeys({
        source: id,
        apiUrl: api_url.replace(/\/*$/, "/"),
        apiKeys: secrets
      })
      const byId = new Map(
        Object.entries(tokens).map(([tokenId, token]) => [tokenId.toLowerCase(), token])
      )
      return { verify: verifier(keys), decode: circleDecoder(networks, byId, chains) }
    })
}
