/** What surehook.yaml says of one chain, decoded. */
import type { Redacted } from "effect"
import type { Amount } from "../domain/amount.ts"
import type { Address, ChainKind, ChainName } from "../domain/chain.ts"
import type { Environment, TokenSymbol } from "../domain/ids.ts"

export interface ChainConfig {
  readonly name: ChainName
  readonly kind: ChainKind
  /**
   * What an endpoint must name before anything is believed of it. A number on EVM (`eth_chainId`) and
   * Aptos; on Starknet the text that the chain's id encodes (SN_MAIN); on Solana the genesis hash.
   */
  readonly chain_id: number | string
  /** At least one. */
  readonly rpc: ReadonlyArray<RpcEndpointConfig>
  readonly confirmations: Confirmations
  /** An endpoint whose newest block is this many older than the newest seen on the chain is left out. */
  readonly max_lag?: number
  readonly tokens: ReadonlyMap<TokenSymbol, TokenConfig>
  /** Whether the reconciler looks for transfers to registered addresses of which no webhook told. */
  readonly watch?: boolean
  /** In which environment it makes deposits of them; the tenant's only one if it is not set. */
  readonly watch_environment?: Environment
}

/**
 * When a deposit is deep enough to credit: a number of blocks including its own (1 = in the newest
 * block), or one of the chain's own levels of finality.
 *
 * |          | `safe`                          | `finalized`                |
 * |----------|---------------------------------|----------------------------|
 * | evm      | block tag `safe`                | block tag `finalized`      |
 * | solana   | commitment `confirmed`          | commitment `finalized`     |
 * | starknet | `ACCEPTED_ON_L2`                | `ACCEPTED_ON_L1`           |
 * | aptos    | (a committed transaction is final: only `finalized`)        ||
 */
export type Confirmations = number | "safe" | "finalized"

export interface RpcEndpointConfig {
  /** Redacted, because many providers put the key into the path. */
  readonly url: Redacted.Redacted<string>
  /** Where it stands. Of equal priority, those of the service's own region are asked first. */
  readonly region?: string
  /** The highest is asked first; 0 if it is not set. Of equal ones, the first in the file. */
  readonly priority?: number
  /** Sent with each request; values are redacted, because they hold keys. */
  readonly headers?: ReadonlyMap<string, Redacted.Redacted<string>>
  /** Calls a second that the endpoint allows. */
  readonly rate_limit?: number
}

interface TokenThresholds {
  /** Amounts above it are large. */
  readonly large_above?: Amount
  /** What a large deposit needs instead of the chain's `confirmations`. Only beside `large_above`. */
  readonly large_confirmations?: Confirmations
  /** Above it two independent endpoints must agree before a credit. */
  readonly quorum_above?: Amount
}

export type TokenConfig = (
  | { readonly _tag: "Native"; readonly decimals: number }
  | {
      readonly _tag: "Contract"
      /** The contract, on Solana the mint, on Aptos the fungible asset's metadata. Canonical. */
      readonly contract: Address
      readonly decimals: number
      /** On Aptos the older coin of the same token, such as `0x…01::aptos_coin::AptosCoin`. */
      readonly coin_type?: string
    }
) &
  TokenThresholds
