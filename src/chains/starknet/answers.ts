/**
 * What a Starknet node answers, decoded: felts in canonical form, heights as safe integers.
 *
 * The shapes are those of the JSON-RPC specification, 0.5 to 0.10:
 * https://github.com/starkware-libs/starknet-specs/blob/master/api/starknet_api_openrpc.json
 */
import { Schema, SchemaTransformation } from "effect"
import { canonicalAddress } from "../../domain/chain.ts"

const canonicalFelt = (text: string): string | undefined => canonicalAddress("starknet", text)

/** A number in hex. Nodes write it with or without leading zeros. */
export const Felt = Schema.String.pipe(
  Schema.check(Schema.makeFilter((text: string) => canonicalFelt(text) !== undefined)),
  Schema.decodeTo(
    Schema.String,
    SchemaTransformation.transform({
      decode: (text) => canonicalFelt(text) ?? text,
      encode: (felt) => felt
    })
  )
)

/** Here, unlike on EVM, a JSON number. */
export const Height = Schema.Int.pipe(Schema.check(Schema.isGreaterThanOrEqualTo(0)))

/**
 * Any word, for the specification adds statuses: those that we know to be in a block are believed,
 * and all others wait.
 */
const Status = Schema.String.pipe(Schema.check(Schema.isPattern(/^[A-Z0-9_]{1,32}$/)))

export const Event = Schema.Struct({
  from_address: Felt,
  keys: Schema.Array(Felt),
  data: Schema.Array(Felt)
})
export type Event = typeof Event.Type

/** An event with its place, which is not complete before its block is made. */
export const EmittedEvent = Schema.Struct({
  ...Event.fields,
  transaction_hash: Felt,
  block_hash: Schema.optionalKey(Schema.NullOr(Felt)),
  block_number: Schema.optionalKey(Schema.NullOr(Height))
})

/** A page may be empty and have a next one: nodes limit how many blocks they search for it. */
export const EventsPage = Schema.Struct({
  events: Schema.Array(EmittedEvent),
  /** Of the next page; absent on the last. */
  continuation_token: Schema.optionalKey(Schema.NullOr(Schema.String))
})

export const Receipt = Schema.Struct({
  transaction_hash: Felt,
  finality_status: Status,
  execution_status: Schema.optionalKey(Schema.NullOr(Schema.Literals(["SUCCEEDED", "REVERTED"]))),
  revert_reason: Schema.optionalKey(Schema.NullOr(Schema.String)),
  /** Absent while the transaction is in no block. */
  block_hash: Schema.optionalKey(Schema.NullOr(Felt)),
  block_number: Schema.optionalKey(Schema.NullOr(Height)),
  events: Schema.Array(Event)
})
export type Receipt = typeof Receipt.Type

export const TransactionStatus = Schema.Struct({ finality_status: Status })

/** Its transactions are left out. */
export const Block = Schema.Struct({
  status: Status,
  block_number: Height,
  block_hash: Felt,
  /** Seconds since 1970. */
  timestamp: Height
})
export type Block = typeof Block.Type

const shortStringPattern = /^0x(?:[2-6][0-9a-f]|7[0-9a-e]){1,31}$/

/** A text of up to 31 printable ASCII characters, each a byte of one felt: how a chain's id is written. */
export const ShortString = Felt.pipe(
  Schema.check(Schema.isPattern(shortStringPattern)),
  Schema.decodeTo(
    Schema.String,
    SchemaTransformation.transform({
      decode: (felt) =>
        (felt.slice(2).match(/../g) ?? [])
          .map((byte) => String.fromCharCode(Number.parseInt(byte, 16)))
          .join(""),
      encode: (text) =>
        `0x${[...text].map((character) => character.charCodeAt(0).toString(16)).join("")}`
    })
  )
)
