/** The exact amount of a transfer: never a float, and never rounded. */
import { Predicate, Result } from "effect"
import { type Amount, AmountFromJson, amountFromUnits } from "../../domain/amount.ts"
import type { KnownToken } from "../tokens.ts"
import type { HmacOptions } from "./hmac-options.ts"
import { at, fault, type Origin, type Read, reader, text } from "./hmac-places.ts"
import type { Place } from "./hmac-pointer.ts"

/** Undefined if there is nothing to credit: the amount is zero, or of a token that is not known. */
export const amountAt = (
  { amount, amount_unit }: HmacOptions["fields"],
  token: Read<KnownToken | undefined>,
  origin: Origin
): Read<Amount | undefined> => {
  const known = Result.getOrElse(token, () => undefined)
  if (known === undefined) return Result.succeed(undefined)
  const place = at(amount, origin)
  return amount_unit === "tokens"
    ? amountInTokens(place)
    : Result.flatMap(unitsOf(place), (units) => {
        if (units === 0n) return Result.succeed(undefined)
        const exact = amountFromUnits(units, known.config.decimals)
        // Refused and not rounded: the provider sends it again, and somebody sees it.
        return exact === undefined
          ? fault(
              place,
              "does not fit: an amount has at most 18 digits before the point, and 18 behind it"
            )
          : Result.succeed(exact)
      })
}

const decimalText = reader(AmountFromJson)

const amountInTokens = (place: Place): Read<Amount | undefined> =>
  Predicate.isString(place.value) && /^0+(?:\.0+)?$/.test(place.value)
    ? Result.succeed(undefined)
    : decimalText(place)

const unitsRule =
  "must be a whole number of the token's smallest unit, as decimal digits or 0x and hex digits"
/** 256 bits, the widest that a chain has. */
const unitsPattern = /^(?:\d{1,78}|0[xX][0-9a-fA-F]{1,64})$/

const unitsOf = (place: Place): Read<bigint> => {
  const { value } = place
  if (Predicate.isNumber(value)) {
    if (Number.isSafeInteger(value) && value >= 0) return Result.succeed(BigInt(value))
    return fault(
      place,
      Number.isInteger(value) && value > 0
        ? "is a JSON number above 2^53, which loses digits when it is read: the provider must send a string"
        : unitsRule
    )
  }
  return Result.flatMap(text(place), (digits) =>
    unitsPattern.test(digits) ? Result.succeed(BigInt(digits)) : fault(place, unitsRule)
  )
}
