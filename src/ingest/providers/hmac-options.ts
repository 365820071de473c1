/**
 * The options of a source whose provider is `hmac`, and all that can be wrong with them. What they
 * mean stands in hmac.ts.
 */
import { Duration, Predicate, Result, Schema } from "effect"
import { mapping, oneOf, text } from "./hmac-option-kinds.ts"
import { pointerProblem } from "./hmac-pointer.ts"
import { headerPattern, parseTemplate, type SignedPart } from "./hmac-template.ts"

export const defaultTolerance = "5m"
export const defaultSigned = "{body}"
/** What stands for the native coin where a contract would stand, if the options say nothing else. */
export const nativeWord = "native"
const maxTolerance = Duration.hours(1)
const maxTextLength = 256
const maxListed = 100

type Path = ReadonlyArray<string>
type OptionFault = { readonly path: Path; readonly issue: string }

const headerRule = "must be the name of a header, such as x-signature"
const Header = text(headerRule, (name) => (headerPattern.test(name) ? undefined : headerRule))

const affixRule = `must have 1 to ${maxTextLength} characters`
const Prefix = text(affixRule, (prefix) =>
  prefix.length >= 1 && prefix.length <= maxTextLength ? undefined : affixRule
)
const separatorRule = 'must be one character, such as ","'
const Separator = text(separatorRule, ({ length }) => (length === 1 ? undefined : separatorRule))

const SignedTemplate = text("must be a text, such as {timestamp}.{body}", (template) =>
  template.length > maxTextLength
    ? `must have at most ${maxTextLength} characters`
    : Result.match(parseTemplate(template), {
        onFailure: (fault) => fault,
        onSuccess: () => undefined
      })
)

const toleranceRule = "must be a duration from 1s to 1h, such as 30s or 5m"
const durationOf = { s: Duration.seconds, m: Duration.minutes, h: Duration.hours }

/** Undefined if the text is no duration within the limits. */
export const parseTolerance = (tolerance: string): Duration.Duration | undefined => {
  const [, count, unit] = /^([1-9]\d{0,3})([smh])$/.exec(tolerance) ?? []
  if (unit !== "s" && unit !== "m" && unit !== "h") return undefined
  const duration = durationOf[unit](Number(count))
  return Duration.isLessThanOrEqualTo(duration, maxTolerance) ? duration : undefined
}

const Tolerance = text(toleranceRule, (tolerance) =>
  parseTolerance(tolerance) === undefined ? toleranceRule : undefined
)

const pointerRule = "must be a JSON Pointer, such as /data/hash"
const Pointer = text(pointerRule, pointerProblem)
/** For what belongs to the whole call. */
const BodyPointer = text(
  pointerRule,
  (pointer) =>
    pointerProblem(pointer) ?? (pointer.startsWith(".") ? "must start with /" : undefined)
)

const Value = Schema.Union([Schema.String, Schema.Finite, Schema.Boolean]).annotate({
  message: "must be a text, a number, true or false"
})
const valuesRule = `must be a list of 1 to ${maxListed} values`
const Values = Schema.Array(Value)
  .annotate({ message: valuesRule })
  .pipe(
    Schema.check(
      Schema.makeFilter(({ length }) => (length >= 1 && length <= maxListed ? true : valuesRule))
    )
  )

const AnyText = Schema.String.annotate({ message: "must be a text" })

const Network = Schema.Union([Pointer, mapping({ value: AnyText })]).annotate({
  message: "must be a JSON Pointer, such as /network, or { value: … } for a constant"
})

const nativeRule = 'must be a list of texts and null, such as ["", "native", null]'

const tokenRule = "must have either pointer (and native beside it) or value"

const Token = Schema.Union([
  Pointer,
  mapping({
    pointer: Schema.optionalKey(Pointer),
    native: Schema.optionalKey(
      Schema.Array(Schema.NullOr(Schema.String)).annotate({ message: nativeRule })
    ),
    value: Schema.optionalKey(AnyText)
  }).pipe(
    Schema.check(
      Schema.makeFilter(({ native, pointer, value }) =>
        (pointer === undefined) === (value === undefined) ||
        (native !== undefined && pointer === undefined)
          ? tokenRule
          : true
      )
    )
  )
]).annotate({
  message:
    'must be a JSON Pointer to the contract, { pointer: /contract, native: ["", null] }, or { value: … } for a constant'
})

const statusLists = ["confirmed", "removed", "dropped", "failed"] as const

const Status = mapping({
  pointer: Pointer,
  confirmed: Schema.optionalKey(Values),
  removed: Schema.optionalKey(Values),
  dropped: Schema.optionalKey(Values),
  failed: Schema.optionalKey(Values)
}).pipe(
  Schema.check(
    Schema.makeFilter((status) => {
      const all = statusLists.flatMap((list) => status[list] ?? []).map(String)
      if (all.length === 0) return `must have at least one of ${statusLists.join(", ")}`
      return new Set(all).size === all.length
        ? true
        : "has one value in two places: each means one thing"
    })
  )
)

