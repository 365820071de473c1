/** Ethereum and all chains that speak its JSON-RPC: Polygon, Base, Arbitrum, BNB and any other by chain id. */
import type { ChainFamily } from "../family.ts"
import { makeJsonRpc } from "../rpc/json-rpc.ts"
import { Height } from "./answers.ts"
import { makeEvmScanner } from "./evm-scanner.ts"
import { makeEvmValidator } from "./evm-validator.ts"

export const evm: ChainFamily = {
  client: makeJsonRpc,
  chainIdOf: (endpoint) => endpoint.call("eth_chainId", [], Height),
  defaultMaxLag: 20,
  makeValidator: makeEvmValidator,
  makeScanner: makeEvmScanner
}
