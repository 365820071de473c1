/**
 * Which deposit of a transaction is the one that was claimed? Pure, and never a guess.
 *
 * A token is its metadata's address, or its coin's type: anyone can create one of any symbol. The
 * amount is what the event says arrived.
 *
 * Where the transaction also takes some of the token out of the recipient's account, nothing is
 * credited, whatever the amounts: only the recipient's own key or the token's issuer can do that, so
 * funds went in a circle, or a fee was taken after the event. A circle that leads through another
 * account of the same person looks like any deposit, and nothing on chain tells them apart.
 */
import type { TokenConfig } from "../../config/chain-config.ts"
import { amountFromUnits } from "../../domain/amount.ts"
import { Address } from "../../domain/chain.ts"
import type { TransferClaim } from "../../domain/transfer.ts"
import type { Evidence } from "../validator.ts"
import type { Movement } from "./movements.ts"
import { primaryStoreOf } from "./primary-store.ts"
import { canonicalTag, frameworkTag } from "./struct-tag.ts"

export type Match =
  | { readonly _tag: "Found"; readonly deposit: Movement }
  | { readonly _tag: "Missing"; readonly reason: string; readonly found: Evidence }

/** APT is a coin and, since the migration of coins, also the fungible asset of this address. */
const aptosCoin = frameworkTag("aptos_coin::AptosCoin")
const aptosAsset = Address.make(`0x${"a".padStart(64, "0")}`)

/** All that is the token: its fungible asset, and the coin that it is paired with. */
export const assetsOf = (token: TokenConfig): ReadonlyArray<string> => {
  if (token._tag === "Native") return [aptosAsset, aptosCoin]
  const coin = token.coin_type === undefined ? undefined : canonicalTag(token.coin_type)
  return coin === undefined ? [token.contract] : [token.contract, coin]
}

/** How many of a transaction's movements an event can hold as evidence. */
const maxShownMovements = 8

export const placeOf = ({ events }: Movement): string =>
  events.length === 1 ? `event ${events[0]}` : `events ${events.join(" and ")}`

export const movementAsEvidence = (movement: Movement): Evidence => ({
  place: placeOf(movement),
  event_index: movement.events[0],
  direction: movement.direction,
  asset: movement.asset,
  account: movement.owner,
  store: movement.store,
  units: movement.units.toString()
})

export const movementsAsEvidence = (movements: ReadonlyArray<Movement>): ReadonlyArray<Evidence> =>
  movements.slice(0, maxShownMovements).map(movementAsEvidence)

const missing = (reason: string, deposits: ReadonlyArray<Movement>): Match => ({
  _tag: "Missing",
  reason,
  found: { deposit_count: deposits.length, deposits: movementsAsEvidence(deposits) }
})

/** The claimed deposit among what its transaction moved. */
export const matchDeposit = (
  claim: TransferClaim,
  token: TokenConfig,
  movements: ReadonlyArray<Movement>,
  eventCount: number
): Match => {
  const assets = assetsOf(token)
  const deposits = movements.filter(({ direction }) => direction === "in")
  const differs = (deposit: Movement) => difference(deposit, claim, token, movements)
  const index = claim.transfer_index
  if (index !== null) {
    const named = deposits.find(({ events }) => events.includes(index))
    if (named === undefined) {
      return missing(
        index < eventCount
          ? `event ${index} of the transaction is not a deposit`
          : `the transaction has no event ${index}`,
        deposits
      )
    }
    const why = differs(named)
    return why === undefined
      ? { _tag: "Found", deposit: named }
      : missing(`event ${index} is not the claimed deposit: ${why}`, [named])
  }

  const fitting = deposits.filter((deposit) => differs(deposit) === undefined)
  const [only] = fitting
  if (fitting.length > 1) {
    return missing(
      `ambiguous: ${fitting.length} identical transfers of ${claim.amount} ${claim.token} to ${claim.to_address} in one transaction; send transfer_index to say which is meant`,
      fitting
    )
  }
  if (only !== undefined) return { _tag: "Found", deposit: only }

  // The nearest miss tells most: the right token to the right recipient, then the recipient, then any.
  const isOfToken = ({ asset }: Movement) => asset !== null && assets.includes(asset)
  const toRecipient = deposits.filter(({ owner }) => owner === claim.to_address)
  const nearest =
    [toRecipient.filter(isOfToken), toRecipient, deposits.filter(isOfToken), deposits].find(
      (some) => some.length > 0
    ) ?? []
  const [first] = nearest
  if (first === undefined) return missing("the transaction deposits nothing", deposits)
  const others = nearest.length > 1 ? `, and ${nearest.length - 1} more` : ""
  return missing(
    `no transfer of ${claim.amount} ${claim.token} to ${claim.to_address}; the nearest is ${placeOf(first)}${others}: ${differs(first)}`,
    nearest
  )
}

const shownAmount = (units: bigint, token: TokenConfig): string =>
  amountFromUnits(units, token.decimals) ?? `${units} units`

/** Why this deposit is not the claimed one; undefined if it is. */
const difference = (
  { asset, owner, store, units }: Movement,
  claim: TransferClaim,
  token: TokenConfig,
  movements: ReadonlyArray<Movement>
): string | undefined => {
  const assets = assetsOf(token)
  if (asset === null) return "the node does not show of which token it is"
  if (!assets.includes(asset)) {
    return `it is of ${asset}, not of ${assets.join(" or ")}, which is ${claim.token}: a symbol proves nothing, anyone can create a token of that name`
  }
  if (owner === null) return "the node does not show to whom it went"
  if (owner !== claim.to_address) return `it went to ${owner}, not to ${claim.to_address}`
  if (store !== null && store !== primaryStoreOf(owner, Address.make(asset))) {
    return `it went into ${store}, which ${owner} owns but which is not its primary store: who made that store may still empty it`
  }
  if (amountFromUnits(units, token.decimals) !== claim.amount) {
    return `it moved ${shownAmount(units, token)} ${claim.token}, not ${claim.amount}`
  }
  const taken = movements.find(
    (other) =>
      other.direction === "out" &&
      other.units > 0n &&
      other.owner === owner &&
      other.asset !== null &&
      assets.includes(other.asset)
  )
  return taken === undefined
    ? undefined
    : `${placeOf(taken)} takes ${shownAmount(taken.units, token)} ${claim.token} out of the same account: what moves from an account to itself is no deposit`
}
