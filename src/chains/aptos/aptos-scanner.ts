/**
 * The scanner of Aptos: reads blocks, for a fullnode has no index of what an account was paid.
 *
 *     a few blocks    the newest and the oldest block that the endpoint has, then the blocks
 *     a transaction   what it moved; if that may be to a watched address, judged as the validator does
 *
 * Each few blocks are a question of their own: one that fails at the end is not read again from the
 * beginning, and an endpoint is not taken for silent because it was asked for much.
 */
import { Effect } from "effect"
import type { ChainConfig } from "../../config/chain-config.ts"
import { amountFromUnits } from "../../domain/amount.ts"
import { TxHash } from "../../domain/chain.ts"
import type { Endpoint } from "../rpc/endpoint.ts"
import type { Endpoints } from "../rpc/endpoints.ts"
import type { BlockRange, ChainScanner, ScannedTransfer } from "../scanner.ts"
import type { CommittedTransaction, UserTransaction } from "./answers.ts"
import { readBlock } from "./block-reading.ts"
import { heldRangeOf, ledgerInfoOf } from "./calls.ts"
import { holdingsOf } from "./holdings.ts"
import { matchDeposit } from "./matching.ts"
import { depositsAnything, type Movement, movementsOf } from "./movements.ts"
import { malformedEvent, resolveMovements } from "./resolving.ts"
import { type Watched, watch } from "./watched.ts"

/** About ten seconds of Aptos. */
const maxBlocks = 100
const blocksOfQuestion = 10
/** Half of what a REST endpoint is asked at a time: validation must not wait for a scan. */
const maxConcurrentBlocks = 5

export const makeAptosScanner = (
  chain: ChainConfig,
  endpoints: Endpoints
): Effect.Effect<ChainScanner> => {
  /** The claims about what was deposited to watched addresses, each as the validator would confirm it. */
  const claimsOf = (
    watched: Watched,
    { events, hash }: UserTransaction,
    movements: ReadonlyArray<Movement>
  ) =>
    movements.flatMap(({ asset, direction, events: [transfer_index], owner, units }) => {
      if (direction !== "in" || owner === null || asset === null) return []
      if (!watched.isWatched(owner)) return []
      return watched.tokensOf(asset).flatMap(([symbol, token]) => {
        const amount = amountFromUnits(units, token.decimals)
        if (amount === undefined) return []
        const claim = {
          chain: chain.name,
          tx_hash: TxHash.make(hash),
          token: symbol,
          amount,
          to_address: owner,
          transfer_index
        }
        const match = matchDeposit(claim, token, movements, events.length)
        return match._tag === "Found" ? [claim] : []
      })
    })

  const depositsOf = (endpoint: Endpoint, watched: Watched) =>
    Effect.fnUntraced(function* (transaction: CommittedTransaction) {
      // Only what an account sent tells of its success.
      if (!("success" in transaction) || !transaction.success) return []
      if (!depositsAnything(transaction)) return []
      const told = movementsOf(transaction, holdingsOf(transaction))
      if (told === undefined) return yield* malformedEvent(endpoint)
      const derived = yield* watched.look(told)
      if (derived === undefined) return []
      const movements = yield* resolveMovements(endpoint, transaction, derived)
      return claimsOf(watched, transaction, movements)
    })

  const readBlocks = Effect.fnUntraced(function* (
    endpoint: Endpoint,
    { from, to }: BlockRange,
    watched: Watched
  ) {
    const held = yield* heldRangeOf(endpoint)
    yield* endpoint.observeHead(held.block_height)
    if (held.block_height < to || held.oldest_block_height > from) {
      return yield* endpoint.failure(
        `${endpoint.name} has blocks ${held.oldest_block_height} to ${held.block_height}, and not all of ${from} to ${to}`
      )
    }
    const blocks = yield* Effect.forEach(
      heightsOf({ from, to }),
      (height) => readBlock(endpoint, height, depositsOf(endpoint, watched)),
      { concurrency: maxConcurrentBlocks }
    )
    const firstOfNext = new Map(
      blocks.map(({ block }) => [block.block_height - 1, block.first_version])
    )
    for (const { block } of blocks) {
      const next = firstOfNext.get(block.block_height)
      if (next !== undefined && next !== block.last_version + 1) {
        return yield* endpoint.failure(
          `${endpoint.name} left out transactions between blocks ${block.block_height} and ${block.block_height + 1}`
        )
      }
    }
    return blocks.flatMap(({ block, found }) =>
      found.map((claim): ScannedTransfer => ({ claim, block_number: block.block_height }))
    )
  })

  return Effect.succeed({
    maxBlocks,
    heads: endpoints.ask(
      Effect.fnUntraced(function* (endpoint) {
        const { block_height } = yield* ledgerInfoOf(endpoint)
        yield* endpoint.observeHead(block_height)
        // What is committed is final.
        return { latest: block_height, final: block_height }
      })
    ),
    scan: Effect.fn("AptosScanner.scan")(function* (range, addresses) {
      const watched = yield* watch(chain, addresses)
      const found = yield* Effect.forEach(questionsOf(range), (part) =>
        endpoints.ask((endpoint) => readBlocks(endpoint, part, watched))
      )
      return found.flat()
    })
  })
}

const heightsOf = ({ from, to }: BlockRange): ReadonlyArray<number> =>
  Array.from({ length: Math.max(to - from + 1, 0) }, (_, index) => from + index)

const questionsOf = ({ from, to }: BlockRange): ReadonlyArray<BlockRange> =>
  Array.from({ length: Math.ceil(Math.max(to - from + 1, 0) / blocksOfQuestion) }, (_, index) => {
    const first = from + index * blocksOfQuestion
    return { from: first, to: Math.min(first + blocksOfQuestion - 1, to) }
  })
