/**
 * What a webhook claims, and what the chain shows.
 *
 * A claim says that a transfer happened; the ledger holds transfers. Equal claims are one job.
 * Different claims about one transfer are different jobs, of which at most one is credited.
 */
import type { Amount } from "./amount.ts"
import type { Address, ChainName, TxHash } from "./chain.ts"
import type { TokenSymbol } from "./ids.ts"

/** A claim that a transfer happened, in canonical form throughout. */
export interface TransferClaim {
  readonly chain: ChainName
  readonly tx_hash: TxHash
  readonly token: TokenSymbol
  readonly amount: Amount
  readonly to_address: Address
  /** The index that the provider gave (on EVM the log index), or null if it gave none. */
  readonly transfer_index: number | null
}

/**
 * The part of a claim's identity beyond its transaction: index, token, recipient and amount.
 * No member holds the separator, so two claims with one key are one claim.
 */
export const transferKey = (claim: Omit<TransferClaim, "chain" | "tx_hash">): string =>
  `${claim.transfer_index ?? "-"}|${claim.token}|${claim.to_address}|${claim.amount}`

/**
 * Where a transfer stands on its chain: the same for every claim about it.
 * `transfer_index` is canonical for the chain:
 *
 *     evm       native, log:12 (the transaction's own log, counted from 0), or call:<to>:<units>
 *               for native value moved inside of a call
 *     solana    native:<owner> or token:<mint>:<owner>: what is credited is a difference of balances
 *     aptos     event:3 (the transaction's own event, counted from 0)
 *     starknet  event:3
 */
export interface OnChainIdentity {
  readonly chain: ChainName
  readonly tx_hash: TxHash
  readonly transfer_index: string
}
