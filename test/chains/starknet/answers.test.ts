import { assert, describe, it } from "@effect/vitest"
import { Option, Schema } from "effect"
import * as fc from "fast-check"
import { constants, num, shortString } from "starknet"
import { Felt, Height, ShortString } from "../../../src/chains/starknet/answers.ts"

const decodeFelt = Schema.decodeUnknownOption(Felt)
const decodeHeight = Schema.decodeUnknownOption(Height)
const decodeText = Schema.decodeUnknownOption(ShortString)

describe("a felt", () => {
  it("is the number that starknet.js writes, with any leading zeros and in any case", () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: constants.PRIME - 1n }),
        fc.boolean(),
        (value, isUpper) => {
          const digits = value.toString(16).padStart(64, "0")
          const text = `0x${isUpper ? digits.toUpperCase() : digits}`
          assert.strictEqual(Option.getOrUndefined(decodeFelt(text)), num.toHex(value))
        }
      )
    )
  })

  it("is refused where it is none", () => {
    const prime = num.toHex(constants.PRIME)
    for (const text of ["", "0x", "12", "0xg", "-0x1", prime, `0x${"f".repeat(65)}`, 5, null]) {
      assert.isTrue(Option.isNone(decodeFelt(text)), String(text))
    }
  })
})

describe("a height", () => {
  it("is a whole number that a double holds exactly", () => {
    for (const height of [0, 1, 2 ** 53 - 1]) assert.isTrue(Option.isSome(decodeHeight(height)))
    for (const height of [-1, 1.5, 2 ** 53, Number.NaN, "1", "0x1", null]) {
      assert.isTrue(Option.isNone(decodeHeight(height)), String(height))
    }
  })
})

describe("a chain's id", () => {
  it("is the text that starknet.js encodes, with any leading zeros", () => {
    for (const text of ["SN_MAIN", "SN_SEPOLIA", "a", "A chain of thirty-one letters !"]) {
      const felt = shortString.encodeShortString(text)
      const padded = `0x${felt.slice(2).padStart(64, "0")}`
      assert.strictEqual(Option.getOrUndefined(decodeText(felt)), text)
      assert.strictEqual(Option.getOrUndefined(decodeText(padded)), text)
    }
    const main = constants.StarknetChainId.SN_MAIN
    assert.strictEqual(Option.getOrUndefined(decodeText(main)), "SN_MAIN")
    assert.strictEqual(Schema.encodeSync(ShortString)("SN_MAIN"), main)
  })

  it("is refused where it cannot be printed", () => {
    for (const felt of [
      "0x0",
      "0x1",
      "0x534e5f4d41494e00",
      "0x534e07",
      "0x7f",
      "0x80",
      "SN_MAIN"
    ]) {
      assert.isTrue(Option.isNone(decodeText(felt)), felt)
    }
  })
})
