import { assert, describe, it } from "@effect/vitest"
import { Duration } from "effect"
import {
  depthOf,
  lookAgainAfter,
  neededOutsideOfChain,
  overdueSeconds
} from "../../../src/chains/starknet/finality.ts"

const onL2 = (blockNumber: number) => ({ blockNumber, status: "ACCEPTED_ON_L2" })
const onL1 = (blockNumber: number) => ({ blockNumber, status: "ACCEPTED_ON_L1" })

describe("the depth of a block", () => {
  it("counts the block itself", () => {
    assert.strictEqual(depthOf(onL2(7), 1, 7).seen, 1)
    assert.strictEqual(depthOf(onL2(7), 1, 9).seen, 3)
  })

  it("is one when the newest block went backwards, for the block itself was just seen", () => {
    const depth = depthOf(onL2(7), 2, 3)
    assert.deepStrictEqual(depth, { isEnough: false, seen: 1, needed: 2, finality: "watching" })
  })

  it("is enough at the number asked for, and final on L1 only", () => {
    assert.deepInclude(depthOf(onL2(7), 3, 8), { isEnough: false, finality: "watching" })
    assert.deepInclude(depthOf(onL2(7), 3, 9), { isEnough: true, finality: "watching" })
    assert.deepInclude(depthOf(onL2(7), 3, 9999), { isEnough: true, finality: "watching" })
    assert.deepInclude(depthOf(onL1(7), 3, 9), { isEnough: true, finality: "final" })
    assert.deepInclude(depthOf(onL1(7), 3, 8), { isEnough: false, finality: "final" })
  })

  it("is enough for `safe` on L2, for `finalized` on L1 only", () => {
    assert.deepInclude(depthOf(onL2(7), "safe", 7), { isEnough: true, needed: 1 })
    assert.deepInclude(depthOf(onL2(7), "finalized", 9999), { isEnough: false, seen: 9993 })
    assert.isAbove(depthOf(onL2(7), "finalized", 9999).needed, 9993)
    assert.deepInclude(depthOf(onL1(7), "finalized", 7), { isEnough: true, needed: 1 })
  })

  it("needs what is asked for of a transaction that is in no block", () => {
    assert.strictEqual(neededOutsideOfChain(12), 12)
    assert.strictEqual(neededOutsideOfChain("safe"), 1)
    assert.strictEqual(neededOutsideOfChain("finalized"), 1)
  })
})

describe("looking again", () => {
  it("waits about as long as the blocks take, and never less than 1 or more than 60 seconds", () => {
    const seconds = (...[blocks, confirmations]: Parameters<typeof lookAgainAfter>) =>
      Duration.toSeconds(lookAgainAfter(blocks, confirmations))
    assert.strictEqual(seconds(0, 3), 1)
    assert.isTrue(seconds(1, 3) >= 2 && seconds(1, 3) <= 30)
    assert.isAbove(seconds(3, 3), seconds(1, 3))
    assert.strictEqual(seconds(5000, 5000), 60)
    assert.strictEqual(seconds(1, "finalized"), 60)
  })

  it("asks other nodes when a block is older than its depth lets expect, and not before", () => {
    // A slow block takes half a minute, a proof on Ethereum some hours.
    assert.isTrue(overdueSeconds(1) >= 60 && overdueSeconds(1) <= 300)
    assert.isAtLeast(overdueSeconds(100), 100 * 30)
    const hours = overdueSeconds("finalized") / 3600
    assert.isTrue(hours >= 4 && hours <= 24)
  })
})
