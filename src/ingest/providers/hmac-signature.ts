/** Proves a call by the HMAC that a source's options describe: over which bytes, in which header. */
import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from "node:crypto"
import { Predicate, Result } from "effect"
import { Base64 } from "effect/encoding"
import { WebhookProblem } from "../problem.ts"
import type { RawWebhook } from "../provider.ts"
import { defaultSigned, type HmacOptions } from "./hmac-options.ts"
import { parseTemplate, type SignedPart } from "./hmac-template.ts"
import { timestampFault } from "./hmac-timestamp.ts"

/** Keys in rotation are two; more than this is an attempt to make us compute. */
const maxParts = 16

type Encoding = NonNullable<HmacOptions["signature"]["secret_encoding"]>

/** The key that a secret stands for, or in words that do not hold it why it stands for none. */
export const hmacKey = (secret: string, encoding: Encoding): Result.Result<KeyObject, string> => {
  if (encoding === "utf8") return Result.succeed(createSecretKey(Buffer.from(secret, "utf8")))
  if (encoding === "hex") {
    return /^(?:[0-9a-fA-F]{2})+$/.test(secret)
      ? Result.succeed(createSecretKey(Buffer.from(secret, "hex")))
      : Result.fail("is not hex, which signature.secret_encoding says it is: two digits a byte")
  }
  return Base64.decode(secret).pipe(
    Result.map((bytes) => createSecretKey(bytes)),
    // The decoder reports the character at fault, which would give a part of the secret away.
    Result.mapError(
      () => "is not base64 with its padding, which signature.secret_encoding says it is"
    )
  )
}

/** Why a call is not taken, or undefined if it is. Constant in time over secrets and signatures. */
export const hmacVerifier = (
  options: HmacOptions,
  keys: ReadonlyArray<KeyObject>
): ((webhook: RawWebhook) => WebhookProblem | undefined) => {
  const { signature, timestamp } = options
  const parts = Result.getOrElse(parseTemplate(signature.signed ?? defaultSigned), () => [])
  const { encoding, prefix = "" } = signature

  return (webhook) => {
    const values = signedValues(options, parts, webhook)
    if (Result.isFailure(values)) return refused(values.failure)
    const given = partsOf(webhook, signature)
    if (given === undefined) return refused(`missing ${signature.header}: sign the webhook`)
    const signatures = given.flatMap((text) => decoded(text, encoding))
    if (signatures.length === 0) {
      return refused(
        `${signature.header} holds no signature: it must look like ${prefix}<${encoding}>`
      )
    }
    if (timestamp !== undefined) {
      const stale = timestampFault(timestamp, values.success.timestamp, webhook.receivedAt)
      if (stale !== undefined) return stale
    }
    // Every pair is compared, so that the time tells nothing about which key or signature is close.
    let matches = 0
    for (const key of keys) {
      const hmac = createHmac(signature.algorithm, key)
      for (const part of values.success.parts) hmac.update(part)
      const own = hmac.digest()
      for (const one of signatures) {
        if (one.length === own.length && timingSafeEqual(one, own)) matches++
      }
    }
    return matches > 0 ? undefined : noneFits(options)
  }
}

/** What `{id}` stands for, if the options name its header. */
export const headerId = (
  { message_id }: HmacOptions,
  { headers }: RawWebhook
): string | undefined =>
  message_id?.header === undefined ? undefined : headers[message_id.header.toLowerCase()]

interface SignedValues {
  readonly parts: ReadonlyArray<Uint8Array>
  readonly timestamp: string
}

/** The bytes that are signed, or which header is missing. */
const signedValues = (
  options: HmacOptions,
  parts: ReadonlyArray<SignedPart>,
  webhook: RawWebhook
): Result.Result<SignedValues, string> => {
  const time = options.timestamp
  const timestamp = time === undefined ? "" : partsOf(webhook, time)?.[0]
  if (timestamp === undefined) return missing(time?.header)
  const bytes: Array<Uint8Array> = []
  for (const part of parts) {
    const value = valueOf(part, timestamp, options, webhook)
    if (value === undefined) {
      return missing(part._tag === "Header" ? part.name : options.message_id?.header)
    }
    // A header is read as Latin-1, so this gives back the bytes that were sent.
    bytes.push(Predicate.isString(value) ? Buffer.from(value, "latin1") : value)
  }
  return Result.succeed({ parts: bytes, timestamp })
}

const missing = (header: string | undefined) =>
  Result.fail(`missing ${header}: it is a part of what is signed`)

const valueOf = (
  part: SignedPart,
  timestamp: string,
  options: HmacOptions,
  webhook: RawWebhook
): string | Uint8Array | undefined => {
  switch (part._tag) {
    case "Text":
      return Buffer.from(part.text, "utf8")
    case "Body":
      return webhook.body
    case "Timestamp":
      return timestamp
    case "Id":
      return headerId(options, webhook)
    case "Header":
      return webhook.headers[part.name]
  }
}

/** What a header holds behind the prefix; undefined if there is no such header. */
const partsOf = (
  { headers }: RawWebhook,
  place: {
    readonly header: string
    readonly prefix?: string | undefined
    readonly separator?: string | undefined
  }
): ReadonlyArray<string> | undefined => {
  const value = headers[place.header.toLowerCase()]
  const { prefix = "", separator } = place
  const parts =
    separator === undefined || value === undefined ? [value] : value.split(separator, maxParts)
  return value === undefined
    ? undefined
    : parts.flatMap((part = "") => {
        const text = part.trim()
        return text.startsWith(prefix) ? [text.slice(prefix.length)] : []
      })
}

const decoded = (text: string, encoding: "hex" | "base64"): ReadonlyArray<Buffer> =>
  (encoding === "hex" ? /^(?:[0-9a-fA-F]{2})+$/ : /^[A-Za-z0-9+/_-]+={0,2}$/).test(text)
    ? [Buffer.from(text, encoding)]
    : []

const refused = (detail: string) => new WebhookProblem({ code: "signature_invalid", detail })

const noneFits = ({ signature }: HmacOptions) =>
  refused(
    `no signature fits: sign \`${signature.signed ?? defaultSigned}\` with HMAC and ${signature.algorithm}, keyed with a secret of this source, over exactly the bytes that are sent`
  )
