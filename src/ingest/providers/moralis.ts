/**
 * Moralis Streams.
 *
 * https://docs.moralis.com/streams/security-and-reliability/webhook-security
 * https://docs.moralis.com/streams-api/evm/response-body (also that the raw body is what is signed)
 * https://docs.moralis.com/streams/webhooks/webhook-payloads
 * `x-signature`: 0x and the hex of keccak-256 over the raw body followed by the streams secret. A hash
 * and no HMAC, without a timestamp, and messages have no ids: what stops a replay is that equal claims
 * are one job. Moralis sends its JSON as it was serialised and signed, so that its bytes are proved
 * without being parsed.
 */
import { keccak_256 } from "@noble/hashes/sha3"
import { Effect, Redacted, Schema } from "effect"
import { plainSecret } from "../../config/source-rules.ts"
import type { Source } from "../../config/surehook-config.ts"
import { failIf, WebhookProblem } from "../problem.ts"
import type { Provider, Receiver } from "../provider.ts"
import { fitsAny, hexDigest } from "./hex-digest.ts"
import { moralisBody } from "./moralis-body.ts"

const minSecretLength = 16

const refused = (detail: string) => new WebhookProblem({ code: "signature_invalid", detail })

const verifier = (secrets: Source["secrets"]): Receiver["verify"] => {
  const keys = secrets.map((secret) => Buffer.from(Redacted.value(secret)))
  return ({ body, headers }) => {
    const given = headers["x-signature"]
    if (given === undefined) {
      return failIf(refused("missing x-signature: send the webhook from Moralis Streams"))
    }
    const digest = /^0x/i.test(given) ? hexDigest(given.slice(2)) : undefined
    if (digest === undefined) return failIf(refused("x-signature must be 0x and 64 hex digits"))
    const expected = keys.map((key) => keccak_256(Buffer.concat([body, key])))
    return failIf(
      fitsAny(digest, expected)
        ? undefined
        : refused(
            "x-signature does not fit: put the streams secret, which is not the API key, among the secrets of this source"
          )
    )
  }
}

export const moralis: Provider = {
  secret: plainSecret(minSecretLength),
  namesNetworks: true,
  sendsBlocks: true,
  options: Schema.Struct({}),
  receiver: (source, chains) =>
    Effect.succeed({
      verify: verifier(source.secrets),
      decode: moralisBody(source.networks, chains)
    })
}
