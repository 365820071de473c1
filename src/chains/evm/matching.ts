/**
 * Which transfer of a transaction is the one that was claimed? Pure, and never a guess.
 *
 * A token is its contract's address: any contract may call itself USDC and log what it likes.
 * The amount is what the log says was delivered, which for a token with a fee is less than was sent.
 */
import type { TokenConfig } from "../../config/chain-config.ts"
import { amountFromUnits } from "../../domain/amount.ts"
import { type Address, canonicalAddress } from "../../domain/chain.ts"
import type { TransferClaim } from "../../domain/transfer.ts"
import type { Evidence } from "../validator.ts"
import type { Log, Transaction } from "./answers.ts"

/** A transfer that the chain shows, of whatever token to whomever. */
export interface SeenTransfer {
  /** Canonical index within its transaction, see `OnChainIdentity`. */
  readonly index: string
  /** Where a person finds it: "log 12" of the block, "call 1.0" of the trace. */
  readonly place: string
  /** The block's log index, null for native transfers. */
  readonly log_index: number | null
  /** The contract that emitted the log, null for native transfers. */
  readonly contract: Address | null
  readonly from: Address
  readonly to: Address
  readonly units: bigint
}

export type Match =
  | { readonly _tag: "Found"; readonly transfer: SeenTransfer }
  | { readonly _tag: "Missing"; readonly reason: string; readonly found: Evidence }

type ContractToken = Extract<TokenConfig, { readonly _tag: "Contract" }>

/** keccak-256 of `Transfer(address,address,uint256)`. */
const transferTopic = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
const wordPattern = /^0x[0-9a-f]{64}$/
const addressWordPattern = /^0x0{24}[0-9a-f]{40}$/

const addressOfWord = (word: string | undefined): Address | undefined =>
  word !== undefined && addressWordPattern.test(word)
    ? canonicalAddress("evm", `0x${word.slice(26)}`)
    : undefined

/**
 * The ERC-20 transfers among a transaction's logs. An ERC-721 transfer bears the same topic, but
 * has its token's id as a fourth topic and no data: taken for an ERC-20 it would be worth its id.
 *
 * The canonical index counts the transaction's own logs and not the block's, as `logIndex` does:
 * a reorg that puts the transaction into another block changes the latter, and with it the key
 * that makes a second credit impossible.
 */
export const tokenTransfers = (logs: ReadonlyArray<Log>): ReadonlyArray<SeenTransfer> =>
  logs
    .toSorted((a, b) => a.logIndex - b.logIndex)
    .flatMap((log, position) => {
      const [topic, fromWord, toWord] = log.topics
      const from = addressOfWord(fromWord)
      const to = addressOfWord(toWord)
      const isErc20 =
        topic === transferTopic && log.topics.length === 3 && wordPattern.test(log.data)
      if (!isErc20 || from === undefined || to === undefined) return []
      return [
        {
          index: `log:${position}`,
          place: `log ${log.logIndex}`,
          log_index: log.logIndex,
          contract: log.address,
          from,
          to,
          units: BigInt(log.data)
        }
      ]
    })

/** What a transaction itself moves, of the native coin. */
export const topLevelTransfers = ({ from, to, value }: Transaction): ReadonlyArray<SeenTransfer> =>
  to === null || value === 0n
    ? []
    : [
        {
          index: "native",
          place: "the transaction's own value",
          log_index: null,
          contract: null,
          from,
          to,
          units: value
        }
      ]

/** How many of a transaction's transfers an event can hold as evidence. */
const maxShownTransfers = 8

export const transferAsEvidence = (transfer: SeenTransfer): Evidence => ({
  place: transfer.place,
  log_index: transfer.log_index,
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

const hasAmount = (transfer: SeenTransfer, claim: TransferClaim, token: TokenConfig): boolean =>
  amountFromUnits(transfer.units, token.decimals) === claim.amount

/** Why this transfer is not the claimed one; undefined if it is. */
const difference = (
  transfer: SeenTransfer,
  claim: TransferClaim,
  token: TokenConfig
): string | undefined => {
  if (token._tag === "Contract" && transfer.contract !== token.contract) {
    return `it was emitted by ${transfer.contract}, not by ${token.contract}, the contract of ${claim.token}: a symbol proves nothing, anyone can deploy a token of that name`
  }
  if (transfer.to !== claim.to_address) {
    return `it went to ${transfer.to}, not to ${claim.to_address}`
  }
  // Nothing arrives: without this, moving one's own funds in a circle would be credited.
  if (transfer.from === transfer.to) return `it went from ${transfer.from} to itself`
  if (!hasAmount(transfer, claim, token)) {
    return `it moved ${shownAmount(transfer.units, token)} ${claim.token}, not ${claim.amount}`
  }
  return undefined
}

/** The claimed transfer among the logs of its transaction. */
export const matchToken = (
  claim: TransferClaim,
  token: ContractToken,
  logs: ReadonlyArray<Log>
): Match => {
  const transfers = tokenTransfers(logs)
  if (claim.transfer_index !== null) {
    const named = transfers.find((transfer) => transfer.log_index === claim.transfer_index)
    if (named === undefined) {
      const isThere = logs.some((log) => log.logIndex === claim.transfer_index)
      return missing(
        isThere
          ? `log ${claim.transfer_index} of the transaction is not an ERC-20 transfer`
          : `the transaction has no log ${claim.transfer_index}`,
        transfers
      )
    }
    const why = difference(named, claim, token)
    return why === undefined
      ? { _tag: "Found", transfer: named }
      : missing(`log ${claim.transfer_index} is not the claimed transfer: ${why}`, [named])
  }
  return matchUnindexed(claim, token, transfers, "the transaction holds no ERC-20 transfer")
}

/** The only transfer that fits, or what is there instead. */
const matchUnindexed = (
  claim: TransferClaim,
  token: TokenConfig,
  transfers: ReadonlyArray<SeenTransfer>,
  ifNone: string
): Match => {
  const fitting = transfers.filter((transfer) => difference(transfer, claim, token) === undefined)
  const [only] = fitting
  if (fitting.length > 1) {
    const remedy =
      token._tag === "Contract"
        ? "send transfer_index to say which is meant"
        : "they cannot be told apart, so credit this deposit by hand"
    return missing(
      `ambiguous: ${fitting.length} identical transfers of ${claim.amount} ${claim.token} to ${claim.to_address} in one transaction; ${remedy}`,
      fitting
    )
  }
  if (only !== undefined) return { _tag: "Found", transfer: only }

  // The nearest miss tells most: the right token to the right recipient, then the recipient, then any.
  const isOfToken = (transfer: SeenTransfer) =>
    token._tag === "Native" || transfer.contract === token.contract
  const toRecipient = transfers.filter((transfer) => transfer.to === claim.to_address)
  const nearest =
    [toRecipient.filter(isOfToken), toRecipient, transfers.filter(isOfToken), transfers].find(
      (some) => some.length > 0
    ) ?? []
  const [first] = nearest
  if (first === undefined) return missing(ifNone, transfers)
  const others = nearest.length > 1 ? `, and ${nearest.length - 1} more` : ""
  return missing(
    `no transfer of ${claim.amount} ${claim.token} to ${claim.to_address}; the nearest is ${first.place}${others}: ${difference(first, claim, token)}`,
    nearest
  )
}

/** The claimed transfer among the values that a transaction's calls moved. */
export const matchNative = (
  claim: TransferClaim,
  token: TokenConfig,
  transfers: ReadonlyArray<SeenTransfer>
): Match => matchUnindexed(claim, token, transfers, "the transaction moves no native value")
