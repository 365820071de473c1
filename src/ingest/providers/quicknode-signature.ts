/**
 * Signing as QuickNode Streams does: hex HMAC-SHA256 over nonce + timestamp + body, keyed with the
 * text of the stream's security token.
 *
 * https://www.quicknode.com/guides/quicknode-products/streams/validating-incoming-streams-webhook-messages
 */
import { createHmac, createSecretKey, timingSafeEqual } from "node:crypto"
import { Redacted } from "effect"
import { failIf, WebhookProblem } from "../problem.ts"
import type { RawWebhook, Receiver } from "../provider.ts"

const toleranceSeconds = 300
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

const timestampFault = (timestamp: string, receivedAt: number): WebhookProblem | undefined => {
  // Nothing separates nonce and timestamp in what is signed. If a timestamp could be longer, a digit
  // of the nonce could be moved into it: the same message under another id, and still well signed.
  if (!/^[1-9]\d{9}$/.test(timestamp)) {
    return new WebhookProblem({
      code: "timestamp_invalid",
      detail: "x-qn-timestamp must be seconds since 1970, as ten digits"
    })
  }
  const age = Math.floor(receivedAt / 1000) - Number(timestamp)
  if (Math.abs(age) <= toleranceSeconds) return undefined
  return new WebhookProblem({
    code: "timestamp_invalid",
    detail: `x-qn-timestamp is ${Math.abs(age)} s in the ${age > 0 ? "past" : "future"}, and ${toleranceSeconds} s are allowed: check the clock of this machine, and let nothing hold up webhooks on their way`
  })
}

const signatureFault = (
  expected: ReadonlyArray<Buffer>,
  signature: string
): WebhookProblem | undefined => {
  if (!/^[0-9a-f]{64}$/i.test(signature)) return refused("x-qn-signature must be 64 hex digits")
  const given = Buffer.from(signature, "hex")
  // Each is compared, so that the time tells nothing about which one is close.
  const matches = expected.filter((own) => timingSafeEqual(given, own)).length
  return matches > 0
    ? undefined
    : refused(
        "the signature does not fit: set this source's secret to the security token of the stream, in its settings at QuickNode"
      )
}
