/** What a scan tells of a transfer: the claim that a provider would have made of it, and its block. */
import type { ChainConfig, TokenConfig } from "../../config/chain-config.ts"
import { amountFromUnits } from "../../domain/amount.ts"
import { type Address, TxHash } from "../../domain/chain.ts"
import type { TokenSymbol } from "../../domain/ids.ts"
import type { ScannedTransfer } from "../scanner.ts"
import type { SeenTransfer } from "./transfers.ts"

/** A token of the chain, by the symbol under which it is claimed. */
export interface NamedToken<T extends TokenConfig = TokenConfig> {
  readonly symbol: TokenSymbol
  readonly token: T
}

/** Where in the chain a transfer was seen. */
export interface SeenPlace {
  readonly transactionHash: string
  readonly blockNumber: number
}

/** Undefined if it is none of what is looked for, or brings nothing that could be credited. */
export const scannedTransfer = (
  { name: chain }: ChainConfig,
  { symbol, token }: NamedToken,
  addresses: ReadonlySet<Address>,
  { from, log_index, to, units }: Omit<SeenTransfer, "index">,
  { transactionHash, blockNumber }: SeenPlace
): ScannedTransfer | undefined => {
  const amount = amountFromUnits(units, token.decimals)
  if (!addresses.has(to) || from === to || amount === undefined) return undefined
  return {
    claim: {
      chain,
      tx_hash: TxHash.make(transactionHash),
      token: symbol,
      amount,
      to_address: to,
      transfer_index: log_index
    },
    block_number: blockNumber
  }
}
