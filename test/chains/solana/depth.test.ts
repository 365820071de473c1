import { assert, describe, it } from "@effect/vitest"
import { Duration } from "effect"
import {
  depthOf,
  headAgeMillis,
  lookAgainAfter,
  neededFromNow
} from "../../../src/chains/solana/depth.ts"
import type { Confirmations } from "../../../src/config/chain-config.ts"

const heads = { confirmed: 132, finalized: 100 }

describe("the depth of a slot", () => {
  const cases: ReadonlyArray<
    readonly [
      slot: number,
      isFinal: boolean,
      Confirmations,
      isEnough: boolean,
      seen: number,
      needed: number
    ]
  > = [
    [132, false, 1, true, 1, 1],
    [132, false, 2, false, 1, 2],
    [131, false, 2, true, 2, 2],
    // Read from a node that is behind the one that showed the transaction.
    [140, false, 1, true, 1, 1],
    [132, false, "safe", true, 1, 1],
    [132, false, "finalized", false, 1, 33],
    [101, false, "finalized", false, 32, 33],
    // Not final, whatever the heads say: then it lacks one slot at least.
    [100, false, "finalized", false, 33, 34],
    [100, true, "finalized", true, 33, 33],
    // No slot on top could make it firmer.
    [100, true, 1000, true, 33, 1000]
  ]
  for (const [slot, isFinal, confirmations, isEnough, seen, needed] of cases) {
    const name = `${slot}${isFinal ? ", final," : ""} for ${confirmations} is ${seen} of ${needed}`
    it(name, () => {
      const depth = depthOf(slot, isFinal, confirmations, heads)
      assert.deepStrictEqual(depth, { isEnough, seen, needed })
    })
  }

  it("that a transaction needs from the next slot on is told while it is in none", () => {
    assert.strictEqual(neededFromNow("safe", heads), 1)
    assert.strictEqual(neededFromNow(5, heads), 5)
    assert.strictEqual(neededFromNow("finalized", heads), 34)
  })
})

describe("when to look again", () => {
  it("follows the pace of slots, within a second and a minute", () => {
    assert.deepStrictEqual(lookAgainAfter(1), Duration.millis(1000))
    assert.deepStrictEqual(lookAgainAfter(32), Duration.millis(12_800))
    assert.deepStrictEqual(lookAgainAfter(100_000), Duration.millis(60_000))
  })
})

it("the age of a head is reckoned from a block's time and the slots since", () => {
  const block = { slot: 122, timeSeconds: 100 }
  assert.strictEqual(headAgeMillis(block, heads, 110_000), 6000)
})
