/**
 * Lamports without rounding. They are u64, and providers send them as JSON numbers, which JSON.parse
 * rounds beyond 2^53 (nine million SOL): there the digits of the body itself are read again.
 */
import { Schema, SchemaTransformation } from "effect"
import { parseExactJson } from "../../domain/exact-json.ts"

/** A number of that many digits may be beyond 2^53. In a text it only makes us read again in vain. */
const longNumber = /[:,[\s]-?\d{16}/

/** The body with each integer that a JSON number cannot hold as its digits in a string. */
export const exactJson = (body: Schema.Json, bytes: Uint8Array): Schema.Json => {
  const text = new TextDecoder().decode(bytes)
  return longNumber.test(text) ? parseExactJson(text) : body
}

type NumberOrDigits = string | number

const wholeNumber = (digits: RegExp, rule: string) =>
  Schema.Union([Schema.Number, Schema.String])
    .annotate({ message: rule })
    .pipe(
      Schema.check(
        Schema.makeFilter((given: NumberOrDigits) =>
          (typeof given === "string" || Number.isSafeInteger(given)) && digits.test(`${given}`)
            ? true
            : rule
        )
      ),
      Schema.decodeTo(
        Schema.BigInt,
        SchemaTransformation.transform<bigint, NumberOrDigits>({
          decode: (given) => BigInt(given),
          encode: (units) => units.toString()
        })
      )
    )

const digitsOnly = (digits: RegExp, rule: string) =>
  Schema.String.annotate({ message: rule }).pipe(
    Schema.check(Schema.makeFilter((given: string) => (digits.test(given) ? true : rule))),
    Schema.decodeTo(
      Schema.BigInt,
      SchemaTransformation.transform<bigint, string>({
        decode: (given) => BigInt(given),
        encode: (units) => units.toString()
      })
    )
  )

/** A u64 has 20 digits at most. */
const unsigned = /^\d{1,20}$/
const signed = /^-?\d{1,20}$/

/** A balance in lamports. */
export const Lamports = wholeNumber(unsigned, "must be a whole number of lamports, not below 0")

/** A difference of two balances in lamports. */
export const LamportChange = wholeNumber(signed, "must be a whole number of lamports")

const unitsRule = "must be a whole number of the token's smallest unit, as a string of digits"

/** A balance in a token's smallest unit. */
export const Units = digitsOnly(unsigned, unitsRule)

/** A difference of two balances in a token's smallest unit. */
export const UnitChange = digitsOnly(signed, unitsRule)
