/**
 * Reads JSON without rounding its integers: lamports are u64, and a JavaScript number is exact up to
 * 2^53 only, which is nine million SOL. Larger ones come as their digits.
 */
import type { Schema } from "effect"

/** The third argument of a reviver has the text of a primitive, see https://tc39.es/proposal-json-parse-with-source/. */
interface Source {
  readonly source?: string
}

const exact = (_key: string, value: unknown, context?: Source): unknown => {
  if (typeof value !== "number" || Number.isSafeInteger(value)) return value
  const digits = context?.source
  return digits !== undefined && /^-?\d+$/.test(digits) ? digits : value
}

export const parseExactJson = (text: string): Schema.Json => JSON.parse(text, exact)
