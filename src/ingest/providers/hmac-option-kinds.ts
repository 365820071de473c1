/** The kinds of values that options have, each with the words for what it must be. */
import { Schema, SchemaTransformation } from "effect"

/** Refuses keys that it does not know: a mistyped `prefx` would else be no prefix. */
export const mapping = <const F extends Schema.Struct.Fields>(fields: F) => {
  const known = Object.keys(fields)
  const onlyKnown = Schema.makeFilter((value: Readonly<Record<string, unknown>>) =>
    Object.keys(value)
      .filter((key) => !known.includes(key))
      .map((key) => ({ path: [key], issue: `unknown key; there are ${known.join(", ")}` }))
  )
  return Schema.Record(Schema.String, Schema.Unknown)
    .annotate({ message: `must be a mapping with the keys ${known.join(", ")}` })
    .pipe(
      Schema.check(onlyKnown),
      Schema.decodeTo(Schema.Struct(fields), SchemaTransformation.passthrough({ strict: false }))
    )
}

export const oneOf = <const L extends ReadonlyArray<string>>(...words: L) =>
  Schema.Literals(words).annotate({ message: `must be one of ${words.join(", ")}` })

export const text = (what: string, problem: (text: string) => string | undefined) =>
  Schema.String.annotate({ message: what }).pipe(
    Schema.check(Schema.makeFilter((value: string) => problem(value) ?? true))
  )
