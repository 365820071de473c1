/**
 * Exact amounts of a token, in whole tokens, as canonical decimal strings.
 *
 * A deposit of 1.5 USDC is "1.5", whether the webhook said "1.50", "01.5" or the chain
 * said 1500000 units. Two amounts are equal if and only if their strings are equal.
 * The limits are those of the column `DECIMAL(36,18)`.
 */
import { Schema, SchemaTransformation } from "effect"

export const maxFractionDigits = 18
export const maxIntegerDigits = 18

export const Amount = Schema.String.pipe(Schema.brand("Amount"))
export type Amount = typeof Amount.Type

const decimalPattern = /^(\d+)(?:\.(\d+))?$/

/** Why a text is not an amount, in words for the person who sent it; undefined if it is one. */
export const amountProblem = (text: string): string | undefined => {
  const match = decimalPattern.exec(text)
  if (match === null) {
    return 'must be a decimal number as a string, such as "1.5": digits and at most one point, no sign, exponent or space'
  }
  const integer = (match[1] ?? "").replace(/^0+/, "")
  const fraction = (match[2] ?? "").replace(/0+$/, "")
  if (fraction.length > maxFractionDigits) {
    return `must have at most ${maxFractionDigits} digits after the point`
  }
  if (integer.length > maxIntegerDigits) {
    return `must have at most ${maxIntegerDigits} digits before the point (${maxIntegerDigits + maxFractionDigits} in all)`
  }
  if (integer === "" && fraction === "") return "must be more than zero"
  return undefined
}

const canonical = (integer: string, fraction: string): Amount => {
  const whole = integer.replace(/^0+/, "") || "0"
  const rest = fraction.replace(/0+$/, "")
  return Amount.make(rest === "" ? whole : `${whole}.${rest}`)
}

/** The canonical form of a decimal text, such as what Postgres prints for a numeric; undefined if it is not a valid amount. */
export const amountFromText = (text: string): Amount | undefined => {
  if (amountProblem(text) !== undefined) return undefined
  const match = decimalPattern.exec(text)
  return match === null ? undefined : canonical(match[1] ?? "", match[2] ?? "")
}

/**
 * The amount of `units` of a token's smallest unit (wei, satoshi, lamports).
 * Undefined if it is not positive or does not fit the limits above without rounding.
 */
export const amountFromUnits = (units: bigint, decimals: number): Amount | undefined => {
  if (units <= 0n) return undefined
  const digits = units.toString().padStart(decimals + 1, "0")
  const point = digits.length - decimals
  return amountFromText(
    decimals === 0 ? digits : `${digits.slice(0, point)}.${digits.slice(point)}`
  )
}

/** An amount as it stands in JSON: a string, never a number, which could not hold it exactly. */
export const AmountFromJson = Schema.String.annotate({
  message: 'must be a decimal number as a string, such as "1.5"'
}).pipe(
  Schema.check(Schema.makeFilter((text: string) => amountProblem(text) ?? true)),
  Schema.decodeTo(
    Amount,
    SchemaTransformation.transform({
      decode: (text) => amountFromText(text) ?? text,
      encode: (amount) => amount
    })
  )
)
