import { assert, describe, it } from "@effect/vitest"
import { Exit } from "effect"
import * as fc from "fast-check"
import { readReply } from "../../../src/chains/rpc/replies.ts"
import { RpcFailure } from "../../../src/chains/validator.ts"
import { parseExactJson } from "../../../src/domain/exact-json.ts"

describe("exact JSON", () => {
  it("keeps the digits of integers that a number would round, and nothing else differs", () => {
    assert.deepStrictEqual(
      parseExactJson('[9007199254740991, 9007199254740993, -9007199254740993, 1.5, 1e300, "7"]'),
      [9007199254740991, "9007199254740993", "-9007199254740993", 1.5, 1e300, "7"]
    )
  })

  it("gives back every u64, as a number or as its digits", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (units) => {
        const [read] = [parseExactJson(`${units}`)]
        return (typeof read === "number" || typeof read === "string") && BigInt(read) === units
      })
    )
  })

  it("is what a reply is read with, and a page in place of JSON is still a failure", () => {
    const reply = (text: string) =>
      readReply(
        {
          name: "x.example#0",
          parse: parseExactJson,
          redact: (said) => said,
          failure: (message, retry_after_ms = null) =>
            new RpcFailure({ chain: "c", endpoint: "x.example#0", message, retry_after_ms })
        },
        [1],
        { status: 200, retryAfter: null, text },
        0
      )
    const read = reply('{"id":1,"result":9007199254740993}')
    assert.strictEqual(read._tag, "Answers")
    if (read._tag === "Answers") {
      assert.deepStrictEqual(read.outcomes.get(1), Exit.succeed("9007199254740993"))
    }
    assert.strictEqual(reply("<html>")._tag, "Failure")
  })
})
