/**
 * What JavaScript can say and Postgres cannot store, replaced before it reaches a batch.
 *
 * A provider's body or an endpoint's error may hold U+0000, half of a surrogate pair, or arrays
 * nested a thousand deep. Postgres refuses the statement that holds such a value, and with it
 * every other deposit of the batch.
 */

/** Postgres parses nested JSON on its stack, and so do we. */
const maxDepth = 64

/** The value itself if Postgres can store it, else a copy with U+FFFD for what it cannot. */
export function storable<A>(value: A): A
export function storable(value: unknown): unknown {
  // Almost every value is storable, and the look is five times cheaper than a copy.
  return isStorable(value, 0) ? value : mended(value, 0)
}

const isStorableText = (text: string): boolean => text.isWellFormed() && !text.includes("\u0000")

const isStorable = (value: unknown, depth: number): boolean => {
  if (typeof value === "string") return isStorableText(value)
  if (typeof value === "number") return Number.isFinite(value)
  if (typeof value !== "object" || value === null) return true
  if (depth === maxDepth) return false
  if (Array.isArray(value)) return value.every((item) => isStorable(item, depth + 1))
  for (const name of Object.keys(value)) {
    if (!isStorableText(name) || !isStorable(Reflect.get(value, name), depth + 1)) return false
  }
  return true
}

const mendedText = (text: string): string => text.toWellFormed().replaceAll("\u0000", "\ufffd")

const mended = (value: unknown, depth: number): unknown => {
  if (typeof value === "string") return mendedText(value)
  if (typeof value === "number") return Number.isFinite(value) ? value : null
  if (typeof value !== "object" || value === null) return value
  if (depth === maxDepth) return "(nested too deep)"
  if (Array.isArray(value)) return value.map((item) => mended(item, depth + 1))
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [mendedText(name), mended(member, depth + 1)])
  )
}
