/**
 * The scanner of Starknet: the transfers of which no webhook told.
 *
 *     getEvents      the Transfer events of each token's contract, page by page
 *     receipt        of each transaction that pays to one of the addresses
 *
 * Recipients stand in the keys of newer contracts and in the data of older ones, which a node cannot
 * filter, so all of a contract's transfers are read and chosen from here. An event does not say which
 * of its transaction's it is: that is read from the receipt, as the validator does.
 */
import { Effect } from "effect"
import type { ChainConfig } from "../../config/chain-config.ts"
import { amountFromUnits } from "../../domain/amount.ts"
import { type Address, TxHash } from "../../domain/chain.ts"
import type { TokenSymbol } from "../../domain/ids.ts"
import type { Endpoint } from "../rpc/endpoint.ts"
import type { Endpoints } from "../rpc/endpoints.ts"
import type { RpcErrorAnswer } from "../rpc/faults.ts"
import type { BlockRange, ChainScanner, ScannedTransfer } from "../scanner.ts"
import type { RpcFailure } from "../validator.ts"
import { acceptedOnL1Head, eventsPage, headOf, receiptOf } from "./calls.ts"
import { isAccepted } from "./finality.ts"
import { tokenTransfers, transferSelector } from "./matching.ts"

/** In one call: a busy token has some thousand transfers in them. */
const maxBlocks = 200
/** As much as every common node allows. */
const eventsPerPage = 1_000
/** More transfers than 200 blocks can hold. */
const maxPages = 2_000
const maxConcurrentReceipts = 10
/** Where a node does not tell how far blocks are accepted on L1, so many are read again in each pass. */
const assumedUnfinalBlocks = 1_000

type Watched = ReadonlyMap<Address, TokenSymbol>

export const makeStarknetScanner = (
  chain: ChainConfig,
  endpoints: Endpoints
): Effect.Effect<ChainScanner> =>
  Effect.sync(() => {
    const contracts: Watched = new Map(
      [...chain.tokens].flatMap(([symbol, token]) =>
        token._tag === "Contract" ? [[token.contract, symbol]] : []
      )
    )
    const decimalsOf = (symbol: TokenSymbol): number => chain.tokens.get(symbol)?.decimals ?? 0

    /** The transactions in the range that pay some token to one of the addresses. */
    const candidatesOf = Effect.fnUntraced(function* (
      endpoint: Endpoint,
      contract: Address,
      range: BlockRange,
      addresses: ReadonlySet<Address>
    ) {
      const candidates = new Set<TxHash>()
      const seenTokens = new Set<string>()
      let continuation: string | undefined
      for (let page = 0; page < maxPages; page++) {
        const { continuation_token, events } = yield* eventsPage(endpoint, {
          from_block: { block_number: range.from },
          to_block: { block_number: range.to },
          address: contract,
          keys: [[transferSelector]],
          chunk_size: eventsPerPage,
          ...(continuation === undefined ? {} : { continuation_token: continuation })
        })
        for (const event of events) {
          const { block_number, transaction_hash } = event
          if (block_number == null || block_number < range.from || block_number > range.to) {
            return yield* endpoint.failure(
              `${endpoint.name} gave an event of block ${block_number ?? "unknown"}, and blocks ${range.from} to ${range.to} were asked for`
            )
          }
          const [transfer] = tokenTransfers([event])
          if (transfer !== undefined && addresses.has(transfer.to)) {
            candidates.add(TxHash.make(transaction_hash))
          }
        }
        if (continuation_token == null) return candidates
        if (seenTokens.has(continuation_token)) {
          return yield* endpoint.failure(`${endpoint.name} gives the same page of events again`)
        }
        seenTokens.add(continuation_token)
        continuation = continuation_token
      }
      return yield* endpoint.failure(`${endpoint.name} comes to no end of its pages of events`)
    })

    const transfersOf = Effect.fnUntraced(function* (
      endpoint: Endpoint,
      tx_hash: TxHash,
      range: BlockRange,
      addresses: ReadonlySet<Address>
    ): Effect.fn.Return<ReadonlyArray<ScannedTransfer>, RpcFailure | RpcErrorAnswer> {
      const receipt = yield* receiptOf(endpoint, tx_hash)
      const block_number = receipt?.block_number
      if (receipt === null || block_number == null || !isAccepted(receipt.finality_status)) {
        return yield* endpoint.failure(
          `${endpoint.name} gave an event of transaction ${tx_hash}, and no receipt that it is in a block`
        )
      }
      // Reorganised into another block since: its range is read again, or comes later.
      if (block_number < range.from || block_number > range.to) return []
      if (receipt.execution_status !== "SUCCEEDED") return []
      return tokenTransfers(receipt.events).flatMap((transfer): ReadonlyArray<ScannedTransfer> => {
        const { contract, from, index, to, units } = transfer
        const token = contracts.get(contract)
        if (token === undefined || from === to || !addresses.has(to)) return []
        const amount = amountFromUnits(units, decimalsOf(token))
        if (amount === undefined) return []
        const claim = {
          chain: chain.name,
          tx_hash,
          token,
          amount,
          to_address: to,
          transfer_index: index
        }
        return [{ claim, block_number }]
      })
    })

    const scanWith = Effect.fnUntraced(function* (
      endpoint: Endpoint,
      range: BlockRange,
      addresses: ReadonlySet<Address>
    ) {
      const head = yield* headOf(endpoint, scanGroup)
      if (head < range.to) {
        return yield* endpoint.failure(
          `${endpoint.name} has no block ${range.to} yet: its newest is ${head}`
        )
      }
      const candidates = new Set<TxHash>()
      for (const contract of contracts.keys()) {
        for (const hash of yield* candidatesOf(endpoint, contract, range, addresses)) {
          candidates.add(hash)
        }
      }
      const found = yield* Effect.forEach(
        candidates,
        (hash) => transfersOf(endpoint, hash, range, addresses),
        { concurrency: maxConcurrentReceipts }
      )
      return found.flat().toSorted(byPlace)
    })

    return {
      maxBlocks,
      heads: endpoints.ask((endpoint) =>
        Effect.gen(function* () {
          const latest = yield* headOf(endpoint, scanGroup)
          const final = yield* acceptedOnL1Head(endpoint)
          return {
            latest,
            final: Math.min(final ?? Math.max(latest - assumedUnfinalBlocks, 0), latest)
          }
        })
      ),
      scan: Effect.fn("StarknetScanner.scan")(function* (range, addresses) {
        if (addresses.size === 0) return []
        return yield* endpoints.ask((endpoint) => scanWith(endpoint, range, addresses))
      })
    }
  })

const scanGroup = "scan"

const byPlace = (a: ScannedTransfer, b: ScannedTransfer): number =>
  a.block_number - b.block_number || (a.claim.transfer_index ?? 0) - (b.claim.transfer_index ?? 0)
