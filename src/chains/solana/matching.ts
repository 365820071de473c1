/**
 * Did the claimed amount arrive? Pure, and never a guess.
 *
 * A token is its mint: anyone may make another of the same name. The recipient is the owner of the
 * token accounts, never one of these. And since the chain shows one change of balance per owner and
 * mint, that is what a deposit is here: several transfers to one owner are one credit of their sum.
 * So the index that a provider gives, which counts its own list, says nothing and is ignored.
 */
import type { TokenConfig } from "../../config/chain-config.ts"
import { amountFromUnits } from "../../domain/amount.ts"
import type { TransferClaim } from "../../domain/transfer.ts"
import type { Evidence } from "../validator.ts"
import type { Transaction } from "./answers.ts"
import { type Change, gainOf, nativeChange, tokenChanges } from "./balances.ts"

export type Match =
  | { readonly _tag: "Found"; readonly index: string; readonly change: Change }
  | { readonly _tag: "Missing"; readonly reason: string; readonly found: Evidence }

/** How many changes, and accounts of each, an event can hold as evidence. */
const maxShown = 8

export const changeAsEvidence = (change: Change): Evidence => ({
  owner: change.owner,
  mint: change.mint,
  decimals: change.decimals,
  before: change.before.toString(),
  after: change.after.toString(),
  gain: gainOf(change).toString(),
  account_count: change.accounts.length,
  accounts: change.accounts.slice(0, maxShown).map(({ account, before, after }) => ({
    account,
    before: before.toString(),
    after: after.toString()
  }))
})

/** The canonical index, see `OnChainIdentity`. */
const indexOf = ({ owner, mint }: Change): string =>
  mint === null ? `native:${owner}` : `token:${mint}:${owner}`

const missing = (reason: string, changes: ReadonlyArray<Change>): Match => ({
  _tag: "Missing",
  reason,
  found: {
    change_count: changes.length,
    changes: changes.slice(0, maxShown).map(changeAsEvidence)
  }
})

const shownGain = (change: Change): string => {
  const gain = gainOf(change)
  if (gain === 0n) return "nothing"
  const magnitude = gain < 0n ? -gain : gain
  const amount = amountFromUnits(magnitude, change.decimals) ?? `${magnitude} units`
  return gain < 0n ? `minus ${amount}` : amount
}

/** Why this change of the right balance is not what was claimed; undefined if it is. */
const difference = (
  change: Change,
  { amount, token }: TransferClaim,
  { decimals }: TokenConfig
): string | undefined => {
  if (change.decimals !== decimals) {
    return `${token} has ${change.decimals} decimals on chain, but ${decimals} in surehook.yaml: correct them there and replay the deposit`
  }
  const gain = gainOf(change)
  if (gain <= 0n) {
    return `the transaction brought ${change.owner} ${shownGain(change)} of ${token}: it is no deposit`
  }
  if (amountFromUnits(gain, decimals) !== amount) {
    return `the transaction brought ${change.owner} ${shownGain(change)} ${token} in total, not ${amount}: all that one transaction brings an owner of one token is one deposit of the sum`
  }
  return undefined
}

const judge = (change: Change, claim: TransferClaim, token: TokenConfig): Match => {
  const why = difference(change, claim, token)
  return why === undefined
    ? { _tag: "Found", index: indexOf(change), change }
    : missing(why, [change])
}

export const match = (
  claim: TransferClaim,
  token: TokenConfig,
  transaction: Transaction
): Match => {
  const recipient = claim.to_address
  const changes = tokenChanges(transaction)
  // Of the native coin too: the lamports of a token account are its rent, or its wrapped SOL, which
  // belong to the owner's token and would be credited a second time.
  const ofAccount = changes.find(({ accounts }) =>
    accounts.some(({ account }) => account === recipient)
  )
  if (ofAccount !== undefined) {
    return missing(
      `${recipient} is a token account of ${ofAccount.owner}: the deposit's to_address must be the owner`,
      [ofAccount]
    )
  }
  if (token._tag === "Native") {
    const change = nativeChange(transaction, recipient)
    return change === undefined
      ? missing(`the transaction does not touch ${recipient}`, [])
      : judge(change, claim, token)
  }
  const own = changes.filter(({ owner }) => owner === recipient)
  const change = own.find(({ mint }) => mint === token.contract)
  if (change !== undefined) return judge(change, claim, token)

  if (own.length > 0) {
    const mints = own.map(({ mint }) => mint).slice(0, maxShown)
    return missing(
      `what ${recipient} got is of the mint ${mints.join(", ")}, not of ${token.contract}, the mint of ${claim.token}: a symbol proves nothing, anyone can make a token of that name`,
      own
    )
  }
  const others = changes.filter(({ mint }) => mint === token.contract)
  const gainers = others.filter((other) => gainOf(other) > 0n).slice(0, maxShown)
  return missing(
    gainers.length === 0
      ? `the transaction brings nobody any ${claim.token}`
      : `the transaction brings ${recipient} no ${claim.token}, but ${gainers
          .map((other) => `${other.owner} ${shownGain(other)}`)
          .join(", ")}`,
    others.length > 0 ? others : changes
  )
}
