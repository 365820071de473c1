/** What a claim's amount asks for beyond the chain's ordinary rules. */
import type { ChainConfig, Confirmations, TokenConfig } from "../config/chain-config.ts"
import type { Amount } from "../domain/amount.ts"
import { isAbove } from "../domain/large-amounts.ts"

/** How deep a deposit of this amount must be. */
export const confirmationsFor = (
  chain: ChainConfig,
  token: TokenConfig,
  amount: Amount
): Confirmations =>
  token.large_confirmations !== undefined && isAbove(amount, token.large_above)
    ? token.large_confirmations
    : chain.confirmations

/** Whether two independent endpoints must agree before a credit of this amount. */
export const needsQuorum = (token: TokenConfig, amount: Amount): boolean =>
  isAbove(amount, token.quorum_above)
