/** The claim that a job stands for, as the validator takes it. */
import { Amount } from "../domain/amount.ts"
import { Address, ChainName, TxHash } from "../domain/chain.ts"
import { TokenSymbol } from "../domain/ids.ts"
import type { TransferClaim } from "../domain/transfer.ts"
import type { Job } from "./job.ts"

export const claimOf = ({ state: { context } }: Job): TransferClaim => ({
  chain: ChainName.make(context.chain),
  tx_hash: TxHash.make(context.tx_hash),
  token: TokenSymbol.make(context.token),
  amount: Amount.make(context.amount),
  to_address: Address.make(context.to_address),
  transfer_index: context.transfer_index
})
