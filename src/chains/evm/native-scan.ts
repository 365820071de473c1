/**
 * The transfers of a chain's native coin in a range of blocks: they leave no log, so all blocks are
 * read with their transactions.
 *
 * Only what a transaction itself moves is found. Value moved inside of contract calls shows in traces
 * alone, which few endpoints give for whole blocks: such a deposit needs its webhook.
 */
import { Array as Arr, Effect, Option, Schema } from "effect"
import type { ChainConfig } from "../../config/chain-config.ts"
import { type Address, canonicalAddress, TxHash } from "../../domain/chain.ts"
import type { Endpoint } from "../rpc/endpoint.ts"
import type { Endpoints } from "../rpc/endpoints.ts"
import type { BlockRange, ScannedTransfer } from "../scanner.ts"
import { type FullBlock, Transaction } from "./answers.ts"
import { receiptOf } from "./calls.ts"
import { type NamedToken, scannedTransfer } from "./scanned-transfer.ts"
import { topLevelTransfers } from "./transfers.ts"
import { wholeBlockAt } from "./whole-block.ts"

/** Blocks in one question. One may have a MiB. */
const blocksAtOnce = 8

const decodeTransaction = Schema.decodeUnknownOption(Transaction)

export const makeNativeScan = (chain: ChainConfig, endpoints: Endpoints) => {
  const coins: ReadonlyArray<NamedToken> = [...chain.tokens].flatMap(([symbol, token]) =>
    token._tag === "Native" ? [{ symbol, token }] : []
  )

  /** What a block's transaction moves to the addresses, if it succeeded. */
  const readTransaction = Effect.fnUntraced(function* (
    endpoint: Endpoint,
    block: FullBlock,
    addresses: ReadonlySet<Address>,
    answer: FullBlock["transactions"][number]
  ) {
    const to = typeof answer.to === "string" ? canonicalAddress("evm", answer.to) : undefined
    // Decoded no further: some chains have transactions of forms that Ethereum does not know.
    if (to === undefined || !addresses.has(to)) return []
    const transaction = Option.getOrUndefined(decodeTransaction(answer))
    if (transaction === undefined) {
      return yield* endpoint.failure(`${endpoint.name} gave a malformed transaction in a block`)
    }
    const place = { transactionHash: transaction.hash, blockNumber: block.number }
    const moved = topLevelTransfers(transaction).flatMap((transfer) =>
      coins.flatMap((coin) => scannedTransfer(chain, coin, addresses, transfer, place) ?? [])
    )
    if (moved.length === 0) return []
    const receipt = yield* receiptOf(endpoint, TxHash.make(transaction.hash))
    if (receipt?.blockHash !== block.hash) {
      return yield* endpoint.failure(
        `${endpoint.name} has no receipt from block ${block.number} of a transaction that it shows there`
      )
    }
    return receipt.status === 1 ? moved : []
  })

  const readBlocks = Effect.fnUntraced(function* (
    endpoint: Endpoint,
    heights: ReadonlyArray<number>,
    addresses: ReadonlySet<Address>
  ) {
    const blocks = yield* Effect.forEach(heights, (height) => wholeBlockAt(endpoint, height), {
      concurrency: "unbounded"
    })
    const transactions = blocks.flatMap((block) =>
      block.transactions.map((answer) => [block, answer] as const)
    )
    const moved = yield* Effect.forEach(
      transactions,
      ([block, answer]) => readTransaction(endpoint, block, addresses, answer),
      { concurrency: "unbounded" }
    )
    return moved.flat()
  })

  return Effect.fnUntraced(function* (range: BlockRange, addresses: ReadonlySet<Address>) {
    if (coins.length === 0) return []
    const found: Array<ReadonlyArray<ScannedTransfer>> = []
    for (let from = range.from; from <= range.to; from += blocksAtOnce) {
      const to = Math.min(from + blocksAtOnce - 1, range.to)
      const heights = Arr.range(from, to)
      found.push(yield* endpoints.ask((endpoint) => readBlocks(endpoint, heights, addresses)))
    }
    return found.flat()
  })
}
