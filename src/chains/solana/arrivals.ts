/**
 * What one transaction brought to which of our owners, as a webhook would claim it. Pure.
 *
 * By the balances that the validator reads, so it confirms what is found here: one claim for each
 * owner and token, and none for an owner that is a token account. As for the providers' webhooks, it
 * is no deposit of SOL that an owner gets back out of a token account of its own. One thing
 * they leave out and this does not, for it cannot be seen in balances: the rent of an account that is
 * made over to a program in this very transaction. An owner's key has to sign for that.
 */
import type { ChainConfig, TokenConfig } from "../../config/chain-config.ts"
import { amountFromUnits } from "../../domain/amount.ts"
import type { Address, TxHash } from "../../domain/chain.ts"
import type { TransferClaim } from "../../domain/transfer.ts"
import { accountsOf, type Transaction } from "./answers.ts"
import { gainOf, nativeChange, tokenChanges } from "./balances.ts"

/** Whose each token account was before the transaction; of a new one, whose it is after it. */
const ownersOfAccounts = (transaction: Transaction): ReadonlyMap<Address, Address> => {
  const accounts = accountsOf(transaction)
  const { preTokenBalances, postTokenBalances } = transaction.meta
  return new Map(
    [...postTokenBalances, ...preTokenBalances].flatMap(({ accountIndex, owner }) => {
      const account = accounts[accountIndex]
      return account === undefined ? [] : [[account, owner] as const]
    })
  )
}

/** Who sent SOL: whose lamports fell by more than the fee, or whose token account's did. */
const sendersOfNative = (
  transaction: Transaction,
  owners: ReadonlyMap<Address, Address>
): ReadonlySet<Address> => {
  const { fee = 0n, preBalances, postBalances } = transaction.meta
  return new Set(
    accountsOf(transaction).flatMap((account, index) => {
      const gain = (postBalances[index] ?? 0n) - (preBalances[index] ?? 0n)
      const isSender = gain + (index === 0 ? fee : 0n) < 0n
      return isSender ? [owners.get(account) ?? account] : []
    })
  )
}

export const arrivals = (
  chain: ChainConfig,
  tx_hash: TxHash,
  transaction: Transaction,
  addresses: ReadonlySet<Address>
): ReadonlyArray<TransferClaim> => {
  if (transaction.meta.err !== null) return []
  const changes = tokenChanges(transaction)
  const owners = ownersOfAccounts(transaction)
  const senders = sendersOfNative(transaction, owners)
  const touched = new Set([...accountsOf(transaction), ...changes.map(({ owner }) => owner)])
  const recipients = [...touched].filter((one) => addresses.has(one) && !owners.has(one))

  const changeOf = (owner: Address, token: TokenConfig) => {
    if (token._tag === "Contract") {
      return changes.find((change) => change.owner === owner && change.mint === token.contract)
    }
    const isOwn = senders.size === 1 && senders.has(owner)
    return isOwn ? undefined : nativeChange(transaction, owner)
  }

  return recipients.flatMap((to_address) =>
    [...chain.tokens].flatMap(([symbol, token]): ReadonlyArray<TransferClaim> => {
      const change = changeOf(to_address, token)
      const amount =
        change === undefined ? undefined : amountFromUnits(gainOf(change), token.decimals)
      if (amount === undefined) return []
      return [
        { chain: chain.name, tx_hash, token: symbol, amount, to_address, transfer_index: null }
      ]
    })
  )
}

/** The token accounts of these owners and mints that a transaction tells of. */
export const accountsToldOf = (
  transaction: Transaction,
  owners: ReadonlySet<Address>,
  mints: ReadonlySet<Address>
): ReadonlyArray<Address> =>
  tokenChanges(transaction)
    .filter(({ owner, mint }) => owners.has(owner) && mint !== null && mints.has(mint))
    .flatMap(({ accounts }) => accounts.map(({ account }) => account))
