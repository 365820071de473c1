/** Canonical hashes, addresses, names and claims: equal things are equal texts. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { Amount } from "../../src/domain/amount.ts"
import { Address, ChainName, canonicalAddress, canonicalTxHash } from "../../src/domain/chain.ts"
import { jobIdFromText, SourceId, TenantId, TokenSymbol } from "../../src/domain/ids.ts"
import { transferKey } from "../../src/domain/transfer.ts"

const hex = (digits: number) => "aB3".repeat(digits).slice(0, digits)

describe("an EVM hash or address", () => {
  it("has one form, whatever its case", () => {
    assert.strictEqual(canonicalTxHash("evm", `0X${hex(64)}`), `0x${hex(64).toLowerCase()}`)
    assert.strictEqual(
      canonicalTxHash("evm", `0x${hex(64).toUpperCase()}`),
      `0x${hex(64).toLowerCase()}`
    )
    assert.strictEqual(
      canonicalAddress("evm", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
      "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"
    )
  })

  it("is refused when it is not one", () => {
    for (const text of [
      "",
      "0x",
      hex(64),
      `0x${hex(63)}`,
      `0x${hex(65)}`,
      `0x${hex(63)}g`,
      ` 0x${hex(64)}`,
      `0x${hex(64)}\n`
    ]) {
      assert.isUndefined(canonicalTxHash("evm", text), JSON.stringify(text))
    }
    for (const text of ["", `0x${hex(39)}`, `0x${hex(41)}`, `0x${hex(64)}`, `0x${hex(40)}\n`]) {
      assert.isUndefined(canonicalAddress("evm", text), JSON.stringify(text))
    }
  })
})

describe("names", () => {
  it.effect("hold no character that separates the parts of a key", () =>
    Effect.gen(function* () {
      for (const name of [TenantId, SourceId, TokenSymbol]) {
        assert.strictEqual(yield* Schema.decodeUnknownEffect(name)("USDC.e-1_a"), "USDC.e-1_a")
        for (const text of ["a|b", "", " a", "a/b", "-a", "a".repeat(65), "ä", "a\n", "a\u0000"]) {
          const error = yield* Effect.flip(Schema.decodeUnknownEffect(name)(text))
          assert.include(error.message, "has 1 to 64 letters, digits")
        }
      }
      for (const text of ["a|b", "Local", "", "1a", "a\n"]) {
        const error = yield* Effect.flip(Schema.decodeUnknownEffect(ChainName)(text))
        assert.include(error.message, "a chain's name has 1 to 32")
      }
    })
  )

  it("take a job's id in either case", () => {
    const id = "0197a000-0000-7000-8000-00000000000a"
    assert.strictEqual(jobIdFromText(id.toUpperCase()), id)
    for (const text of ["", "1", `${id}0`, id.replaceAll("-", "")]) {
      assert.isUndefined(jobIdFromText(text))
    }
  })
})

describe("a claim's key", () => {
  const claim = {
    token: TokenSymbol.make("USDC"),
    amount: Amount.make("1.5"),
    to_address: Address.make("0x01"),
    transfer_index: null
  }

  it("tells claims apart by index, token, recipient and amount", () => {
    const keys = [
      claim,
      { ...claim, transfer_index: 0 },
      { ...claim, transfer_index: 1 },
      { ...claim, token: TokenSymbol.make("USDT") },
      { ...claim, amount: Amount.make("1.51") },
      { ...claim, to_address: Address.make("0x02") }
    ].map(transferKey)
    assert.strictEqual(new Set(keys).size, keys.length)
    assert.strictEqual(transferKey({ ...claim }), transferKey(claim))
  })
})
