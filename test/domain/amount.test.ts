/** Amounts: what is accepted at the door, and the one form that it has from then on. */
import { assert, describe, it } from "@effect/vitest"
import { BigDecimal, Effect, Schema } from "effect"
import { AmountFromJson, amountFromText, amountFromUnits } from "../../src/domain/amount.ts"

const decode = Schema.decodeUnknownEffect(AmountFromJson)

const Digits = (max: number) =>
  Schema.String.pipe(Schema.check(Schema.isPattern(new RegExp(`^[0-9]{0,${max}}$`))))

describe("an amount in JSON", () => {
  it.effect.each([
    ["1.5", "1.5"],
    ["1.50", "1.5"],
    ["01.5", "1.5"],
    ["100", "100"],
    ["100.000", "100"],
    ["0.1", "0.1"],
    ["00.100", "0.1"],
    ["0.000000000000000001", "0.000000000000000001"],
    ["999999999999999999.999999999999999999", "999999999999999999.999999999999999999"],
    ["0000000000000000000000001.0000000000000000000000000", "1"]
  ] as const)("%s is %s", ([given, canonical]) =>
    Effect.gen(function* () {
      assert.strictEqual<string>(yield* decode(given), canonical)
    })
  )

  it.effect.each([
    [1.5, "string"],
    [Number.NaN, "string"],
    [null, "string"],
    [1n, "string"],
    ["NaN", "must be a decimal number as a string"],
    ["Infinity", "must be a decimal number as a string"],
    ["-1", "no sign"],
    ["+1", "no sign"],
    ["1e3", "no sign, exponent"],
    ["0x10", "must be a decimal number"],
    [" 1", "no sign, exponent or space"],
    ["1\n", "must be a decimal number"],
    ["1,5", "must be a decimal number"],
    ["1.", "must be a decimal number"],
    [".5", "must be a decimal number"],
    ["1.2.3", "must be a decimal number"],
    ["١", "must be a decimal number"],
    ["", "must be a decimal number"],
    ["0", "must be more than zero"],
    ["0.000", "must be more than zero"],
    ["0.0000000000000000001", "at most 18 digits after the point"],
    ["1234567890123456789", "at most 18 digits before the point (36 in all)"]
  ] as const)("%s is refused: %s", ([given, why]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(decode(given))
      assert.include(error.message, why)
    })
  )

  it.prop(
    "is one text for one value, however it is written",
    [Digits(18), Digits(18)],
    ([whole, fraction]) => {
      const text = `${whole || "0"}.${fraction || "0"}`
      const amount = amountFromText(text)
      if (/^[0.]+$/.test(text)) return assert.isUndefined(amount)
      assert.isDefined(amount)
      assert.strictEqual(amountFromText(`000${text}`), amount)
      assert.strictEqual(amountFromText(amount), amount)
      assert.isTrue(
        BigDecimal.Equivalence(
          BigDecimal.fromStringUnsafe(amount),
          BigDecimal.fromStringUnsafe(text)
        )
      )
      assert.notMatch(amount, /^0\d|\.\d*0$|\.$/)
    }
  )
})

describe("an amount in a token's smallest units", () => {
  it("is exact", () => {
    assert.strictEqual(amountFromUnits(1_500_000n, 6), "1.5")
    assert.strictEqual(amountFromUnits(1n, 18), "0.000000000000000001")
    assert.strictEqual(amountFromUnits(42n, 0), "42")
    assert.strictEqual(
      amountFromUnits(10n ** 36n - 1n, 18),
      "999999999999999999.999999999999999999"
    )
    assert.strictEqual(amountFromUnits(1_000n, 20), "0.00000000000000001")
  })

  it("is none when it is not positive, or does not fit without rounding", () => {
    assert.isUndefined(amountFromUnits(0n, 6))
    assert.isUndefined(amountFromUnits(-1n, 6))
    assert.isUndefined(amountFromUnits(1n, 19))
    assert.isUndefined(amountFromUnits(10n ** 36n, 18))
  })
})
