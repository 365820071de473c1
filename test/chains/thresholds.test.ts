import { assert, describe, it } from "@effect/vitest"
import { confirmationsFor, needsQuorum } from "../../src/chains/thresholds.ts"
import type { ChainConfig, TokenConfig } from "../../src/config/chain-config.ts"
import { Amount } from "../../src/domain/amount.ts"
import { isAbove } from "../../src/domain/large-amounts.ts"
import { unreachableChain } from "../support/service.ts"

const amount = (text: string) => Amount.make(text)
const chain: ChainConfig = { ...unreachableChain, confirmations: 12 }
const token = (
  thresholds: Pick<TokenConfig, "large_above" | "large_confirmations" | "quorum_above">
): TokenConfig => ({
  _tag: "Native",
  decimals: 18,
  ...thresholds
})

describe("a threshold", () => {
  const cases: ReadonlyArray<readonly [amount: string, threshold: string, isAbove: boolean]> = [
    ["1000", "1000", false],
    ["1000.000000000000000001", "1000", true],
    ["999.999999999999999999", "1000", false],
    ["2", "10", false],
    ["10", "2", true]
  ]
  it.each(cases)("compares %s with %s exactly", (one, threshold, expected) => {
    assert.strictEqual(isAbove(amount(one), amount(threshold)), expected)
  })

  it("that is not set is never passed", () => {
    assert.isFalse(isAbove(amount("1000000"), undefined))
    assert.isFalse(needsQuorum(token({}), amount("1000000")))
  })

  it("makes large amounts, and no others, wait for longer", () => {
    const large = token({ large_above: amount("100"), large_confirmations: "finalized" })
    assert.strictEqual(confirmationsFor(chain, large, amount("100")), 12)
    assert.strictEqual(confirmationsFor(chain, large, amount("100.01")), "finalized")
    assert.strictEqual(confirmationsFor(chain, token({}), amount("1000000")), 12)
  })

  it("asks for a quorum above it", () => {
    const guarded = token({ quorum_above: amount("100") })
    assert.isFalse(needsQuorum(guarded, amount("100")))
    assert.isTrue(needsQuorum(guarded, amount("100.01")))
  })
})
