/** Starknet and the chains that speak its JSON-RPC. */
import type { ChainFamily } from "../family.ts"
import { makeJsonRpc } from "../rpc/json-rpc.ts"
import { ShortString } from "./answers.ts"
import { makeStarknetScanner } from "./starknet-scanner.ts"
import { makeStarknetValidator } from "./starknet-validator.ts"

export const starknet: ChainFamily = {
  client: makeJsonRpc,
  chainIdOf: (endpoint) => endpoint.call("starknet_chainId", [], ShortString),
  defaultMaxLag: 20,
  makeValidator: makeStarknetValidator,
  makeScanner: makeStarknetScanner
}
