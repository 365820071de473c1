/** What may be registered, and in which form. */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as fc from "fast-check"
import { checkRegistration } from "../../src/addresses/registration.ts"
import { evmAddress, registrable, registration } from "./registrations.ts"

const hexDigits = (length: number) =>
  fc
    .array(fc.constantFrom(..."0123456789abcdef"), { minLength: length, maxLength: length })
    .map((digits) => digits.join(""))

const faultsOf = (fields: Parameters<typeof registration>[0]) => {
  const checked = checkRegistration(registrable, {
    tenant_id: "acme",
    chain: "evm",
    address: evmAddress(1),
    account_reference: "customer-1",
    ...fields
  })
  return Result.isFailure(checked) ? checked.failure : []
}

describe("a registration", () => {
  it("is of one address, however its letters are cased on an EVM chain", () =>
    fc.assert(
      fc.property(hexDigits(40), fc.array(fc.boolean()), (digits, upper) => {
        const mixed = [...digits].map((digit, n) => (upper[n] ? digit.toUpperCase() : digit))
        const written = registration({ address: `0x${mixed.join("")}` })
        assert.strictEqual(written.address, `0x${digits}`)
      })
    ))

  it("is of one address, with or without leading zeros on Aptos and Starknet", () =>
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 250n }), fc.nat(10), (value, zeros) => {
        const short = value.toString(16)
        const padded = short.padStart(Math.min(64, short.length + zeros), "0")
        for (const chain of ["aptos", "starknet"]) {
          assert.deepStrictEqual(
            registration({ chain, address: `0x${padded.toUpperCase()}` }),
            registration({ chain, address: `0x${short}` })
          )
        }
      })
    ))

  it("says of each wrong field which it is and what it must be", () => {
    assert.deepStrictEqual(faultsOf({ tenant_id: "acmee", chain: "mars", account_reference: "" }), [
      {
        field: "tenant_id",
        message: "is not a tenant with sources in surehook.yaml, which has acme, globex"
      },
      {
        field: "chain",
        message: "is not a chain of surehook.yaml, which has evm, solana, aptos, starknet"
      },
      {
        field: "account_reference",
        message:
          "must be 1 to 255 characters, without line breaks, invisible characters or spaces at its ends"
      }
    ])
    const rules = {
      evm: "must be 0x and 40 hex digits",
      solana: "must be the base58 of 32 bytes",
      aptos: "must be 0x and 1 to 64 hex digits",
      starknet: "must be 0x and 1 to 64 hex digits, below the prime of Starknet's field"
    }
    for (const [chain, message] of Object.entries(rules)) {
      assert.deepStrictEqual(faultsOf({ chain, address: "0xyz" }), [{ field: "address", message }])
    }
  })

  it("has an account that can be read: nothing that hides, breaks a line or was lost on the way", () => {
    const bad = ["a\nb", "a\u0000", "a\u202eb", "a\u200bb", " a", "a ", "a\ud800", "x".repeat(256)]
    for (const account_reference of bad) {
      const [fault] = faultsOf({ account_reference })
      assert.strictEqual(fault?.field, "account_reference", JSON.stringify(account_reference))
    }
    assert.match(faultsOf({ account_reference: "M\ufffdller" })[0]?.message ?? "", /UTF-8/)
    for (const account_reference of ["7", "Müller & Söhne, 株式会社", "x".repeat(255), "a b"]) {
      assert.strictEqual(registration({ account_reference }).account_reference, account_reference)
    }
  })
})
