/** Reads a body as a source's options describe it: which event it is, and its transfers. */
import { Result, type Schema } from "effect"
import type { ChainConfig } from "../../config/chain-config.ts"
import type { Source } from "../../config/surehook-config.ts"
import type { ChainName } from "../../domain/chain.ts"
import { fieldPath } from "../fields.ts"
import type { Announcement, Ignored } from "../provider.ts"
import { allOrFaults } from "./fault-paths.ts"
import type { HmacOptions } from "./hmac-options.ts"
import { at, fault, isAmong, type Read, word } from "./hmac-places.ts"
import type { Place } from "./hmac-pointer.ts"
import { type TransferContext, transferOf } from "./hmac-transfer.ts"

/** As many as the route takes in one call: what is more is not even looked at. */
const maxItems = 1_000
const maxIdLength = 256

export const hmacDecoder =
  (
    options: HmacOptions,
    networks: Source["networks"],
    chains: ReadonlyMap<ChainName, ChainConfig>
  ) =>
  (json: Schema.Json, headerId: string | undefined): Read<Announcement> => {
    const body: Place = { keys: [], value: json }
    const nothing = { message_id: null, transfers: [], ignored: [] }
    return Result.flatMap(eventOf(options.event, body), (event): Read<Announcement> => {
      if (event._tag === "Test") return Result.succeed({ ...nothing, is_test: true })
      if (event._tag === "Other") return Result.succeed({ ...nothing, ignored: [event.ignored] })
      return Result.map(
        Result.all([
          messageId(options, body, headerId),
          transfersOf({ fields: options.fields, networks, chains }, body)
        ]),
        ([message_id, parts]) => ({ message_id, ...parts })
      )
    })
  }

const messageId = (
  { message_id }: HmacOptions,
  body: Place,
  headerId: string | undefined
): Read<string | null> => {
  const id =
    message_id?.pointer === undefined
      ? Result.succeed(headerId ?? "")
      : word(at(message_id.pointer, { body, item: body }))
  return Result.map(id, (known) => (known === "" || known.length > maxIdLength ? null : known))
}

type Event =
  | { readonly _tag: "Deposits" }
  | { readonly _tag: "Test" }
  | { readonly _tag: "Other"; readonly ignored: Ignored }

const eventOf = (event: HmacOptions["event"], body: Place): Read<Event> => {
  if (event === undefined) return Result.succeed({ _tag: "Deposits" })
  const place = at(event.pointer, { body, item: body })
  return Result.map(word(place), (name): Event => {
    if (isAmong(event.deposits, name)) return { _tag: "Deposits" }
    if (isAmong(event.test, name)) return { _tag: "Test" }
    return {
      _tag: "Other",
      ignored: {
        path: fieldPath(place.keys),
        reason: "not_a_transfer",
        detail: "the event is not among those that surehook.yaml names as this source's deposits"
      }
    }
  })
}

const transfersOf = (
  context: TransferContext,
  body: Place
): Read<Pick<Announcement, "transfers" | "ignored">> =>
  itemsOf(context.fields, body).pipe(
    Result.flatMap((items) => allOrFaults(items, (item) => transferOf(context, { body, item }))),
    Result.map((all) => ({
      transfers: all.flatMap((one) => ("claim" in one ? [one] : [])),
      ignored: all.flatMap((one) => ("claim" in one ? [] : [one]))
    }))
  )

const itemsOf = ({ items }: HmacOptions["fields"], body: Place): Read<ReadonlyArray<Place>> => {
  if (items === undefined) return Result.succeed([body])
  const place = at(items, { body, item: body })
  const { keys, value } = place
  if (!Array.isArray(value)) {
    return fault(place, value === undefined ? "is missing" : "must be a list")
  }
  return value.length > maxItems
    ? fault(
        place,
        `holds ${value.length} items, and ${maxItems} are allowed: send them in several calls`
      )
    : Result.succeed(value.map((item, index) => ({ keys: [...keys, index], value: item })))
}
