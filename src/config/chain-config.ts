/** What surehook.yaml says of one chain, decoded. */
import type { Redacted } from "effect"
import type { Address, ChainKind, ChainName } from "../domain/chain.ts"
import type { TokenSymbol } from "../domain/ids.ts"

export interface ChainConfig {
  readonly name: ChainName
  readonly kind: ChainKind
  readonly chain_id: number
  /** At least one. */
  readonly rpc: ReadonlyArray<RpcEndpointConfig>
  /**
   * When a deposit is deep enough to credit: a number of blocks including its own (1 = in the
   * newest block), or one of the chain's own finality tags.
   */
  readonly confirmations: number | "safe" | "finalized"
  readonly tokens: ReadonlyMap<TokenSymbol, TokenConfig>
}

export interface RpcEndpointConfig {
  /** Redacted, because many providers put the key into the path. */
  readonly url: Redacted.Redacted<string>
}

export type TokenConfig =
  | { readonly _tag: "Native"; readonly decimals: number }
  | { readonly _tag: "Contract"; readonly contract: Address; readonly decimals: number }
