/**
 * The transfers of a chain's tokens in a range of blocks, by `eth_getLogs`.
 *
 * Nodes limit what they answer at once, so the range is read in pieces:
 *
 *     all of it ── refused ──▶ its first half ── refused ──▶ a quarter ── read ──▶ the next quarter …
 *
 * Down to one block, whose refusal is a failure. The next scan begins with twice of what was read,
 * and after a failure with half of what was asked for, which may have been more than a node can read
 * in time.
 *
 * A node answers a range that it does not have yet with what it has, or with nothing. So whoever
 * gives the logs shows its newest block in the same request.
 */
import { Array as Arr, Effect, Option, Result, Schema } from "effect"
import type { ChainConfig } from "../../config/chain-config.ts"
import type { Address } from "../../domain/chain.ts"
import type { Endpoint } from "../rpc/endpoint.ts"
import type { Endpoints } from "../rpc/endpoints.ts"
import type { BlockRange, ScannedTransfer } from "../scanner.ts"
import type { RpcFailure } from "../validator.ts"
import { EvmAddress, PlacedLog } from "./answers.ts"
import { hexOf, latestOf } from "./calls.ts"
import { isRangeRefused, saysTooMuch } from "./refused-range.ts"
import { type NamedToken, scannedTransfer } from "./scanned-transfer.ts"
import { tokenTransferOf, transferTopic } from "./transfers.ts"

/** Blocks in one call. */
export const maxBlocksOfLogs = 1000
/** More recipients than this are too long for a filter: all of a token's transfers are read instead. */
const maxFilteredRecipients = 500
/** Recipients in one call. */
const maxRecipients = 100

const decodeLog = Schema.decodeUnknownOption(PlacedLog)
const decodeEmitter = Schema.decodeUnknownOption(Schema.Struct({ address: EvmAddress }))

const wordOf = (address: Address): string => `0x${address.slice(2).padStart(64, "0")}`

/** The `topics` of each call. */
const filtersFor = (addresses: ReadonlySet<Address>): ReadonlyArray<ReadonlyArray<Schema.Json>> =>
  addresses.size > maxFilteredRecipients
    ? [[transferTopic]]
    : Arr.chunksOf([...addresses].map(wordOf), maxRecipients).map((recipients) => [
        transferTopic,
        null,
        recipients
      ])

export const makeTokenScan = (chain: ChainConfig, endpoints: Endpoints) => {
  const tokens = new Map<Address, NamedToken>()
  for (const [symbol, token] of chain.tokens) {
    if (token._tag === "Contract") tokens.set(token.contract, { symbol, token })
  }
  const contracts = [...tokens.keys()]
  /** With how many blocks the next scan begins. */
  let firstAtOnce = maxBlocksOfLogs

  /** What a log of the range tells, or undefined if it is of no concern. */
  const readLog = Effect.fnUntraced(function* (
    endpoint: Endpoint,
    range: BlockRange,
    addresses: ReadonlySet<Address>,
    answer: unknown
  ) {
    const emitter = Option.getOrUndefined(decodeEmitter(answer))
    if (emitter === undefined) return yield* malformed(endpoint)
    const token = tokens.get(emitter.address)
    // Nobody asked for it, so whatever form it has is no reason to lose the others.
    if (token === undefined) return undefined
    const log = Option.getOrUndefined(decodeLog(answer))
    if (log === undefined) return yield* malformed(endpoint)
    if (log.removed === true) return undefined
    if (log.blockNumber < range.from || log.blockNumber > range.to) {
      return yield* endpoint.failure(`${endpoint.name} gave logs of other blocks than asked for`)
    }
    const transfer = tokenTransferOf(log)
    return transfer === undefined
      ? undefined
      : scannedTransfer(chain, token, addresses, transfer, log)
  })

  /** Undefined if the node refuses the range as too large. */
  const readPiece = Effect.fnUntraced(function* (
    endpoint: Endpoint,
    piece: BlockRange,
    addresses: ReadonlySet<Address>
  ) {
    const group = `logs ${piece.from} to ${piece.to}`
    const logsBy = (topics: ReadonlyArray<Schema.Json>) => {
      const filter = {
        fromBlock: hexOf(piece.from),
        toBlock: hexOf(piece.to),
        address: contracts,
        topics
      }
      return endpoint.call("eth_getLogs", [filter], Schema.Array(Schema.Unknown), group)
    }
    const [latest, answers] = yield* Effect.all(
      [
        latestOf(endpoint, group),
        Effect.result(Effect.forEach(filtersFor(addresses), logsBy, { concurrency: "unbounded" }))
      ],
      { concurrency: "unbounded" }
    )
    // First, for some nodes refuse a range that they do not have yet.
    yield* mustHave(endpoint, latest.number, piece)
    if (Result.isFailure(answers)) {
      if (!isRangeRefused(answers.failure)) return yield* Effect.fail(answers.failure)
      if (piece.from !== piece.to) return undefined
      // A code alone may as well be about the call itself, which is wrong for every block then.
      if (!saysTooMuch(answers.failure)) return yield* Effect.fail(answers.failure)
      return yield* endpoint.refusal(
        `${endpoint.name} gives the transfers of block ${piece.from} away in no answer: ${answers.failure.message}`,
        "answer_size"
      )
    }
    const seen = yield* Effect.forEach(answers.success.flat(), (answer) =>
      readLog(endpoint, piece, addresses, answer)
    )
    return seen.filter((one) => one !== undefined)
  })

  return Effect.fnUntraced(function* (range: BlockRange, addresses: ReadonlySet<Address>) {
    if (contracts.length === 0) return []
    const found: Array<ReadonlyArray<ScannedTransfer>> = []
    let atOnce = firstAtOnce
    let from = range.from
    while (from <= range.to) {
      const piece = { from, to: Math.min(from + atOnce - 1, range.to) }
      const half = Math.max(Math.floor((piece.to - piece.from + 1) / 2), 1)
      const read = yield* endpoints
        .ask((endpoint) => readPiece(endpoint, piece, addresses))
        .pipe(
          Effect.tapError((error) =>
            Effect.sync(() => {
              if (error._tag === "RpcFailure") firstAtOnce = half
            })
          )
        )
      if (read === undefined) {
        atOnce = half
        firstAtOnce = half
      } else {
        found.push(read)
        from = piece.to + 1
        firstAtOnce = Math.min(atOnce * 2, maxBlocksOfLogs)
      }
    }
    return found.flat()
  })
}

const malformed = (endpoint: Endpoint): RpcFailure =>
  endpoint.failure(`${endpoint.name} gave a malformed answer to eth_getLogs`)

const mustHave = (
  endpoint: Endpoint,
  newest: number,
  { to }: BlockRange
): Effect.Effect<void, RpcFailure> =>
  newest >= to
    ? Effect.void
    : Effect.fail(endpoint.failure(`${endpoint.name} has block ${newest}, and not yet ${to}`))
