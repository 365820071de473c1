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

export type Match =
  | { readonly _tag: "Found"; readonly transfer: SeenTransfer }
  | { readonly _tag: "Missing"; readonly reason: string; readonly found: Evidence }

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

/** How many of a transaction's transfers an event of ours can hold as evidence. */
const maxShownTransfers = 8

export const transferAsEvidence = (transfer: SeenTransfer): Evidence => ({
  place: `event ${transfer.index}`,
  event_index: transfer.index,
  contract: transfer.contract,
  from: transfer.from,
  to: transfer.to,
  units: transfer.units.toString()
})

const missing = (reason: string, transfers: ReadonlyArray<SeenTransfer>): Match => ({
  _tag: "Missing",
  reason,
  found: {
    transfer_count: transfers.length,
    transfers: transfers.slice(0, maxShownTransfers).map(transferAsEvidence)
  }
})

const shownAmount = (units: bigint, token: TokenConfig): string =>
  amountFromUnits(units, token.decimals) ?? `${units} units`

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
): Match => {
  const transfers = tokenTransfers(events)
  return claim.transfer_index === null
    ? matchUnindexed(claim, token, transfers)
    : matchIndexed(claim, token, transfers, claim.transfer_index, events.length)
}

const matchIndexed = (
  claim: TransferClaim,
  token: ContractToken,
  transfers: ReadonlyArray<SeenTransfer>,
  index: number,
  eventCount: number
): Match => {
  const named = transfers.find((transfer) => transfer.index === index)
  if (named === undefined) {
    return missing(
      index < eventCount
        ? `event ${index} of the transaction is not an ERC-20 transfer`
        : `the transaction has no event ${index}`,
      transfers
    )
  }
  const why = difference(named, claim, token)
  return why === undefined
    ? { _tag: "Found", transfer: named }
    : missing(`event ${index} is not the claimed transfer: ${why}`, [named])
}

/** The only transfer that fits, or what is there instead. */
const matchUnindexed = (
  claim: TransferClaim,
  token: ContractToken,
  transfers: ReadonlyArray<SeenTransfer>
): Match => {
  const fitting = transfers.filter((transfer) => difference(transfer, claim, token) === undefined)
  const [only] = fitting
  if (fitting.length > 1) {
    return missing(
      `ambiguous: ${fitting.length} identical transfers of ${claim.amount} ${claim.token} to ${claim.to_address} in one transaction; send transfer_index to say which is meant`,
      fitting
    )
  }
  if (only !== undefined) return { _tag: "Found", transfer: only }

  const nearest = nearestOf(claim, token, transfers)
  const [first] = nearest
  if (first === undefined) return missing("the transaction holds no ERC-20 transfer", [])
  const others = nearest.length > 1 ? `, and ${nearest.length - 1} more` : ""
  return missing(
    `no transfer of ${claim.amount} ${claim.token} to ${claim.to_address}; the nearest is event ${first.index}${others}: ${difference(first, claim, token)}`,
    nearest
  )
}

/** The nearest miss tells most: the right token to the right recipient, then the recipient, then any. */
const nearestOf = (
  claim: TransferClaim,
  token: ContractToken,
  transfers: ReadonlyArray<SeenTransfer>
): ReadonlyArray<SeenTransfer> => {
  const isOfToken = (transfer: SeenTransfer) => transfer.contract === token.contract
  const toRecipient = transfers.filter((transfer) => transfer.to === claim.to_address)
  return (
    [toRecipient.filter(isOfToken), toRecipient, transfers.filter(isOfToken), transfers].find(
      (some) => some.length > 0
    ) ?? []
  )
}
