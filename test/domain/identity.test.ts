/** Canonical hashes, addresses, names and claims: equal things are equal texts. */
import { AccountAddress } from "@aptos-labs/ts-sdk"
import { assert, describe, it } from "@effect/vitest"
import { base58 } from "@scure/base"
import { isAddress, isSignature } from "@solana/kit"
import { Effect, Schema } from "effect"
import * as fc from "fast-check"
import { num } from "starknet"
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

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const hexOf = (some: Uint8Array) => `0x${Buffer.from(some).toString("hex")}`

describe("a Solana signature or address", () => {
  it("is what Solana's own library takes for one, and stays as it is", () => {
    const text = fc.oneof(
      bytes(32).map((some) => base58.encode(some)),
      bytes(64).map((some) => base58.encode(some)),
      fc.uint8Array({ maxLength: 70 }).map((some) => base58.encode(some)),
      fc.string()
    )
    fc.assert(
      fc.property(text, (given) => {
        assert.strictEqual<string | undefined>(
          canonicalAddress("solana", given),
          isAddress(given) ? given : undefined
        )
        assert.strictEqual<string | undefined>(
          canonicalTxHash("solana", given),
          isSignature(given) ? given : undefined
        )
      }),
      { numRuns: 1_000 }
    )
  })

  it("is refused with a letter of another case, a space or too long a text", () => {
    const address = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
    assert.strictEqual(canonicalAddress("solana", address), address)
    for (const text of [
      ` ${address}`,
      `${address}\n`,
      address.replace("j", "0"),
      "1".repeat(1e6)
    ]) {
      assert.isUndefined(canonicalAddress("solana", text))
    }
  })
})

describe("an Aptos address", () => {
  it("is its long form, as Aptos' own library says, whatever its form", () => {
    fc.assert(
      fc.property(bytes(32), fc.nat({ max: 31 }), (some, zeros) => {
        const long = hexOf(some.fill(0, 0, zeros))
        const short = long.replace(/^0x0*(?=.)/, "0x")
        const known = AccountAddress.from(long).toStringLong()
        for (const form of [long, short, short.toUpperCase().replace("0X", "0x")]) {
          assert.strictEqual<string | undefined>(canonicalAddress("aptos", form), known)
        }
      })
    )
    assert.strictEqual(canonicalAddress("aptos", "0x1"), `0x${"0".repeat(63)}1`)
    for (const text of ["1", "0x", "0xg", `0x${"0".repeat(65)}`]) {
      assert.isUndefined(canonicalAddress("aptos", text))
    }
  })

  it("goes by hashes that have all their digits", () => {
    assert.strictEqual(canonicalTxHash("aptos", `0X${hex(64)}`), `0x${hex(64).toLowerCase()}`)
    assert.isUndefined(canonicalTxHash("aptos", `0x${hex(63)}`))
  })
})

describe("a Starknet hash or address", () => {
  it("is a number, as Starknet's own library says, whatever its zeros and its case", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 251n }), fc.nat({ max: 8 }), (felt, zeros) => {
        const digits = felt.toString(16)
        const padded = `0x${"0".repeat(Math.min(zeros, 64 - digits.length))}${digits.toUpperCase()}`
        const known = num.toHex(felt)
        assert.strictEqual<string | undefined>(canonicalTxHash("starknet", padded), known)
        assert.strictEqual<string | undefined>(canonicalAddress("starknet", padded), known)
      })
    )
  })

  it("is below the prime of the field", () => {
    const prime = 2n ** 251n + 17n * 2n ** 192n + 1n
    assert.isDefined(canonicalAddress("starknet", `0x${(prime - 1n).toString(16)}`))
    assert.isUndefined(canonicalAddress("starknet", `0x${prime.toString(16)}`))
    assert.strictEqual(canonicalAddress("starknet", "0x000"), "0x0")
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
