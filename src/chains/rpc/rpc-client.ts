/** How an endpoint is spoken to, whatever its protocol: JSON-RPC or REST. */
import type { Effect, Schema } from "effect"
import type { RpcFailure } from "../validator.ts"
import type { RpcErrorAnswer } from "./faults.ts"
import type { RateLimit } from "./rate-limit.ts"

export interface RpcClient {
  /** Host and position, such as `rpc.example.com#0`. */
  readonly name: string
  /**
   * JSON-RPC: a method and its parameters. REST: the path below the endpoint's URL, with nothing in
   * `params`. Calls that name one group and are made at one moment are answered by one node, where
   * the protocol has batches, see `pack`.
   */
  readonly request: (
    method: string,
    params: ReadonlyArray<Schema.Json>,
    group?: string | null
  ) => Effect.Effect<unknown, RpcFailure | RpcErrorAnswer>
  /** In an HTTP request of its own: a slow call must not hold up the others. */
  readonly requestApart: (
    method: string,
    params: ReadonlyArray<Schema.Json>
  ) => Effect.Effect<unknown, RpcFailure | RpcErrorAnswer>
  readonly failure: (message: string) => RpcFailure
  /** Of a client that counts calls itself when it sends them. For others each call counts when it is made. */
  readonly limit?: RateLimit
}
