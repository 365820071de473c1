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
import { chooseNamed, chooseOnly, type Match, shownAmount, type Telling } from "../choosing.ts"
import type { Evidence } from "../validator.ts"
import type { Movement } from "./movements.ts"
import { primaryStoreOf } from "./primary-store.ts"
import { canonicalTag, frameworkTag } from "./struct-tag.ts"

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

/** The claimed deposit among what its transaction moved. */
export const matchDeposit = (
  claim: TransferClaim,
  token: TokenConfig,
  movements: ReadonlyArray<Movement>,
  eventCount: number
): Match<Movement> => {
  const assets = assetsOf(token)
  const deposits = movements.filter(({ direction }) => direction === "in")
  const telling: Telling<Movement> = {
    difference: (deposit) => difference(deposit, claim, token, movements),
    isOfToken: ({ asset }) => asset !== null && assets.includes(asset),
    isToRecipient: ({ owner }) => owner === claim.to_address,
    placeOf,
    asEvidence: movementAsEvidence
  }
  const index = claim.transfer_index
  if (index === null) {
    return chooseOnly(
      claim,
      deposits,
      {
        ifNone: "the transaction deposits nothing",
        ifAmbiguous: "send transfer_index to say which is meant"
      },
      telling
    )
  }
  return chooseNamed(
    deposits.find(({ events }) => events.includes(index)),
    `event ${index}`,
    index < eventCount
      ? `event ${index} of the transaction is not a deposit`
      : `the transaction has no event ${index}`,
    deposits,
    telling
  )
}

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
