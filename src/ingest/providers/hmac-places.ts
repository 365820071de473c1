/** Reads one value at its place in a body, and says where it stands if it is not what it must be. */
import { Predicate, Result, Schema } from "effect"
import { decoder, fieldPath } from "../fields.ts"
import type { FieldFault } from "../problem.ts"
import { follow, type Place, parsePointer } from "./hmac-pointer.ts"

export type Read<A> = Result.Result<A, ReadonlyArray<FieldFault>>

/** From where the pointers of one transfer start. */
export interface Origin {
  readonly body: Place
  /** The same as the body if the options name no list. */
  readonly item: Place
}

export const fault = (place: Place, message: string) =>
  Result.fail([{ path: fieldPath(place.keys), message }])

export const at = (pointer: string, { body, item }: Origin): Place => {
  const { from, tokens } = parsePointer(pointer)
  return follow(tokens, from === "item" ? item : body)
}

/** What stands there, by a schema; that there is nothing is a fault. */
export const reader = <S extends Schema.ConstraintDecoder<unknown>>(schema: S) => {
  const decode = decoder(schema)
  return (place: Place): Read<S["Type"]> =>
    place.value === undefined
      ? fault(place, "is missing")
      : Result.mapError(decode(place.value), (faults) =>
          faults.map(({ message }) => ({ path: fieldPath(place.keys), message }))
        )
}

export const text = reader(Schema.String)

/** A text, or what a provider may write instead of one: a chain's id, a status by its number. */
export const word = (place: Place): Read<string> =>
  Predicate.isString(place.value) ||
  Number.isSafeInteger(place.value) ||
  Predicate.isBoolean(place.value)
    ? Result.succeed(String(place.value))
    : fault(place, place.value === undefined ? "is missing" : "must be a text or a whole number")

export const isNothing = ({ value }: Place): boolean =>
  value === undefined || value === null || value === ""

export const isAmong = (
  values: ReadonlyArray<string | number | boolean> | undefined,
  name: string
): boolean => values?.some((value) => String(value) === name) ?? false
