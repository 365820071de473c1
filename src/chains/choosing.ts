/**
 * Which transfer of a transaction is the claimed one? The rule of all chains that tell transfers apart,
 * pure, and never a guess: what is ambiguous is no match, and says so.
 */
import type { TokenConfig } from "../config/chain-config.ts"
import { amountFromUnits } from "../domain/amount.ts"
import type { TransferClaim } from "../domain/transfer.ts"
import type { Evidence } from "./validator.ts"

export type Match<T> =
  | { readonly _tag: "Found"; readonly transfer: T }
  /** One sentence for a person, and what is there instead. */
  | { readonly _tag: "Missing"; readonly reason: string; readonly found: Evidence }

/** How a chain tells of its transfers. */
export interface Telling<T> {
  /** Why this transfer is not the claimed one; undefined if it is. */
  readonly difference: (transfer: T) => string | undefined
  readonly isOfToken: (transfer: T) => boolean
  readonly isToRecipient: (transfer: T) => boolean
  /** Where a person finds it: `log 12`, `event 3`. */
  readonly placeOf: (transfer: T) => string
  readonly asEvidence: (transfer: T) => Evidence
}

/** What of a claim a mismatch shows, on chains whose tokens are contracts. */
export const expectation = (claim: TransferClaim, token: TokenConfig): Evidence => ({
  token: claim.token,
  contract: token._tag === "Contract" ? token.contract : null,
  to: claim.to_address,
  amount: claim.amount,
  transfer_index: claim.transfer_index
})

/** How many of a transaction's transfers an event can hold as evidence. */
const maxShownTransfers = 8

export const missing = <T>(
  reason: string,
  transfers: ReadonlyArray<T>,
  asEvidence: (transfer: T) => Evidence
): Match<T> => ({
  _tag: "Missing",
  reason,
  found: {
    transfer_count: transfers.length,
    transfers: transfers.slice(0, maxShownTransfers).map(asEvidence)
  }
})

export const shownAmount = (units: bigint, token: TokenConfig): string =>
  amountFromUnits(units, token.decimals) ?? `${units} units`

/** The transfer that the claim names by its index, which `place` says in words. */
export const chooseNamed = <T>(
  named: T | undefined,
  place: string,
  ifNone: string,
  transfers: ReadonlyArray<T>,
  { asEvidence, difference }: Telling<T>
): Match<T> => {
  if (named === undefined) return missing(ifNone, transfers, asEvidence)
  const why = difference(named)
  return why === undefined
    ? { _tag: "Found", transfer: named }
    : missing(`${place} is not the claimed transfer: ${why}`, [named], asEvidence)
}

/** The only transfer that fits, or what is there instead. */
export const chooseOnly = <T>(
  claim: TransferClaim,
  transfers: ReadonlyArray<T>,
  says: { readonly ifNone: string; readonly ifAmbiguous: string },
  telling: Telling<T>
): Match<T> => {
  const { asEvidence, difference, placeOf } = telling
  const fitting = transfers.filter((transfer) => difference(transfer) === undefined)
  const [only] = fitting
  if (fitting.length > 1) {
    return missing(
      `ambiguous: ${fitting.length} identical transfers of ${claim.amount} ${claim.token} to ${claim.to_address} in one transaction; ${says.ifAmbiguous}`,
      fitting,
      asEvidence
    )
  }
  if (only !== undefined) return { _tag: "Found", transfer: only }

  const nearest = nearestOf(transfers, telling)
  const [first] = nearest
  if (first === undefined) return missing(says.ifNone, transfers, asEvidence)
  const others = nearest.length > 1 ? `, and ${nearest.length - 1} more` : ""
  return missing(
    `no transfer of ${claim.amount} ${claim.token} to ${claim.to_address}; the nearest is ${placeOf(first)}${others}: ${difference(first)}`,
    nearest,
    asEvidence
  )
}

/** The nearest miss tells most: the right token to the right recipient, then the recipient, then any. */
const nearestOf = <T>(
  transfers: ReadonlyArray<T>,
  { isOfToken, isToRecipient }: Telling<T>
): ReadonlyArray<T> => {
  const toRecipient = transfers.filter(isToRecipient)
  return (
    [toRecipient.filter(isOfToken), toRecipient, transfers.filter(isOfToken), transfers].find(
      (some) => some.length > 0
    ) ?? []
  )
}
