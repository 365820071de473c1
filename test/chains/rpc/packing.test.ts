import { assert, describe, it } from "@effect/vitest"
import { pack } from "../../../src/chains/rpc/packing.ts"

/** "a" is a call of no group, "a@x" one of group x. */
const packed = (calls: string, maxBatch: number): string =>
  pack(
    calls.split(" ").map((call) => {
      const [key = "", group = null] = call.split("@")
      return { key, group }
    }),
    maxBatch
  )
    .map((request) => request.map((equals) => `${equals[0].key}${equals.length}`).join(" "))
    .join(" | ")

describe("calls of one moment", () => {
  const cases: ReadonlyArray<readonly [string, calls: string, maxBatch: number, requests: string]> =
    [
      ["travel together", "a b c", 10, "a1 b1 c1"],
      ["are made once if they are equal", "a b a a", 10, "a3 b1"],
      ["are cut to size after equal ones are found", "a b a b c", 2, "a2 b2 | c1"],
      ["are never parted from their group", "a b@x h@x c@y h@y", 3, "a1 b1 h1 | c1 h1"],
      ["share what their groups have in common", "b@x h@x c@y h@y d@z h@z", 4, "b1 h3 c1 d1"],
      ["are found with their group wherever they stand", "b@x c@y h@x h@y", 2, "b1 h1 | c1 h1"],
      ["stay whole as a group that is too large", "a@x b@x c@x d", 2, "a1 b1 c1 | d1"],
      ["travel alone where no batches are taken", "b@x h@x c@y h@y", 1, "b1 | h2 | c1"]
    ]
  it.each(cases)("%s", (_, calls, maxBatch, requests) => {
    assert.strictEqual(packed(calls, maxBatch), requests)
  })

  it("are no request if there are none", () => {
    assert.deepStrictEqual(pack([], 10), [])
  })
})
