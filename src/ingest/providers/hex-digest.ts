/** Signatures that are a digest of 32 bytes in hex, compared so that the time tells nothing. */
import { timingSafeEqual } from "node:crypto"

const digestPattern = /^[0-9a-f]{64}$/i

/** The bytes, or undefined if the text is not the hex of 32 bytes. */
export const hexDigest = (text: string): Buffer | undefined =>
  digestPattern.test(text) ? Buffer.from(text, "hex") : undefined

/** Each is compared, so that the time does not tell which secret is close. */
export const fitsAny = (given: Uint8Array, expected: ReadonlyArray<Uint8Array>): boolean => {
  let matches = 0
  for (const own of expected) {
    if (own.length === given.length && timingSafeEqual(own, given)) matches++
  }
  return matches > 0
}
