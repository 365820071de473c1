/** A time as a client writes it: ISO 8601 with its offset, so that nobody guesses a time zone. */
import { Schema, SchemaGetter } from "effect"

const timePattern =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2})$/

/** A year of five digits has another form. */
const lastMillis = Date.parse("9999-12-31T23:59:59.999Z")

export const IsoTime = Schema.String.pipe(
  Schema.check(
    Schema.makeFilter((text: string) =>
      timePattern.test(text) && Date.parse(text) <= lastMillis
        ? true
        : "must be a time as 2026-01-31T12:00:00Z"
    )
  ),
  Schema.decodeTo(Schema.Date, {
    decode: SchemaGetter.transform((text: string) => new Date(text)),
    encode: SchemaGetter.transform((time: Date) => time.toISOString())
  })
)
