/** Solana and every cluster that speaks its JSON-RPC, told apart by the hash of its first block. */
import { Schema } from "effect"
import { parseExactJson } from "../../domain/exact-json.ts"
import type { ChainFamily } from "../family.ts"
import { defaultLimits, makeJsonRpc } from "../rpc/json-rpc.ts"
import { makeSolanaValidator } from "./solana-validator.ts"

/** About a minute. */
const maxLagSlots = 150

export const solana: ChainFamily = {
  client: (chain, endpoint, position) =>
    makeJsonRpc(chain, endpoint, position, defaultLimits, parseExactJson),
  chainIdOf: (endpoint) => endpoint.call("getGenesisHash", [], Schema.String),
  defaultMaxLag: maxLagSlots,
  makeValidator: makeSolanaValidator
}
