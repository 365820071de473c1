/**
 * What a transaction did to the balances of an owner. Pure.
 *
 * Balances say what arrived, whoever sent it in whatever way: by a transfer, by an inner instruction
 * of some program, or less a fee of Token-2022. Instructions say only what was asked for.
 */
import type { Address } from "../../domain/chain.ts"
import { accountsOf, type TokenBalance, type Transaction } from "./answers.ts"

/** One account's balance before and after. */
export interface Balance {
  readonly account: Address
  readonly before: bigint
  readonly after: bigint
}

/** What a transaction did to all token accounts of one owner and one mint, or to one account's lamports. */
export interface Change {
  readonly owner: Address
  /** Null for the native coin. */
  readonly mint: Address | null
  readonly decimals: number
  readonly accounts: ReadonlyArray<Balance>
  readonly before: bigint
  readonly after: bigint
}

/** SOL has nine decimals on every cluster. */
export const nativeDecimals = 9

/** By how much the balance rose. */
export const gainOf = ({ before, after }: Change): bigint => after - before

const sum = (amounts: ReadonlyArray<bigint>): bigint =>
  amounts.reduce((total, amount) => total + amount, 0n)

/** The changes of token balances, one for each owner and mint. An account that is not listed holds nothing. */
export const tokenChanges = (transaction: Transaction): ReadonlyArray<Change> => {
  const accounts = accountsOf(transaction)
  const { preTokenBalances, postTokenBalances } = transaction.meta
  const ownerAndMint = ({ owner, mint }: TokenBalance) => `${owner} ${mint}`
  const groups = Map.groupBy([...preTokenBalances, ...postTokenBalances], ownerAndMint)
  return [...groups].flatMap(([key, entries]) => {
    const [first] = entries
    if (first === undefined) return []
    const unitsIn = (side: ReadonlyArray<TokenBalance>, index: number) =>
      sum(
        side
          .filter((entry) => entry.accountIndex === index && ownerAndMint(entry) === key)
          .map(({ uiTokenAmount }) => uiTokenAmount.amount)
      )
    const indexes = new Set(entries.map(({ accountIndex }) => accountIndex))
    const balances = [...indexes].flatMap((index) => {
      const account = accounts[index]
      if (account === undefined) return []
      const before = unitsIn(preTokenBalances, index)
      return [{ account, before, after: unitsIn(postTokenBalances, index) }]
    })
    return [
      {
        owner: first.owner,
        mint: first.mint,
        decimals: first.uiTokenAmount.decimals,
        accounts: balances,
        before: sum(balances.map(({ before }) => before)),
        after: sum(balances.map(({ after }) => after))
      }
    ]
  })
}

/** The change of an account's lamports; undefined if the transaction does not name the account. */
export const nativeChange = (transaction: Transaction, account: Address): Change | undefined => {
  const index = accountsOf(transaction).indexOf(account)
  const before = transaction.meta.preBalances[index]
  const after = transaction.meta.postBalances[index]
  if (before === undefined || after === undefined) return undefined
  return {
    owner: account,
    mint: null,
    decimals: nativeDecimals,
    accounts: [{ account, before, after }],
    before,
    after
  }
}
