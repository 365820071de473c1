import { Effect } from "effect"
import type { ChainFamily } from "./family.ts"
import { makeJsonRpc } from "./rpc/json-rpc.ts"

export const notYet: ChainFamily = {
  client: makeJsonRpc,
  chainIdOf: () => Effect.succeed(0),
  defaultMaxLag: 0,
  makeValidator: () => Effect.succeed({ verify: () => Effect.die("not yet") })
}
