/**
 * Keys of Standard Webhooks, as they stand in surehook.yaml.
 *
 *     whsec_  base64 of 24 to 64 bytes   signs and verifies: HMAC-SHA256
 *     whpk_   base64 of 32 bytes         verifies: the public key of an ed25519 pair
 *     whsk_                              signs: its private key, which only the sender may have
 *
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 * The standard's libraries take a whsec_ secret with or without its prefix, so we do too.
 */
import { Result } from "effect"
import { Base64 } from "effect/encoding"

export const webhookSecretPrefix = "whsec_"
export const webhookPublicKeyPrefix = "whpk_"
const privateKeyPrefix = "whsk_"
export const minKeyBytes = 24
export const maxKeyBytes = 64
const publicKeyBytes = 32

const secretRule = `must be ${webhookSecretPrefix} and the base64 of ${minKeyBytes} to ${maxKeyBytes} bytes`
const publicKeyRule = `must be ${webhookPublicKeyPrefix} and the base64 of ${publicKeyBytes} bytes`

const privateKeyFault = `is a private key (${privateKeyPrefix}), which only the sender may have: put the public key of the pair (${webhookPublicKeyPrefix}) here, and make a new pair if others could read this one`

/** The secret without its prefix: what is left is base64. */
export const withoutPrefix = (secret: string): string =>
  secret.startsWith(webhookSecretPrefix) ? secret.slice(webhookSecretPrefix.length) : secret

/** The key that signs, or in words why this is not a secret. The words never hold the secret. */
export const webhookKey = (secret: string): Result.Result<Uint8Array, string> => {
  if (secret.startsWith(privateKeyPrefix)) return Result.fail(privateKeyFault)
  return Result.flatMap(base64Bytes(withoutPrefix(secret), secretRule), (key) =>
    key.length >= minKeyBytes && key.length <= maxKeyBytes
      ? Result.succeed(key)
      : Result.fail(`${secretRule}: it holds ${key.length}`)
  )
}

/** What verifies a signature. */
export type VerificationKey =
  | { readonly _tag: "Secret"; readonly bytes: Uint8Array }
  | { readonly _tag: "PublicKey"; readonly bytes: Uint8Array }

/** Either kind of key that a receiver may hold, or in words that do not hold it why this is none. */
export const verificationKey = (text: string): Result.Result<VerificationKey, string> =>
  text.startsWith(webhookPublicKeyPrefix)
    ? Result.map(publicKey(text), (bytes) => ({ _tag: "PublicKey", bytes }))
    : Result.map(webhookKey(text), (bytes) => ({ _tag: "Secret", bytes }))

const publicKey = (text: string): Result.Result<Uint8Array, string> =>
  Result.flatMap(base64Bytes(text.slice(webhookPublicKeyPrefix.length), publicKeyRule), (key) =>
    key.length === publicKeyBytes
      ? Result.succeed(key)
      : Result.fail(`${publicKeyRule}: it holds ${key.length}`)
  )

/** The decoder reports the character and position of a fault, which would give a part of the secret away. */
const base64Bytes = (text: string, rule: string): Result.Result<Uint8Array, string> => {
  if (/\s/.test(text)) return Result.fail(`${rule}: it has a space or a line break in it`)
  return Result.mapError(Base64.decode(text), () => `${rule}: it is not base64 with its padding`)
}

/** One text for one key, with its prefix, so that a key that stands in two places is found. */
export const canonicalWebhookKey = (text: string): Result.Result<string, string> =>
  Result.map(verificationKey(text), ({ _tag, bytes }) =>
    _tag === "PublicKey"
      ? webhookPublicKeyPrefix + Base64.encode(bytes)
      : webhookSecretPrefix + Base64.encode(bytes)
  )
