/** The parameters of a call to the fake node, and the errors that it knows. */
import { Option, Predicate, Schema } from "effect"
import type { ChainState } from "./starknet-chain.ts"

export type RpcError = { readonly code: number; readonly message: string }

export type Answer = { readonly result: Schema.Json } | { readonly error: RpcError }

/** The specification's own texts. */
export const errors = {
  parse: { code: -32700, message: "Parse error" },
  methodNotFound: { code: -32601, message: "Method not found" },
  invalidParams: { code: -32602, message: "Invalid params" },
  blockNotFound: { code: 24, message: "Block not found" },
  transactionHashNotFound: { code: 29, message: "Transaction hash not found" },
  pageSizeTooBig: { code: 31, message: "Requested page size is too big" },
  invalidContinuationToken: {
    code: 33,
    message: "The supplied continuation token is invalid or unknown"
  },
  tooManyKeys: { code: 34, message: "Too many keys provided in a filter" }
} satisfies Record<string, RpcError>

export const refused = (error: RpcError): Answer => ({ error })

/** By position or by name: nodes take both. */
export const paramOf = (
  params: Schema.Json | undefined,
  position: number,
  name: string
): unknown => {
  if (Array.isArray(params)) return params[position]
  return Predicate.isObject(params) && Predicate.hasProperty(params, name)
    ? params[name]
    : undefined
}

const BlockId = Schema.Union([
  Schema.Struct({ block_number: Schema.Int }),
  Schema.Struct({ block_hash: Schema.String }),
  Schema.Literals(["latest", "l1_accepted", "pre_confirmed"])
])
export type BlockId = typeof BlockId.Type

const decodeBlockId = Schema.decodeUnknownOption(BlockId)

export const blockIdOf = (value: unknown): BlockId | undefined =>
  Option.getOrUndefined(decodeBlockId(value))

/** One above the newest for the block that is being made; undefined if there is no such block. */
export const heightOf = (state: ChainState, id: BlockId): number | undefined => {
  const head = state.blocks.length - 1
  switch (id) {
    case "latest":
      return head
    case "l1_accepted":
      return state.acceptedOnL1
    case "pre_confirmed":
      return head + 1
  }
  const height =
    "block_number" in id
      ? id.block_number
      : state.blocks.findIndex(({ hash }) => hash === id.block_hash)
  return height >= 0 && height <= head ? height : undefined
}
