/**
 * The signature of Coinbase CDP's webhooks, which are delivered by Hook0.
 *
 * https://docs.cdp.coinbase.com/webhooks/verify-signatures
 * https://docs.cdp.coinbase.com/webhooks/transfers/verification
 * `X-Hook0-Signature: t=<seconds>,h=<header names, separated by spaces>,v1=<hex>`, in any order and
 * with other parts beside. `v1` is the HMAC-SHA256 of `{t}.{h}.{values}.{raw body}`, keyed with the
 * text of the subscription's secret; `values` are those of the headers in `h`, in its order, joined
 * with dots.
 *
 * There may be a `v0` beside it, the HMAC-SHA256 of `{t}.{raw body}`. It leaves the headers unproved,
 * the message's id and type among them, so it is not enough: who cuts `v1` off must not get through.
 */
import { createHmac, createSecretKey } from "node:crypto"
import { Redacted, Result } from "effect"
import type { Source } from "../../config/surehook-config.ts"
import { failIf, WebhookProblem } from "../problem.ts"
import type { RawWebhook, Receiver } from "../provider.ts"
import { secondsFault } from "../timestamp.ts"
import { fitsAny, hexDigest } from "./hex-digest.ts"

const maxHeaderLength = 2_048
/** Coinbase signs three. More than this is an attempt to make us compute. */
const maxSignedHeaders = 16
const header = "x-hook0-signature"

interface Signature {
  readonly timestamp: string
  /** `h` as it stands there, which is signed as it stands. */
  readonly names: string
  readonly signedHeaders: ReadonlyArray<string>
  readonly digest: Buffer
}

const refused = (detail: string) => new WebhookProblem({ code: "signature_invalid", detail })

/** The parts that we use. One that stands twice could be read in two ways, and is refused. */
const partsOf = (text: string): Result.Result<ReadonlyMap<string, string>, string> => {
  const parts = new Map<string, string>()
  for (const part of text.split(",")) {
    const equals = part.indexOf("=")
    const key = part.slice(0, Math.max(equals, 0)).trim()
    if (key !== "t" && key !== "h" && key !== "v1") continue
    if (parts.has(key)) return Result.fail(`${header} has more than one ${key}`)
    parts.set(key, part.slice(equals + 1).trim())
  }
  return Result.succeed(parts)
}

const signedHeadersOf = (names: string): Result.Result<ReadonlyArray<string>, string> => {
  const signed = names.toLowerCase().split(" ")
  if (signed.length > maxSignedHeaders) {
    return Result.fail(`the h of ${header} names more than ${maxSignedHeaders} headers`)
  }
  if (!signed.every((name) => /^[a-z0-9!#$%&'*+.^_`|~-]{1,64}$/.test(name))) {
    return Result.fail(`the h of ${header} must be names of headers, separated by single spaces`)
  }
  return new Set(signed).size === signed.length
    ? Result.succeed(signed)
    : Result.fail(`the h of ${header} names a header twice`)
}

const signatureOf = ({ headers }: RawWebhook): Result.Result<Signature, string> =>
  Result.gen(function* () {
    const text = headers[header]
    if (text === undefined) return yield* Result.fail(`missing ${header}`)
    if (text.length > maxHeaderLength) {
      return yield* Result.fail(`${header} is longer than ${maxHeaderLength} characters`)
    }
    const parts = yield* partsOf(text)
    const timestamp = parts.get("t")
    const names = parts.get("h")
    const v1 = parts.get("v1")
    if (timestamp === undefined || names === undefined || v1 === undefined) {
      return yield* Result.fail(
        `${header} must look like t=<seconds>,h=<header names>,v1=<hex>: a v0 alone does not prove the headers`
      )
    }
    const digest = hexDigest(v1)
    if (digest === undefined) {
      return yield* Result.fail(`the v1 of ${header} must be 64 hex digits`)
    }
    return { timestamp, names, signedHeaders: yield* signedHeadersOf(names), digest }
  })

/** Names come from the sender, so what every object has must not pass for a header. */
const headerOf = ({ headers }: RawWebhook, name: string): string | undefined =>
  Object.hasOwn(headers, name) ? headers[name] : undefined

/** A header that a verified signature covers. */
export const signedHeader = (webhook: RawWebhook, name: string): string | undefined => {
  const signature = signatureOf(webhook)
  return Result.isSuccess(signature) && signature.success.signedHeaders.includes(name)
    ? headerOf(webhook, name)
    : undefined
}

export const coinbaseVerifier = (secrets: Source["secrets"]): Receiver["verify"] => {
  const keys = secrets.map((secret) => createSecretKey(Buffer.from(Redacted.value(secret))))
  const faultOf = (webhook: RawWebhook): WebhookProblem | undefined => {
    const signature = signatureOf(webhook)
    if (Result.isFailure(signature)) return refused(signature.failure)
    const { digest, names, signedHeaders, timestamp } = signature.success
    const stale = secondsFault(timestamp, webhook.receivedAt, {
      place: `the t of ${header}`,
      advice: "check the clock of this host"
    })
    if (stale !== undefined) return stale

    const values: Array<string> = []
    for (const name of signedHeaders) {
      const value = headerOf(webhook, name)
      if (value === undefined) {
        return refused(
          `missing ${name}, which the signature covers: let every proxy in front pass it on`
        )
      }
      values.push(value)
    }
    const before = `${timestamp}.${names}.${values.join(".")}.`
    const expected = keys.map((key) =>
      // Node gives each byte of a header as one character.
      createHmac("sha256", key).update(before, "latin1").update(webhook.body).digest()
    )
    return fitsAny(digest, expected)
      ? undefined
      : refused(
          `the v1 of ${header} does not fit: put the secret of this very subscription among the secrets of this source, and let every proxy in front pass on headers and body as they are`
        )
  }
  return (webhook) => failIf(faultOf(webhook))
}
