/**
 * Reads values of surehook.yaml one by one, and keeps everything that is wrong with them.
 *
 * Each value is decoded by itself, so that a fault in one does not hide those of others. No message
 * holds a value: any string of the file may be a secret.
 */
import { Result, Schema, SchemaIssue } from "effect"
import { type ConfigProblem, formatKeyPath, type KeyPath } from "./key-path.ts"
import { suggestion } from "./nearest-name.ts"
import { unquotedReferenceMessage } from "./yaml-text.ts"

export type Mapping = Readonly<Record<string, unknown>>
type Decodable = Schema.ConstraintDecoder<unknown>

export class ConfigReader {
  readonly problems: Array<ConfigProblem> = []

  refuse(path: KeyPath, message: string): void {
    this.problems.push({ path, message })
  }

  /** The value as a mapping; refuses each key that is not known. */
  mapping(path: KeyPath, value: unknown, known: ReadonlyArray<string>): Mapping | undefined {
    if (!isMapping(value)) {
      const wrong = value === null ? "is empty: it needs" : "must be a mapping with"
      this.refuse(path, `${wrong} the keys ${known.join(", ")}`)
      return undefined
    }
    for (const key of Object.keys(value)) {
      if (!known.includes(key)) {
        const message = key.includes("${") ? unquotedReferenceMessage : suggestion(key, known)
        this.refuse([...path, key], `unknown key; ${message}`)
      }
    }
    return value
  }

  /** The entries of the mapping under `key`, whose names the user chose. */
  entriesAt(
    path: KeyPath,
    parent: Mapping,
    key: string,
    atLeastOne?: string
  ): ReadonlyArray<readonly [string, unknown]> {
    const value = this.present(path, parent, key)
    if (value === undefined) return []
    if (value !== null && !isMapping(value)) {
      this.refuse([...path, key], "must be a mapping: a name, a colon and what it stands for")
      return []
    }
    const entries = Object.entries(value ?? {})
    if (entries.length === 0 && (atLeastOne !== undefined || value === null)) {
      this.refuse([...path, key], emptyMessage(atLeastOne, "{}"))
    }
    return entries
  }

  itemsAt(
    path: KeyPath,
    parent: Mapping,
    key: string,
    atLeastOne?: string
  ): ReadonlyArray<unknown> {
    const value = this.present(path, parent, key)
    if (value === undefined) return []
    if (value !== null && !Array.isArray(value)) {
      this.refuse([...path, key], "must be a list")
      return []
    }
    const items: ReadonlyArray<unknown> = value ?? []
    if (items.length === 0 && (atLeastOne !== undefined || value === null)) {
      this.refuse([...path, key], emptyMessage(atLeastOne, "[]"))
    }
    return items
  }

  present(path: KeyPath, parent: Mapping, key: string): unknown {
    if (!Object.hasOwn(parent, key)) this.refuse([...path, key], "is missing")
    return parent[key]
  }

  field<S extends Decodable>(
    schema: S,
    path: KeyPath,
    parent: Mapping,
    key: string
  ): S["Type"] | undefined {
    const value = this.present(path, parent, key)
    return value === undefined ? undefined : this.value(schema, [...path, key], value)
  }

  /** The same for a key that may be left out. */
  optionalField<S extends Decodable>(
    schema: S,
    path: KeyPath,
    parent: Mapping,
    key: string
  ): S["Type"] | undefined {
    return Object.hasOwn(parent, key) ? this.field(schema, path, parent, key) : undefined
  }

  /** Some keys of a mapping at once, by a schema of all of them. */
  fields<S extends Schema.ConstraintDecoder<unknown>>(
    schema: S,
    path: KeyPath,
    parent: Mapping,
    keys: ReadonlyArray<string>
  ): void {
    const present = keys.filter((key) => Object.hasOwn(parent, key))
    const picked = Object.fromEntries(present.map((key) => [key, parent[key]]))
    const decoded = Schema.decodeUnknownResult(schema)(picked, strictly)
    if (Result.isSuccess(decoded)) return
    for (const issue of formatIssues(decoded.failure.issue).issues) {
      const below = (issue.path ?? []).map((key) => (typeof key === "object" ? key.key : key))
      this.refuse(
        [...path, ...below.map((key) => (typeof key === "number" ? key : String(key)))],
        issue.message
      )
    }
  }

  value<S extends Decodable>(schema: S, path: KeyPath, value: unknown): S["Type"] | undefined {
    if (value === null) {
      this.refuse(path, "is empty")
      return undefined
    }
    const decoded = Schema.decodeUnknownResult(schema)(value)
    if (Result.isSuccess(decoded)) return decoded.success
    const [issue] = formatIssues(decoded.failure.issue).issues
    this.refuse(path, issue?.message ?? "is not valid")
    return undefined
  }
}

/** Who came first with each of some things that must be unique. */
export class FirstPlaces {
  private readonly places = new Map<string, string>()

  /** The place that had it before; undefined if `path` is the first. */
  claim(thing: string, path: KeyPath): string | undefined {
    const first = this.places.get(thing)
    if (first === undefined) this.places.set(thing, formatKeyPath(path))
    return first
  }
}

const emptyMessage = (atLeastOne: string | undefined, none: string): string =>
  atLeastOne === undefined
    ? `is empty: write ${none} if there are none`
    : `is empty: it needs at least one ${atLeastOne}`

const strictly = { errors: "all", onExcessProperty: "error" } as const

const formatIssues = SchemaIssue.makeFormatterStandardSchemaV1({
  leafHook: (issue) => {
    switch (issue._tag) {
      case "MissingKey":
        return "is missing"
      case "UnexpectedKey":
        return "unknown key"
      case "InvalidType":
        if (issue.ast._tag === "String" && issue.ast.annotations?.message === undefined) {
          return "must be a string (in quotes, if it looks like a number)"
        }
    }
    return SchemaIssue.defaultLeafHook(issue)
  }
})

export const isMapping = (value: unknown): value is Mapping =>
  typeof value === "object" && value !== null && !Array.isArray(value)

export const wholeNumberRule = (minimum: number, maximum: number) =>
  `must be a whole number from ${minimum} to ${maximum}`

/** A whole number, also as the digits that `${NAME}` brings from the environment. */
export const WholeNumber = (minimum: number, maximum: number, message: string) =>
  Schema.Union([
    Schema.Number,
    Schema.String.pipe(
      Schema.check(Schema.isPattern(/^\d{1,16}$/)),
      Schema.decodeTo(Schema.NumberFromString)
    )
  ])
    .annotate({ message })
    .pipe(
      Schema.check(
        Schema.makeFilter((value: number) =>
          Number.isSafeInteger(value) && value >= minimum && value <= maximum ? true : message
        )
      )
    )
