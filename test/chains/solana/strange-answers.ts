/** Answers to `getTransaction` that no honest node gives: any JSON, and a real answer spoilt in one place. */
import { Schema } from "effect"
import * as fc from "fast-check"

type Path = ReadonlyArray<string | number>

const anyJson = fc
  .jsonValue({ maxDepth: 2 })
  .map((value) => Schema.decodeUnknownSync(Schema.Json)(value))

export const strangeAnswers = (real: Schema.Json): fc.Arbitrary<Schema.Json> =>
  fc.oneof(
    anyJson,
    fc
      .tuple(fc.constantFrom(...pathsOf(real)), anyJson)
      .map(([path, value]) => replaced(real, path, value))
  )

/** Every place in a JSON value, its root left out. */
const pathsOf = (value: Schema.Json, path: Path = []): ReadonlyArray<Path> => {
  if (typeof value !== "object" || value === null) return [path]
  const children = Array.isArray(value) ? [...value.entries()] : Object.entries(value)
  return [
    ...(path.length === 0 ? [] : [path]),
    ...children.flatMap(([key, child]) => pathsOf(child, [...path, key]))
  ]
}

/** The value with another in one place. */
const replaced = (value: Schema.Json, path: Path, by: Schema.Json): Schema.Json => {
  const [key, ...rest] = path
  if (key === undefined) return by
  if (Array.isArray(value)) {
    return value.map((child, index) => (index === key ? replaced(child, rest, by) : child))
  }
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, child]) => [
      name,
      name === key ? replaced(child, rest, by) : child
    ])
  )
}

const Balances = Schema.Array(
  Schema.Struct({
    accountIndex: Schema.Json,
    mint: Schema.Json,
    owner: Schema.Json,
    uiTokenAmount: Schema.Struct({ amount: Schema.Json, decimals: Schema.Json })
  })
)
/** All of a transaction that decides about a credit of tokens. */
const decideAbout = Schema.decodeUnknownOption(
  Schema.Struct({
    slot: Schema.Json,
    transaction: Schema.Struct({
      signatures: Schema.Json,
      message: Schema.Struct({ accountKeys: Schema.Json })
    }),
    meta: Schema.Struct({
      err: Schema.Json,
      preTokenBalances: Balances,
      postTokenBalances: Balances
    })
  })
)

export const isHarmless = (answer: Schema.Json, real: Schema.Json): boolean =>
  JSON.stringify(decideAbout(answer)) === JSON.stringify(decideAbout(real))
