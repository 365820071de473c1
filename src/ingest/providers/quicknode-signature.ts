/**
 * Signing as QuickNode Streams does: hex HMAC-SHA256 over nonce + timestamp + body, keyed with the
 * text of the stream's security token.
 *
 * https://www.quicknode.com/guides/quicknode-products/streams/validating-incoming-streams-webhook-messages
 */
import { createHmac, createSecretKey } from "node:crypto"
import { Redacted } from "effect"
import { failIf, WebhookProblem } from "../problem.ts"
import type { RawWebhook, Receiver } from "../provider.ts"
import { ageFault, malformedTimestamp } from "../timestamp.ts"
import { fitsAny, hexDigest } from "./hex-digest.ts"

const headerNames = ["x-qn-nonce", "x-qn-timestamp", "x-qn-signature"] as const

const refused = (detail: string) => new WebhookProblem({ code: "signature_invalid", detail })

export const quicknodeVerifier = (
  secrets: ReadonlyArray<Redacted.Redacted<string>>
): Receiver["verify"] => {
  const keys = secrets.map((secret) => createSecretKey(Redacted.value(secret), "utf8"))
  const faultOf = ({ body, headers, receivedAt }: RawWebhook): WebhookProblem | undefined => {
    const [nonce, timestamp, signature] = headerNames.map((name) => headers[name])
    if (nonce === undefined || timestamp === undefined || signature === undefined) {
      const missing = headerNames.filter((name) => headers[name] === undefined)
      return refused(`missing ${missing.join(", ")}: QuickNode Streams sends all three headers`)
    }
    if (nonce === "") return refused("x-qn-nonce is empty")
    return (
      timestampFault(timestamp, receivedAt) ??
      signatureFault(
        keys.map((key) =>
          createHmac("sha256", key)
            .update(nonce + timestamp)
            .update(body)
            .digest()
        ),
        signature
      )
    )
  }
  return (webhook) => failIf(faultOf(webhook))
}

const timestampFault = (timestamp: string, receivedAt: number): WebhookProblem | undefined =>
  // Nothing separates nonce and timestamp in what is signed. If a timestamp could be longer, a digit
  // of the nonce could be moved into it: the same message under another id, and still well signed.
  /^[1-9]\d{9}$/.test(timestamp)
    ? ageFault(Number(timestamp) * 1000, receivedAt, {
        place: "x-qn-timestamp",
        advice: "check the clock of this machine, and let nothing hold up webhooks on their way"
      })
    : malformedTimestamp("x-qn-timestamp", "seconds since 1970, as ten digits")

const signatureFault = (
  expected: ReadonlyArray<Buffer>,
  signature: string
): WebhookProblem | undefined => {
  const given = hexDigest(signature)
  if (given === undefined) return refused("x-qn-signature must be 64 hex digits")
  return fitsAny(given, expected)
    ? undefined
    : refused(
        "the signature does not fit: set this source's secret to the security token of the stream, in its settings at QuickNode"
      )
}
