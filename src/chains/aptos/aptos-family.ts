/** Aptos, by the REST API of its fullnodes: https://aptos.dev/build/apis/fullnode-rest-api. */
import { Effect } from "effect"
import type { ChainFamily } from "../family.ts"
import { makeRest } from "../rpc/rest.ts"
import { makeAptosScanner } from "./aptos-scanner.ts"
import { makeAptosValidator } from "./aptos-validator.ts"
import { ledgerInfoOf } from "./calls.ts"

export const aptos: ChainFamily = {
  client: (chain, endpoint, position) => makeRest(chain, endpoint, position, { root: "/v1" }),
  chainIdOf: (endpoint) => Effect.map(ledgerInfoOf(endpoint), ({ chain_id }) => chain_id),
  /** Aptos makes up to ten blocks a second: about twenty seconds. */
  defaultMaxLag: 200,
  makeValidator: (_, endpoints) => makeAptosValidator(endpoints),
  makeScanner: makeAptosScanner
}
