/**
 * Signatures as Standard Webhooks says, over `{id}.{timestamp}.{raw body}`:
 *
 *     v1,<base64>    HMAC-SHA256, keyed with a secret (whsec_)
 *     v1a,<base64>   ed25519, verified with a public key (whpk_)
 *
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
import {
  createHmac,
  createPublicKey,
  createSecretKey,
  type KeyObject,
  timingSafeEqual,
  verify
} from "node:crypto"
import { Redacted, Result } from "effect"
import type { Source } from "../../config/surehook-config.ts"
import {
  type VerificationKey,
  verificationKey,
  webhookKey,
  webhookPublicKeyPrefix,
  webhookSecretPrefix
} from "../../config/webhook-secret.ts"

/** Keys in rotation are two; more than this is an attempt to make us compute. */
const maxSignatures = 16

/** `timestamp` is seconds since 1970, as it stands in the header. */
export const standardSignature = (
  key: KeyObject | Uint8Array,
  id: string,
  timestamp: string,
  body: Uint8Array
): Buffer => createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest()

/** The three headers of a delivery that is signed now. */
export const standardHeaders = (
  key: Uint8Array,
  id: string,
  nowMillis: number,
  body: Uint8Array
): Record<string, string> => {
  const timestamp = `${Math.floor(nowMillis / 1000)}`
  return {
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": `v1,${standardSignature(key, id, timestamp, body).toString("base64")}`
  }
}

/** The key with which we can sign for a source, or in words why there is none. */
export const signingKey = ({
  id,
  provider,
  secrets
}: Source): Result.Result<Uint8Array, string> => {
  if (provider !== "standard") {
    return Result.fail(
      `Surehook signs webhooks only as Standard Webhooks says, and the source ${id} has the provider ${provider}: let that provider send, or choose a source of the provider standard.`
    )
  }
  const texts = secrets.map(Redacted.value)
  const secret = texts.find((text) => !text.startsWith(webhookPublicKeyPrefix))
  return secret === undefined
    ? Result.fail(
        `The source ${id} has only public keys (${webhookPublicKeyPrefix}), with which nobody can sign: add a secret (${webhookSecretPrefix}) to its secrets, or choose another source.`
      )
    : Result.mapError(webhookKey(secret), (fault) => `A secret of the source ${id} ${fault}.`)
}

/** Of one delivery, all from its headers but the body. */
export interface SignedDelivery {
  readonly id: string
  readonly timestamp: string
  readonly body: Uint8Array
  readonly signatures: string
}

interface Scheme {
  readonly prefix: "v1," | "v1a,"
  readonly howToSign: string
  /** Whether a signature fits a key of the scheme. */
  readonly fits: (delivery: SignedDelivery, signatures: ReadonlyArray<Buffer>) => boolean
}

/** Why no signature of a delivery fits any key; undefined if one does. */
export const standardVerifier = (
  secrets: ReadonlyArray<Redacted.Redacted<string>>
): ((delivery: SignedDelivery) => string | undefined) => {
  const keys = secrets.flatMap((secret) => {
    const key = verificationKey(Redacted.value(secret))
    return Result.isSuccess(key) ? [key.success] : []
  })
  const schemes = [...hmacScheme(keys), ...ed25519Scheme(keys)]
  return (delivery) => {
    const given = delivery.signatures.split(" ", maxSignatures)
    const relevant = given.filter((text) => schemes.some(({ prefix }) => text.startsWith(prefix)))
    if (relevant.length === 0) return noSignature(schemes)
    // Every scheme is asked, so that the time tells nothing about which key is close.
    const fitting = schemes.filter(({ fits, prefix }) => fits(delivery, decoded(given, prefix)))
    return fitting.length > 0 ? undefined : noneFits(schemes)
  }
}

const decoded = (signatures: ReadonlyArray<string>, prefix: string): ReadonlyArray<Buffer> =>
  signatures
    .filter((text) => text.startsWith(prefix))
    .map((text) => Buffer.from(text.slice(prefix.length), "base64"))

const hmacScheme = (all: ReadonlyArray<VerificationKey>): ReadonlyArray<Scheme> => {
  const keys = all.flatMap(({ _tag, bytes }) => (_tag === "Secret" ? [createSecretKey(bytes)] : []))
  const fits: Scheme["fits"] = ({ body, id, timestamp }, signatures) => {
    // Every pair is compared, so that the time tells nothing about which key or signature is close.
    let matches = 0
    for (const key of keys) {
      const own = standardSignature(key, id, timestamp, body)
      for (const signature of signatures) {
        if (signature.length === own.length && timingSafeEqual(signature, own)) matches++
      }
    }
    return matches > 0
  }
  const howToSign = "with HMAC-SHA256, keyed with the decoded secret of this source"
  return keys.length === 0 ? [] : [{ prefix: "v1,", howToSign, fits }]
}

const ed25519Scheme = (all: ReadonlyArray<VerificationKey>): ReadonlyArray<Scheme> => {
  const keys = all.flatMap(({ _tag, bytes }) => (_tag === "PublicKey" ? [ed25519Key(bytes)] : []))
  const fits: Scheme["fits"] = ({ body, id, timestamp }, signatures) => {
    const signed = Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body])
    return keys.some((key) =>
      signatures.some((signature) => verify(undefined, signed, key, signature))
    )
  }
  const howToSign = "with ed25519 and the private key of this source's pair"
  return keys.length === 0 ? [] : [{ prefix: "v1a,", howToSign, fits }]
}

/** https://www.rfc-editor.org/rfc/rfc8037#section-2 */
const ed25519Key = (bytes: Uint8Array): KeyObject =>
  createPublicKey({
    key: { kty: "OKP", crv: "Ed25519", x: Buffer.from(bytes).toString("base64url") },
    format: "jwk"
  })

const noSignature = (schemes: ReadonlyArray<Scheme>): string => {
  const names = schemes.map(({ prefix }) => prefix.slice(0, -1)).join(" or ")
  const shapes = schemes.map(({ prefix }) => `${prefix}<base64>`).join(" or ")
  return `webhook-signature holds no ${names} signature: it must look like ${shapes}`
}

const noneFits = (schemes: ReadonlyArray<Scheme>): string => {
  const ways = schemes.map(({ howToSign }) => howToSign).join(", or ")
  return `no signature fits: sign \`{webhook-id}.{webhook-timestamp}.{raw body}\` ${ways}, over exactly the bytes that are sent`
}
