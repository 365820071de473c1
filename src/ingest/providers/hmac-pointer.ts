/**
 * Where a field stands in a body: a JSON Pointer, https://www.rfc-editor.org/rfc/rfc6901
 *
 *     /data/hash      from the root of the body
 *     ./hash          from the item of the list that `items` names; `.` is the item itself
 *     /a~1b/m~0n/0    the member "a/b", its member "m~n", the first element of that
 */
import { Predicate, type Schema } from "effect"

const maxPointerLength = 256

export interface Pointer {
  readonly from: "body" | "item"
  readonly tokens: ReadonlyArray<string>
}

/** In words why this is not a pointer; undefined if it is one. */
export const pointerProblem = (text: string): string | undefined => {
  if (text.length > maxPointerLength) return `must have at most ${maxPointerLength} characters`
  if (!/^(?:\.?(?:\/|$))/.test(text)) {
    return "must be a JSON Pointer, such as /data/hash from the body's root, or ./hash from the item's: it starts with / or ./"
  }
  return /~(?![01])/.test(text)
    ? "has a ~ that is not ~0 (for the character ~) or ~1 (for the character /)"
    : undefined
}

/** Of a text without a problem. */
export const parsePointer = (text: string): Pointer => {
  const isOfItem = text.startsWith(".")
  const [, ...tokens] = (isOfItem ? text.slice(1) : text).split("/")
  return {
    from: isOfItem ? "item" : "body",
    // In this order, so that ~01 is ~1 and not /.
    tokens: tokens.map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"))
  }
}

/** A value and the keys that lead to it from the body's root. */
export interface Place {
  readonly keys: ReadonlyArray<string | number>
  /** Undefined if there is nothing. */
  readonly value: Schema.Json | undefined
}

export const follow = (tokens: ReadonlyArray<string>, start: Place): Place =>
  tokens.reduce(step, start)

const step = ({ keys, value }: Place, token: string): Place => {
  if (Array.isArray(value)) {
    // Neither `-`, which is behind the end, nor 01, which would be a second name of an element.
    const isIndex = /^(?:0|[1-9]\d{0,8})$/.test(token)
    const index = Number(token)
    return isIndex
      ? { keys: [...keys, index], value: value[index] }
      : { keys: [...keys, token], value: undefined }
  }
  const isMember = isJsonObject(value) && Object.hasOwn(value, token)
  return { keys: [...keys, token], value: isMember ? value[token] : undefined }
}

const isJsonObject = (value: Schema.Json | undefined): value is Schema.JsonObject =>
  Predicate.isObject(value) && !Array.isArray(value)
