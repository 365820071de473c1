/**
 * RFC 8785, the JSON Canonicalization Scheme: one text for each JSON value.
 *
 * Members are sorted by UTF-16 code units, there is no white space, and numbers and strings are
 * written as ECMAScript writes them. Ours, because every event passes here: it is twice as fast
 * as the `canonicalize` package, against which the tests compare it.
 */
import { Schema } from "effect"

/** A value without a canonical form: undefined, a lone surrogate, an infinite number. */
export class NotCanonical extends Schema.TaggedError<NotCanonical>()("NotCanonical", {
  message: Schema.String
}) {}

/** Throws NotCanonical. */
export const canonicalJson = (value: Schema.Json): string => {
  switch (typeof value) {
    case "string":
      return canonicalString(value)
    case "number":
      if (!Number.isFinite(value)) throw new NotCanonical({ message: `${value} is not JSON` })
      return JSON.stringify(value)
    case "boolean":
      return value ? "true" : "false"
    case "object":
      if (value === null) return "null"
      if (isArray(value)) return `[${value.map(canonicalJson).join(",")}]`
      return canonicalObject(value)
    default:
      throw new NotCanonical({ message: `a ${typeof value} is not JSON` })
  }
}

const isArray = (value: Schema.Json): value is Schema.JsonArray => Array.isArray(value)

const canonicalString = (text: string): string => {
  if (!text.isWellFormed()) {
    throw new NotCanonical({ message: "a text holds half of a surrogate pair" })
  }
  return JSON.stringify(text)
}

const canonicalObject = (value: Schema.JsonObject): string => {
  const names = Object.keys(value).sort()
  let text = "{"
  for (const name of names) {
    const member = value[name]
    if (member === undefined) throw new NotCanonical({ message: `"${name}" is undefined` })
    text += `${text.length === 1 ? "" : ","}${canonicalString(name)}:${canonicalJson(member)}`
  }
  return `${text}}`
}
