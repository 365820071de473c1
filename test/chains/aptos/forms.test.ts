/** Addresses and types, with Aptos' own SDK for a second opinion. */
import { AccountAddress, createUserDerivedObjectAddress, parseTypeTag } from "@aptos-labs/ts-sdk"
import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { primaryStoreOf } from "../../../src/chains/aptos/primary-store.ts"
import { canonicalTag, coinOfStore } from "../../../src/chains/aptos/struct-tag.ts"
import { Address, canonicalAddress } from "../../../src/domain/chain.ts"

const hex = (minLength: number) =>
  fc
    .array(fc.constantFrom(..."0123456789abcdefABCDEF"), { minLength, maxLength: 64 })
    .map((digits) => `0x${digits.join("")}`)
const address = fc.oneof(
  hex(64),
  // With zeros in front, so that short and long form differ.
  hex(1).map((text) => `0x${text.slice(2).padStart(64, "0")}`)
)

const sdkAddress = (text: string) => AccountAddress.fromString(text, { maxMissingChars: 63 })

describe("a form on Aptos", () => {
  it("of an address is the same, short or long, as the SDK has it", () => {
    fc.assert(
      fc.property(hex(1), (text) => {
        assert.strictEqual(String(canonicalAddress("aptos", text)), sdkAddress(text).toStringLong())
      })
    )
  })

  it("of a primary store is where the SDK has it", () => {
    fc.assert(
      fc.property(address, address, (owner, metadata) => {
        const derived = createUserDerivedObjectAddress(sdkAddress(owner), sdkAddress(metadata))
        assert.strictEqual(
          String(
            primaryStoreOf(
              Address.make(sdkAddress(owner).toStringLong()),
              Address.make(sdkAddress(metadata).toStringLong())
            )
          ),
          derived.toStringLong()
        )
      })
    )
  })

  it("of a type is the same, however its addresses and commas are written", () => {
    const coin = `0x${"1".padStart(64, "0")}::aptos_coin::AptosCoin`
    const usdc = `0x${"ab".padStart(64, "0")}::usdc::USDC`
    for (const text of [
      `0x1::pool::LP<0xAB::usdc::USDC, 0x1::aptos_coin::AptosCoin>`,
      `0x1::pool::LP<0xab::usdc::USDC,0x01::aptos_coin::AptosCoin>`,
      `0x1::pool::LP<${usdc}, ${coin}>`
    ]) {
      const long = `0x${"1".padStart(64, "0")}::pool::LP<${usdc},${coin}>`
      assert.strictEqual(canonicalTag(text), long)
    }
    // The SDK takes both forms for one type too.
    const sdk = (text: string) => parseTypeTag(text).toString()
    assert.strictEqual(
      sdk(`0x1::coin::CoinStore<${coin}>`),
      sdk("0x1::coin::CoinStore<0x1::aptos_coin::AptosCoin>")
    )
  })

  it("of a type that differs in module, name or case is another", () => {
    const tags = ["0x1::a::B", "0x2::a::B", "0x1::b::B", "0x1::a::b", "0x1::a::B<u8>"].map(
      canonicalTag
    )
    assert.strictEqual(new Set(tags).size, tags.length)
  })

  it("of what is no type is none", () => {
    for (const text of [
      "",
      "u64",
      "APT",
      "0x1",
      "0x1::a::B C",
      "0x1::a::B,",
      "::a::B",
      "0xzz::a::B"
    ]) {
      assert.strictEqual(canonicalTag(text), undefined, text)
    }
  })

  it("of a coin's store names the coin, and no other store does", () => {
    const of = (text: string) => coinOfStore(canonicalTag(text) ?? "")
    const apt = canonicalTag("0x1::aptos_coin::AptosCoin")
    assert.strictEqual(of("0x1::coin::CoinStore<0x1::aptos_coin::AptosCoin>"), apt)
    assert.strictEqual(of("0x2::coin::CoinStore<0x1::aptos_coin::AptosCoin>"), undefined)
    assert.strictEqual(of("0x1::coin::CoinInfo<0x1::aptos_coin::AptosCoin>"), undefined)
  })
})
