/** Generators of JSON, rich in what storing and hashing it have trouble with. */
import { Schema } from "effect"

const troublesome = [
  "",
  "\u0000",
  "a\u0000b\ud800",
  "\udc00\ud800",
  "\ud83d",
  "\ud83d\ude00",
  "\ufffe",
  "\ufb33",
  "\u0080",
  "\r\n",
  "\\u0000",
  "'; --",
  "__proto__"
]

export const Text = Schema.Union([Schema.String, Schema.Literals(troublesome)])

/**
 * JSON.parse of the V8 in Node 24 and Deno 2.9 mistakes a member's name that is one escaped
 * character for another: [{"\t":1},{"\\":1}]. Our own names have more.
 */
const isParsedRight = (name: string): boolean =>
  name.length !== 1 || JSON.stringify(name).length === 3

export const Name = Text.pipe(Schema.check(Schema.makeFilter(isParsedRight)))

const Flat = Schema.Union([Text, Schema.Number, Schema.Boolean, Schema.Null, Schema.Array(Text)])

/** An object of objects. */
export const Members = Schema.Record(Name, Schema.Union([Flat, Schema.Record(Name, Flat)]))
