/**
 * Alchemy Notify: address activity, and mined or dropped transactions.
 *
 * https://www.alchemy.com/docs/reference/address-activity-webhook
 * https://www.alchemy.com/docs/reference/mined-transaction-webhook
 * https://www.alchemy.com/docs/reference/dropped-transaction-webhook
 * https://www.alchemy.com/docs/reference/notify-api-quickstart (signatures)
 * `X-Alchemy-Signature`: hex HMAC-SHA256 of the raw body, keyed with the text of the signing key. No
 * timestamp, so what stops a replay is that the message's `id` and equal claims are known.
 *
 * Amounts come from `rawContract.rawValue`; `value` beside it is a float, and its `decimals` are the
 * provider's word: neither is read.
 */
import { createHmac, createSecretKey } from "node:crypto"
import { Effect, Redacted, Schema } from "effect"
import { plainSecret } from "../../config/source-rules.ts"
import type { Source } from "../../config/surehook-config.ts"
import { failIf, WebhookProblem } from "../problem.ts"
import type { Provider, Receiver } from "../provider.ts"
import { alchemyBody } from "./alchemy-body.ts"
import { fitsAny, hexDigest } from "./hex-digest.ts"

const minSigningKeyLength = 16

const refused = (detail: string) => new WebhookProblem({ code: "signature_invalid", detail })

const verifier = (secrets: Source["secrets"]): Receiver["verify"] => {
  const keys = secrets.map((secret) => createSecretKey(Buffer.from(Redacted.value(secret))))
  return ({ body, headers }) => {
    const given = headers["x-alchemy-signature"]
    if (given === undefined) {
      return failIf(refused("missing x-alchemy-signature: send the webhook from Alchemy Notify"))
    }
    const digest = hexDigest(given)
    if (digest === undefined) {
      return failIf(refused("x-alchemy-signature must be 64 hex digits, without a prefix"))
    }
    const expected = keys.map((key) => createHmac("sha256", key).update(body).digest())
    return failIf(
      fitsAny(digest, expected)
        ? undefined
        : refused(
            "x-alchemy-signature does not fit: put the signing key of this very webhook, from Alchemy's dashboard, among the secrets of this source"
          )
    )
  }
}

export const alchemy: Provider = {
  secret: plainSecret(minSigningKeyLength),
  namesNetworks: true,
  sendsBlocks: true,
  options: Schema.Struct({}),
  receiver: (source, chains) =>
    Effect.succeed({
      verify: verifier(source.secrets),
      decode: alchemyBody(source.networks, chains)
    })
}
