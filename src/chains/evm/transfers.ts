/** The transfers that logs and transactions tell of, whatever is looked for among them. */
import { type Address, canonicalAddress } from "../../domain/chain.ts"
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

/** keccak-256 of `Transfer(address,address,uint256)`. */
export const transferTopic = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
const wordPattern = /^0x[0-9a-f]{64}$/
const addressWordPattern = /^0x0{24}[0-9a-f]{40}$/

const addressOfWord = (word: string | undefined): Address | undefined =>
  word !== undefined && addressWordPattern.test(word)
    ? canonicalAddress("evm", `0x${word.slice(26)}`)
    : undefined

/**
 * The ERC-20 transfer that a log tells of, or undefined if it tells of something else. An ERC-721
 * transfer bears the same topic, but has its token's id as a fourth topic and no data: taken for an
 * ERC-20 it would be worth its id.
 */
export const tokenTransferOf = (log: Log): Omit<SeenTransfer, "index"> | undefined => {
  const [topic, fromWord, toWord] = log.topics
  const from = addressOfWord(fromWord)
  const to = addressOfWord(toWord)
  const isErc20 = topic === transferTopic && log.topics.length === 3 && wordPattern.test(log.data)
  if (!isErc20 || from === undefined || to === undefined) return undefined
  return {
    place: `log ${log.logIndex}`,
    log_index: log.logIndex,
    contract: log.address,
    from,
    to,
    units: BigInt(log.data)
  }
}

/**
 * The ERC-20 transfers among a transaction's logs.
 *
 * The canonical index counts the transaction's own logs and not the block's, as `logIndex` does:
 * a reorg that puts the transaction into another block changes the latter, and with it the key
 * that makes a second credit impossible.
 */
export const tokenTransfers = (logs: ReadonlyArray<Log>): ReadonlyArray<SeenTransfer> =>
  logs
    .toSorted((a, b) => a.logIndex - b.logIndex)
    .flatMap((log, position) => {
      const transfer = tokenTransferOf(log)
      return transfer === undefined ? [] : [{ index: `log:${position}`, ...transfer }]
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
