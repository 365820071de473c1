/** Solana and every cluster that speaks its JSON-RPC, told apart by the hash of its first block. */
import { Schema } from "effect"
import { parseExactJson } from "../../domain/exact-json.ts"
import type { ChainFamily } from "../family.ts"
import { defaultLimits, makeJsonRpc } from "../rpc/json-rpc.ts"
import { makeSolanaScanner } from "./solana-scanner.ts"
import { makeSolanaValidator } from "./solana-validator.ts"

/** An endpoint's text stands in an error: it must not be of any length, nor repeat what was sent. */
const GenesisHash = Schema.String.pipe(
  Schema.check(Schema.isPattern(/^[1-9A-HJ-NP-Za-km-z]{32,44}$/))
)

/** About a minute. */
const maxLagSlots = 150

export const solana: ChainFamily = {
  client: (chain, endpoint, position) =>
    makeJsonRpc(chain, endpoint, position, defaultLimits, parseExactJson),
  chainIdOf: (endpoint) => endpoint.call("getGenesisHash", [], GenesisHash),
  defaultMaxLag: maxLagSlots,
  makeValidator: makeSolanaValidator,
  makeScanner: makeSolanaScanner
}
