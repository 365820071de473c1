/** What a test expects a validator to say. */
import { assert } from "@effect/vitest"
import type { Verdict } from "../../src/chains/validator.ts"

export const expectTag = <Tag extends Verdict["_tag"]>(
  verdict: Verdict,
  tag: Tag
): Extract<Verdict, { readonly _tag: Tag }> => {
  assert.strictEqual(verdict._tag, tag, JSON.stringify(verdict))
  return verdict as Extract<Verdict, { readonly _tag: Tag }>
}

export const isMismatchBecause = (verdict: Verdict, reason: RegExp) => {
  const mismatch = expectTag(verdict, "Mismatch")
  assert.match(mismatch.reason, reason)
  return mismatch
}