/** Every pointer of the map but that of the list, with its key. */
export const pointersOf = (
  fields: object
): ReadonlyArray<readonly [path: Path, pointer: string]> => {
  const entries: ReadonlyArray<readonly [string, unknown]> = Object.entries(fields)
  return entries.flatMap(([key, field]): ReadonlyArray<readonly [Path, string]> => {
    if (key === "items" || key === "amount_unit") return []
    if (Predicate.isString(field)) return [[[key], field]]
    return Predicate.hasProperty(field, "pointer") && Predicate.isString(field.pointer)
      ? [[[key, "pointer"], field.pointer]]
      : []
  })
}

const Fields = mapping({
  items: Schema.optionalKey(Pointer),
  network: Network,
  tx_hash: Pointer,
  token: Token,
  amount: Pointer,
  amount_unit: oneOf("units", "tokens"),
  to_address: Pointer,
  from_address: Schema.optionalKey(Pointer),
  transfer_index: Schema.optionalKey(Pointer),
  status: Schema.optionalKey(Status)
}).pipe(
  Schema.check(
    Schema.makeFilter((fields): ReadonlyArray<OptionFault> => {
      const relative = pointersOf(fields).filter(([, pointer]) => pointer.startsWith("."))
      if (fields.items === undefined) {
        return relative.map(([path]) => ({
          path,
          issue:
            "starts with a point, which stands for an item of the list that `items` names: name the list there, or start with /"
        }))
      }
      if (fields.items.startsWith(".")) {
        return [
          { path: ["items"], issue: "must start with /: a list is found from the body's root" }
        ]
      }
      return relative.length > 0
        ? []
        : [
            {
              path: ["items"],
              issue:
                "no field is taken from the list's items: let its pointer start with ./ (as ./hash), since one that starts with / is from the body's root"
            }
          ]
    })
  )
)

const Signature = mapping({
  header: Header,
  algorithm: oneOf("sha256", "sha512", "sha1"),
  encoding: oneOf("hex", "base64"),
  prefix: Schema.optionalKey(Prefix),
  separator: Schema.optionalKey(Separator),
  signed: Schema.optionalKey(SignedTemplate),
  secret_encoding: Schema.optionalKey(oneOf("utf8", "hex", "base64"))
})

const Timestamp = mapping({
  header: Header,
  prefix: Schema.optionalKey(Prefix),
  separator: Schema.optionalKey(Separator),
  format: oneOf("seconds", "milliseconds", "iso8601"),
  tolerance: Schema.optionalKey(Tolerance)
})

const MessageId = mapping({
  header: Schema.optionalKey(Header),
  pointer: Schema.optionalKey(BodyPointer)
}).pipe(
  Schema.check(
    Schema.makeFilter(({ header, pointer }) =>
      (header === undefined) === (pointer === undefined)
        ? "must have either header or pointer"
        : true
    )
  )
)

const Event = mapping({
  pointer: BodyPointer,
  deposits: Values,
  test: Schema.optionalKey(Values)
})

export const HmacOptions = Schema.Struct({
  signature: Signature,
  timestamp: Schema.optionalKey(Timestamp),
  message_id: Schema.optionalKey(MessageId),
  event: Schema.optionalKey(Event),
  fields: Fields
}).pipe(
  Schema.check(
    Schema.makeFilter(({ message_id, signature, timestamp }): ReadonlyArray<OptionFault> => {
      const template = parseTemplate(signature.signed ?? defaultSigned)
      const parts = Result.getOrElse(template, () => [])
      const idHeader = message_id?.header
      const signs = (tag: SignedPart["_tag"], header: string | undefined) =>
        parts.some(
          (part) =>
            part._tag === tag || (part._tag === "Header" && part.name === header?.toLowerCase())
        )
      const faults: Array<OptionFault> = []
      if (timestamp === undefined && signs("Timestamp", undefined)) {
        faults.push({
          path: ["timestamp"],
          issue: "is missing: {timestamp} is signed, so say in which header it stands"
        })
      }
      if (timestamp !== undefined && !signs("Timestamp", timestamp.header)) {
        faults.push({
          path: ["timestamp"],
          issue:
            "is not signed, so that who replays a call could change it: put {timestamp} into signature.signed if the provider signs it, else leave `timestamp` out"
        })
      }
      if (idHeader === undefined && signs("Id", undefined)) {
        faults.push({
          path: ["message_id"],
          issue: "must be { header: … }: {id} is signed, so say in which header it stands"
        })
      }
      if (idHeader !== undefined && !signs("Id", idHeader)) {
        faults.push({
          path: ["message_id"],
          issue:
            "is not signed, so that who replays a call could change it: put {id} into signature.signed if the provider signs it, else take the id from the body with { pointer: … }, or leave it out"
        })
      }
      return faults
    })
  )
)
export type HmacOptions = typeof HmacOptions.Type
