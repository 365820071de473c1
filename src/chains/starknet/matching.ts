/**
 * Which transfer of a transaction is the one that was claimed? Pure, and never a guess.
 *
 * A token is its contract's address: any contract may call itself USDC and emit what it likes.
 *
 * The two layouts of an ERC-20's event, of older and of newer contracts:
 *
 *     keys = [Transfer]             data = [from, to, low, high]
 *     keys = [Transfer, from, to]   data = [low, high]
 *
 * https://docs.openzeppelin.com/contracts-cairo/0.8.0/api/erc20
 */
import type { TokenConfig } from "../../config/chain-config.ts"
import { amountFromUnits } from "../../domain/amount.ts"
import { Address } from "../../domain/chain.ts"
import type { TransferClaim } from "../../domain/transfer.ts"
import { chooseNamed, chooseOnly, type Match, shownAmount, type Telling } from "../choosing.ts"
import type { Evidence } from "../validator.ts"
import type { Event } from "./answers.ts"

/** A transfer that the chain shows, of whatever token to whomever. */
export interface SeenTransfer {
  /** Of its event among those of the receipt. */
  readonly index: number
  /** The contract that emitted the event. */
  readonly contract: Address
  readonly from: Address
  readonly to: Address
  readonly units: bigint
}

export type ContractToken = Extract<TokenConfig, { readonly _tag: "Contract" }>

/** The Starknet keccak of "Transfer". */
export const transferSelector = "0x99cd8bde557814842a3121e8ddfd433a539b8c9f14bf31ebf108d12e6196e9"

const twoTo128 = 2n ** 128n

/** A number of 256 bits in two felts; undefined if either holds more than its half. */
const u256 = (low: string, high: string): bigint | undefined => {
  const [lower, upper] = [BigInt(low), BigInt(high)]
  return lower < twoTo128 && upper < twoTo128 ? upper * twoTo128 + lower : undefined
}

const transferOf = (event: Event, index: number): SeenTransfer | undefined => {
  const [selector, ...keys] = event.keys
  // An ERC-721's event has its token's id in the keys and no data: it would be worth its id.
  const isErc20 =
    selector === transferSelector &&
    ((keys.length === 0 && event.data.length === 4) ||
      (keys.length === 2 && event.data.length === 2))
  const [from, to, low, high] = [...keys, ...event.data]
  if (!isErc20 || from === undefined || to === undefined) return undefined
  if (low === undefined || high === undefined) return undefined
  const units = u256(low, high)
  if (units === undefined) return undefined
  return {
    index,
    contract: Address.make(event.from_address),
    from: Address.make(from),
    to: Address.make(to),
    units
  }
}

export const tokenTransfers = (events: ReadonlyArray<Event>): ReadonlyArray<SeenTransfer> =>
  events.flatMap((event, index) => transferOf(event, index) ?? [])

/** Canonical, see `OnChainIdentity`: a receipt's events are the transaction's own, whatever its block. */
export const canonicalIndex = ({ index }: SeenTransfer): string => `event:${index}`

export const transferAsEvidence = (transfer: SeenTransfer): Evidence => ({
  place: `event ${transfer.index}`,
  event_index: transfer.index,
  contract: transfer.contract,
  from: transfer.from,
  to: transfer.to,
  units: transfer.units.toString()
})

/** Why this transfer is not the claimed one; undefined if it is. */
const difference = (
  transfer: SeenTransfer,
  claim: TransferClaim,
  token: ContractToken
): string | undefined => {
  if (transfer.contract !== token.contract) {
    return `it was emitted by ${transfer.contract}, not by ${token.contract}, the contract of ${claim.token}: a symbol proves nothing, anyone can deploy a token of that name`
  }
  if (transfer.to !== claim.to_address) {
    return `it went to ${transfer.to}, not to ${claim.to_address}`
  }
  // Nothing arrives: without this, moving one's own funds in a circle would be credited.
  if (transfer.from === transfer.to) return `it went from ${transfer.from} to itself`
  if (amountFromUnits(transfer.units, token.decimals) !== claim.amount) {
    return `it moved ${shownAmount(transfer.units, token)} ${claim.token}, not ${claim.amount}`
  }
  return undefined
}

/** The claimed transfer among the events of its transaction. */
export const matchToken = (
  claim: TransferClaim,
  token: ContractToken,
  events: ReadonlyArray<Event>
): Match<SeenTransfer> => {
  const transfers = tokenTransfers(events)
  const telling: Telling<SeenTransfer> = {
    difference: (transfer) => difference(transfer, claim, token),
    isOfToken: ({ contract }) => contract === token.contract,
    isToRecipient: ({ to }) => to === claim.to_address,
    placeOf: ({ index }) => `event ${index}`,
    asEvidence: transferAsEvidence
  }
  const index = claim.transfer_index
  if (index === null) {
    return chooseOnly(
      claim,
      transfers,
      {
        ifNone: "the transaction holds no ERC-20 transfer",
        ifAmbiguous: "send transfer_index to say which is meant"
      },
      telling
    )
  }
  return chooseNamed(
    transfers.find((transfer) => transfer.index === index),
    `event ${index}`,
    index < events.length
      ? `event ${index} of the transaction is not an ERC-20 transfer`
      : `the transaction has no event ${index}`,
    transfers,
    telling
  )
}
