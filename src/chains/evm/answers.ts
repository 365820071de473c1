/** What an EVM node answers, decoded: quantities as bigints, heights as safe integers, hex in lower case. */
import { Schema, SchemaTransformation } from "effect"
import { Address, canonicalAddress } from "../../domain/chain.ts"

/** JSON-RPC writes numbers as hex texts. */
export const Quantity = Schema.String.pipe(
  Schema.check(Schema.isPattern(/^0x[0-9a-fA-F]{1,64}$/)),
  Schema.decodeTo(
    Schema.BigInt,
    SchemaTransformation.transform({
      decode: (hex) => BigInt(hex),
      encode: (value) => `0x${value.toString(16)}`
    })
  )
)

/** Block heights, times and log indexes: 13 hex digits are exact in a double. */
export const Height = Schema.String.pipe(
  Schema.check(Schema.isPattern(/^0x[0-9a-fA-F]{1,13}$/)),
  Schema.decodeTo(
    Schema.Int,
    SchemaTransformation.transform({
      decode: (hex) => Number(hex),
      encode: (value) => `0x${value.toString(16)}`
    })
  )
)

const lowerCase = SchemaTransformation.transform({
  decode: (text: string) => text.toLowerCase(),
  encode: (text: string) => text
})

export const Hex = Schema.String.pipe(
  Schema.check(Schema.isPattern(/^0x[0-9a-fA-F]*$/)),
  Schema.decodeTo(Schema.String, lowerCase)
)
export const Hash = Schema.String.pipe(
  Schema.check(Schema.isPattern(/^0x[0-9a-fA-F]{64}$/)),
  Schema.decodeTo(Schema.String, lowerCase)
)
export const EvmAddress = Schema.String.pipe(
  Schema.check(Schema.isPattern(/^0x[0-9a-fA-F]{40}$/)),
  Schema.decodeTo(
    Address,
    SchemaTransformation.transform({
      decode: (text) => canonicalAddress("evm", text) ?? text,
      encode: (address) => address
    })
  )
)

export const Log = Schema.Struct({
  address: EvmAddress,
  topics: Schema.Array(Hex),
  data: Hex,
  logIndex: Height
})
export type Log = typeof Log.Type

/** A log of `eth_getLogs`, which says itself where it stands. */
export const PlacedLog = Schema.Struct({
  ...Log.fields,
  transactionHash: Hash,
  blockNumber: Height,
  /** Whether a reorg has undone it. */
  removed: Schema.optionalKey(Schema.NullOr(Schema.Boolean))
})
export type PlacedLog = typeof PlacedLog.Type

export const Receipt = Schema.Struct({
  transactionHash: Hash,
  blockHash: Hash,
  blockNumber: Height,
  status: Height,
  gasUsed: Quantity,
  logs: Schema.Array(Log)
})
export type Receipt = typeof Receipt.Type

export const Transaction = Schema.Struct({
  hash: Hash,
  from: EvmAddress,
  /** Null when the transaction creates a contract. */
  to: Schema.NullOr(EvmAddress),
  value: Quantity,
  /** Null or absent while it waits in the mempool. */
  blockNumber: Schema.optionalKey(Schema.NullOr(Height))
})
export type Transaction = typeof Transaction.Type

export const Block = Schema.Struct({
  number: Height,
  hash: Hash,
  /** Seconds since 1970. */
  timestamp: Height
})
export type Block = typeof Block.Type

export const AnyObject = Schema.Record(Schema.String, Schema.Unknown)

/** With its whole transactions, which are decoded one by one: chains have kinds of their own. */
export const FullBlock = Schema.Struct({ ...Block.fields, transactions: Schema.Array(AnyObject) })
export type FullBlock = typeof FullBlock.Type

/** With the hashes of its transactions. */
export const ListedBlock = Schema.Struct({ ...Block.fields, transactions: Schema.Array(Hash) })

/** One call of a transaction, as `callTracer` reports it. Its `calls` are decoded one by one, for they nest deeply. */
export const CallFrame = Schema.Struct({
  type: Schema.String,
  from: EvmAddress,
  to: Schema.optionalKey(Schema.NullOr(EvmAddress)),
  value: Schema.optionalKey(Schema.NullOr(Quantity)),
  error: Schema.optionalKey(Schema.NullOr(Schema.String)),
  revertReason: Schema.optionalKey(Schema.NullOr(Schema.String)),
  calls: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.Unknown)))
})
export type CallFrame = typeof CallFrame.Type
