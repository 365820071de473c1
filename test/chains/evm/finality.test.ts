import { assert, describe, it } from "@effect/vitest"
import { Duration } from "effect"
import {
  type Depth,
  depthOf,
  finalHeight,
  type Heads,
  lookAgainAfter
} from "../../../src/chains/evm/finality.ts"

const block = (number: number, timestamp = number * 12) => ({ number, hash: "0x", timestamp })
const heads = (latest: number, safe: number | null, finalized: number | null): Heads => ({
  latest: block(latest),
  safe: safe === null ? null : block(safe),
  finalized: finalized === null ? null : block(finalized),
  hasFinalized: true
})

describe("a block", () => {
  const of100 = heads(100, 90, 80)
  const cases: ReadonlyArray<
    readonly [
      number,
      1 | 12 | "safe" | "finalized",
      Heads,
      enough: boolean,
      finality: Depth["finality"]
    ]
  > = [
    [100, 1, of100, true, "watching"],
    [90, 12, of100, false, "watching"],
    [89, 12, of100, true, "watching"],
    [80, 12, of100, true, "final"],
    [91, "safe", of100, false, "watching"],
    [90, "safe", of100, true, "watching"],
    [81, "finalized", of100, false, "watching"],
    [80, "finalized", of100, true, "final"],
    // A tag that is not known now never counts as passed.
    [1, "safe", heads(100, null, 80), false, "final"],
    [1, "finalized", heads(100, null, null), false, "watching"],
    [1, 1, heads(100, null, null), true, "watching"],
    // Without a tag the operator's number is all there is.
    [89, 12, { ...heads(100, null, null), hasFinalized: false }, true, "final"],
    // Heads that went backwards.
    [105, 1, of100, true, "watching"],
    [105, 12, of100, false, "watching"]
  ]
  it.each(cases)("at %s with %s confirmations", (number, confirmations, at, isEnough, finality) => {
    const depth = depthOf(number, confirmations, at)
    assert.deepInclude(depth, { isEnough, finality })
    assert.strictEqual(depth.seen >= depth.needed, isEnough, "what is needed agrees with enough")
  })
})

describe("the newest final block", () => {
  const unknown = heads(100, 90, null)
  const cases: ReadonlyArray<readonly [number | "safe" | "finalized", Heads, final: number]> = [
    [12, heads(100, null, 80), 80],
    ["safe", heads(100, 90, 80), 80],
    ["finalized", heads(100, 90, 80), 80],
    // Without a finalized one, what the operator takes for deep enough.
    [12, unknown, 88],
    [200, unknown, 0],
    ["safe", unknown, 90],
    // A chain that was reset.
    [12, heads(100, null, 5000), 100]
  ]
  it.each(cases)("with %s confirmations", (confirmations, at, final) => {
    assert.strictEqual(finalHeight(at, confirmations), final)
  })
})

describe("looking again", () => {
  const wait = (blocks: number, at: Heads) => Duration.toMillis(lookAgainAfter(blocks, at))

  it("waits for as long as the blocks will take, from a second to a minute", () => {
    assert.strictEqual(wait(2, heads(100, 90, 80)), 24_000)
    assert.strictEqual(wait(50, heads(100, 90, 80)), 60_000)
    assert.strictEqual(wait(0, heads(100, 90, 80)), 1000)
  })

  it("assumes a pace where the chain shows none", () => {
    assert.strictEqual(wait(2, heads(100, null, null)), 10_000)
    const still = { ...heads(100, null, 80), latest: block(100, 0) }
    assert.strictEqual(wait(2, still), 10_000)
  })
})
