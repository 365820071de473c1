/**
 * The scanner of Starknet: which transfers of the configured tokens to these addresses do these blocks hold?
 *
 *     newest height ──▶ Transfer events of each contract ──▶ receipts of those with a transfer to us
 *
 * The events tell which transactions to look at. The transfers are taken from the receipts, because
 * only these say at which index of its transaction an event stands, and whether it succeeded.
 */
import { Effect } from "effect"
import type { ChainConfig } from "../../config/chain-config.ts"
import type { ChainName, TxHash } from "../../domain/chain.ts"
import type { Endpoint } from "../rpc/endpoint.ts"
import type { Endpoints } from "../rpc/endpoints.ts"
import type { BlockRange, ChainScanner, ScannedTransfer } from "../scanner.ts"
import { acceptedOf } from "./accepted.ts"
import { arrivalsOf, type Wanted } from "./arrivals.ts"
import { headFrom, headOf, heightOnL1, receiptOf } from "./calls.ts"
import { assumedBlocksToL1, isAccepted } from "./finality.ts"
import { type PlacedEvent, searchEvents } from "./transfer-events.ts"

/** A few minutes of them. Each transaction pays its fee in STRK: that is about one event a transaction. */
const maxBlocks = 100
/** Contracts whose events are read at the same time. */
const contractsAtOnce = 4
/** As many as travel in one request. */
const receiptsAtOnce = 100

export const makeStarknetScanner = (
  chain: ChainConfig,
  endpoints: Endpoints
): Effect.Effect<ChainScanner> => {
  const tokens: Wanted["tokens"] = new Map(
    [...chain.tokens].flatMap(([symbol, token]) =>
      // Every token of Starknet is a contract.
      token._tag === "Contract"
        ? [[token.contract, { symbol, decimals: token.decimals }] as const]
        : []
    )
  )
  return Effect.succeed({
    maxBlocks,
    heads: endpoints.ask(headsOf),
    scan: Effect.fn("StarknetScanner.scan")(function* (range, addresses) {
      if (range.from > range.to || tokens.size === 0 || addresses.size === 0) return []
      return yield* endpoints.ask((endpoint) =>
        scanFrom(endpoint, chain.name, range, { tokens, addresses })
      )
    })
  })
}

const headsOf = Effect.fnUntraced(function* (endpoint: Endpoint) {
  const group = "heads"
  const [latest, onL1] = yield* Effect.all([headOf(endpoint, group), heightOnL1(endpoint, group)], {
    concurrency: "unbounded"
  })
  const final = onL1 ?? Math.max(latest - assumedBlocksToL1, 0)
  return { latest, final: Math.min(final, latest) }
})

const scanFrom = Effect.fnUntraced(function* (
  endpoint: Endpoint,
  chain: ChainName,
  range: BlockRange,
  wanted: Wanted
) {
  // Before all else: a node could get the last block between giving the events and its height.
  yield* headFrom(endpoint, range.to, "scan")
  const isWanted = (event: PlacedEvent["event"]) => arrivalsOf([event], wanted).length > 0
  const events = yield* Effect.forEach(
    wanted.tokens.keys(),
    (contract) => searchEvents(endpoint, { contract, range, isWanted }),
    { concurrency: contractsAtOnce }
  )
  const transfers = yield* Effect.forEach(
    Map.groupBy(events.flat(), ({ tx_hash }) => tx_hash),
    ([tx_hash, told]) => transfersOf(endpoint, { chain, tx_hash, told }, wanted),
    { concurrency: receiptsAtOnce }
  )
  return transfers.flat().toSorted((one, other) => one.block_number - other.block_number)
})

interface Candidate {
  readonly chain: ChainName
  readonly tx_hash: TxHash
  /** Its events that tell of a transfer to us. */
  readonly told: ReadonlyArray<PlacedEvent>
}

const transfersOf = (endpoint: Endpoint, candidate: Candidate, wanted: Wanted) =>
  transfersInReceipt(endpoint, candidate, wanted).pipe(
    // Anybody can fill a receipt. It must not hide a deposit, and much less those of other transactions.
    Effect.catchIf(
      (error) => error._tag === "RpcFailure" && error.about === "answer_size",
      () => Effect.succeed(transfersAsTold(candidate, wanted))
    )
  )

/** Without the index, which only the receipt has: the validator finds out, or says that it cannot. */
const transfersAsTold = (
  { chain, tx_hash, told }: Candidate,
  wanted: Wanted
): ReadonlyArray<ScannedTransfer> =>
  told.flatMap(({ event, block_number }) =>
    arrivalsOf([event], wanted).map((arrival) => {
      return { claim: { chain, tx_hash, ...arrival, transfer_index: null }, block_number }
    })
  )

const transfersInReceipt = Effect.fnUntraced(function* (
  endpoint: Endpoint,
  { chain, tx_hash, told }: Candidate,
  wanted: Wanted
) {
  const receipt = yield* receiptOf(endpoint, tx_hash)
  if (receipt?.block_hash == null || !isAccepted(receipt.finality_status)) {
    return yield* endpoint.failure(
      `${endpoint.name} gave events of a transaction, and no receipt that shows it in a block`
    )
  }
  const accepted = yield* acceptedOf(endpoint, receipt, receipt.block_hash)
  const { block_hash, block_number } = accepted
  if (told.some((one) => one.block_hash !== block_hash || one.block_number !== block_number)) {
    return yield* endpoint.failure(
      `${endpoint.name} gave events of one block, and the receipt of another: it was reorganised, or two nodes answered`
    )
  }
  const arrivals = arrivalsOf(accepted.events, wanted)
  if (arrivals.length < told.length) {
    return yield* endpoint.failure(`${endpoint.name} gave events that are not in the receipt`)
  }
  // A transaction that reverted still pays its fee, with an event.
  if (accepted.execution_status !== "SUCCEEDED") return []
  return arrivals.map((arrival): ScannedTransfer => {
    return { claim: { chain, tx_hash, ...arrival }, block_number }
  })
})
