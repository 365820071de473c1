/**
 * The contract of a family of chains: what is different between Ethereum and Solana, and no more.
 *
 * A family says how its endpoints are spoken to, how one names the chain that it serves, and how a
 * claim is checked. Endpoints, failing over, circuits, limits and quorums are the same for all: `rpc/`.
 */
import type { Effect } from "effect"
import type { ChainConfig, RpcEndpointConfig, TokenConfig } from "../config/chain-config.ts"
import type { ChainName } from "../domain/chain.ts"
import type { TransferClaim } from "../domain/transfer.ts"
import type { Endpoint } from "./rpc/endpoint.ts"
import type { Endpoints } from "./rpc/endpoints.ts"
import type { RpcErrorAnswer } from "./rpc/faults.ts"
import type { RpcClient } from "./rpc/rpc-client.ts"
import type { ChainScanner } from "./scanner.ts"
import type { CircuitsOpen, RpcFailure, RpcRefused, Verdict } from "./validator.ts"

export interface ChainValidator {
  /** `token` is what surehook.yaml says of the claim's token. */
  readonly verify: (
    claim: TransferClaim,
    token: TokenConfig
  ) => Effect.Effect<Verdict, RpcFailure | RpcRefused | CircuitsOpen>
}

export interface ChainFamily {
  /** Speaks with one endpoint, the `position`th of its chain in surehook.yaml. */
  readonly client: (chain: ChainName, endpoint: RpcEndpointConfig, position: number) => RpcClient
  /** What `chain_id` is, as this endpoint says. Nothing else is asked of it before. */
  readonly chainIdOf: (
    endpoint: Endpoint
  ) => Effect.Effect<ChainConfig["chain_id"], RpcFailure | RpcErrorAnswer>
  /** How far an endpoint may be behind the newest block seen, unless the chain's `max_lag` says. */
  readonly defaultMaxLag: number
  /** With a cache of its own, so that what one asks of these endpoints no other answers. */
  readonly makeValidator: (
    chain: ChainConfig,
    endpoints: Endpoints
  ) => Effect.Effect<ChainValidator>
  /** Looks for transfers of which no webhook told. */
  readonly makeScanner: (chain: ChainConfig, endpoints: Endpoints) => Effect.Effect<ChainScanner>
}
