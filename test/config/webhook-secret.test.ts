/** The three kinds of keys that Standard Webhooks knows, and which of them a receiver may hold. */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import {
  canonicalWebhookKey,
  verificationKey,
  webhookKey
} from "../../src/config/webhook-secret.ts"

const base64 = (bytes: number) => Buffer.alloc(bytes, 0xfb).toString("base64")

const faultOf = (text: string): string => {
  const key = verificationKey(text)
  assert.isTrue(Result.isFailure(key), "it was taken for a key")
  return Result.isFailure(key) ? key.failure : ""
}

describe("the keys of a standard source", () => {
  it("are secrets, with or without their prefix, and public keys", () => {
    for (const [text, tag, bytes] of [
      [`whsec_${base64(32)}`, "Secret", 32],
      [base64(24), "Secret", 24],
      [`whpk_${base64(32)}`, "PublicKey", 32]
    ] as const) {
      const key = Result.getOrThrow(verificationKey(text))
      assert.deepStrictEqual([key._tag, key.bytes.length], [tag, bytes])
    }
  })

  it("are never a private key, and the refusal says what to do and does not show it", () => {
    const text = `whsk_${base64(32)}`
    for (const fault of [faultOf(text), faultOf(`whsk_${base64(64)}`), faultOf("whsk_short")]) {
      assert.match(fault, /^is a private key \(whsk_\).* put the public key of the pair \(whpk_\)/)
      assert.notInclude(fault, base64(32).slice(0, 8))
    }
    assert.isTrue(Result.isFailure(webhookKey(text)))
  })

  it("that are too short, too long or no base64 are refused in words that do not hold them", () => {
    const rule = "must be whpk_ and the base64 of 32 bytes"
    for (const [text, message] of [
      [`whpk_${base64(31)}`, `${rule}: it holds 31`],
      [`whpk_${base64(33)}`, `${rule}: it holds 33`],
      [`whpk_${base64(44)}`, `${rule}: it holds 44`],
      ["whpk_", `${rule}: it holds 0`],
      [`whpk_${base64(32)}\n`, `${rule}: it has a space or a line break in it`],
      [`whpk_*${base64(32)}`, `${rule}: it is not base64 with its padding`],
      [`whsec_${base64(23)}`, "must be whsec_ and the base64 of 24 to 64 bytes: it holds 23"],
      [`whsec_${base64(65)}`, "must be whsec_ and the base64 of 24 to 64 bytes: it holds 65"]
    ] as const) {
      assert.strictEqual(faultOf(text), message)
    }
  })

  it("have one text each, so that one key in two places is found", () => {
    const canonical = (text: string) => Result.getOrThrow(canonicalWebhookKey(text))
    assert.strictEqual(canonical(base64(32)), canonical(`whsec_${base64(32)}`))
    assert.strictEqual(canonical(`whpk_${base64(32)}`), `whpk_${base64(32)}`)
    assert.notStrictEqual(canonical(`whpk_${base64(32)}`), canonical(base64(32)))
  })
})
