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
import { chooseNamed, chooseOnly, type Match, shownAmount, type Telling } from "../choosing.ts"
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

export const transferAsEvidence = (transfer: SeenTransfer): Evidence => ({
  place: transfer.place,
  log_index: transfer.log_index,
  contract: transfer.contract,
  from: transfer.from,
  to: transfer.to,
  units: transfer.units.toString()
})

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

const telling = (claim: TransferClaim, token: TokenConfig): Telling<SeenTransfer> => ({
  difference: (transfer) => difference(transfer, claim, token),
  isOfToken: ({ contract }) => token._tag === "Native" || contract === token.contract,
  isToRecipient: ({ to }) => to === claim.to_address,
  placeOf: ({ place }) => place,
  asEvidence: transferAsEvidence
})

/** The claimed transfer among the logs of its transaction. */
export const matchToken = (
  claim: TransferClaim,
  token: ContractToken,
  logs: ReadonlyArray<Log>
): Match<SeenTransfer> => {
  const transfers = tokenTransfers(logs)
  const index = claim.transfer_index
  if (index === null) {
    return chooseOnly(
      claim,
      transfers,
      {
        ifNone: "the transaction holds no ERC-20 transfer",
        ifAmbiguous: "send transfer_index to say which is meant"
      },
      telling(claim, token)
    )
  }
  return chooseNamed(
    transfers.find((transfer) => transfer.log_index === index),
    `log ${index}`,
    logs.some((log) => log.logIndex === index)
      ? `log ${index} of the transaction is not an ERC-20 transfer`
      : `the transaction has no log ${index}`,
    transfers,
    telling(claim, token)
  )
}

/** The claimed transfer among the values that a transaction's calls moved. */
export const matchNative = (
  claim: TransferClaim,
  token: TokenConfig,
  transfers: ReadonlyArray<SeenTransfer>
): Match<SeenTransfer> =>
  chooseOnly(
    claim,
    transfers,
    {
      ifNone: "the transaction moves no native value",
      ifAmbiguous: "they cannot be told apart, so credit this deposit by hand"
    },
    telling(claim, token)
  )
