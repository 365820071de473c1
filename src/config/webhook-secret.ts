/**
 * Secrets of Standard Webhooks: `whsec_` and the base64 of a key of 24 to 64 bytes.
 *
 * The standard's libraries take a secret with or without the prefix, so we do too.
 */
import { Result } from "effect"
import { Base64 } from "effect/encoding"

export const webhookSecretPrefix = "whsec_"
export const minKeyBytes = 24
export const maxKeyBytes = 64

const expected = `must be ${webhookSecretPrefix} and the base64 of ${minKeyBytes} to ${maxKeyBytes} bytes`

/** The secret without its prefix: what is left is base64. */
export const withoutPrefix = (secret: string): string =>
  secret.startsWith(webhookSecretPrefix) ? secret.slice(webhookSecretPrefix.length) : secret

/** The key that signs, or in words why this is not a secret. The words never hold the secret. */
export const webhookKey = (secret: string): Result.Result<Uint8Array, string> => {
  if (/\s/.test(secret)) {
    return Result.fail(`${expected}: it has a space or a line break in it`)
  }
  const base64 = withoutPrefix(secret)
  // The decoder reports the character and position of a fault, which would give a part of the secret away.
  const key = Base64.decode(base64)
  if (Result.isFailure(key)) return Result.fail(`${expected}: it is not base64 with its padding`)
  const bytes = key.success.length
  return bytes >= minKeyBytes && bytes <= maxKeyBytes
    ? Result.succeed(key.success)
    : Result.fail(`${expected}: it holds ${bytes}`)
}
