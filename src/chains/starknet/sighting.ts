/**
 * What an endpoint shows of a transaction: whether it is in the chain, and how deep.
 *
 *     1st request   receipt
 *     2nd request   block at its height + newest height   (or the status, if there is no receipt)
 *
 * Behind one URL stand many nodes, and some lag. Whoever serves the second request says which block
 * is at that height and how many lie above it: both from one node, hence the group of these calls.
 */
import { Clock, Effect } from "effect"
import type { Confirmations } from "../../config/chain-config.ts"
import type { TxHash } from "../../domain/chain.ts"
import type { Endpoint } from "../rpc/endpoint.ts"
import type { Endpoints } from "../rpc/endpoints.ts"
import type { RpcErrorAnswer } from "../rpc/faults.ts"
import { makeSharedLook } from "../shared-look.ts"
import type { RpcFailure } from "../validator.ts"
import { type Accepted, acceptedOf } from "./accepted.ts"
import { blockAt, headOf, receiptOf, statusOf } from "./calls.ts"
import { type Depth, depthOf, isAccepted, overdueSeconds } from "./finality.ts"

interface Seen {
  readonly endpoint: string
  /** The height of the endpoint's newest block. */
  readonly head: number
}

export type Sighting = Seen &
  (
    | { readonly _tag: "Unknown"; readonly status: string | null }
    /** Known, but in no block of the chain: on its way, or thrown out by a reorg. */
    | { readonly _tag: "NotInChain"; readonly why: string }
    | {
        readonly _tag: "InChain"
        readonly accepted: Accepted
        readonly depth: Depth
        /** When its block was made, in seconds since 1970. */
        readonly timestamp: number
      }
  )

/** Anybody can fill a receipt with megabytes of events: those are read anew each time. */
const maxRememberedFelts = 2_000

const feltsOf = ({ events }: Accepted): number =>
  events.reduce((sum, { data, keys }) => sum + data.length + keys.length, 0)

/** Older nodes give the first for what the sequencer threw away. */
const statusesOfNoTransaction: ReadonlySet<string> = new Set(["REJECTED", "NOT_RECEIVED"])

const lookAt = Effect.fnUntraced(function* (
  endpoint: Endpoint,
  tx_hash: TxHash,
  confirmations: Confirmations
): Effect.fn.Return<Sighting, RpcFailure | RpcErrorAnswer> {
  const receipt = yield* receiptOf(endpoint, tx_hash)
  if (receipt === null) return yield* lookWithoutReceipt(endpoint, tx_hash)

  // Before 0.9 a receipt of the pending block said ACCEPTED_ON_L2, and had no block's hash.
  const { finality_status, block_hash } = receipt
  if (!isAccepted(finality_status) || block_hash == null) {
    const head = yield* headOf(endpoint, tx_hash)
    const why = `${finality_status}, but in no block yet`
    return { _tag: "NotInChain", why, endpoint: endpoint.name, head }
  }
  const accepted = yield* acceptedOf(endpoint, receipt, block_hash)
  const [block, head] = yield* Effect.all(
    [blockAt(endpoint, accepted.block_number, tx_hash), headOf(endpoint, tx_hash)],
    { concurrency: "unbounded" }
  )
  const seen: Seen = { endpoint: endpoint.name, head }
  if (block.block_hash !== accepted.block_hash || !isAccepted(block.status)) {
    // The transaction is likely to come back, so this is no verdict and costs no attempt.
    const why = `reorganised: its block ${accepted.block_hash} is not the block at height ${accepted.block_number}`
    return { _tag: "NotInChain", why, ...seen }
  }
  const place = { blockNumber: accepted.block_number, status: accepted.finality_status }
  const depth = depthOf(place, confirmations, head)
  return { _tag: "InChain", accepted, depth, timestamp: block.timestamp, ...seen }
})

const lookWithoutReceipt = Effect.fnUntraced(function* (
  endpoint: Endpoint,
  tx_hash: TxHash
): Effect.fn.Return<Sighting, RpcFailure | RpcErrorAnswer> {
  const [status, head] = yield* Effect.all(
    [statusOf(endpoint, tx_hash, tx_hash), headOf(endpoint, tx_hash)],
    { concurrency: "unbounded" }
  )
  const seen: Seen = { endpoint: endpoint.name, head }
  return status === null || statusesOfNoTransaction.has(status)
    ? { _tag: "Unknown", status, ...seen }
    : { _tag: "NotInChain", why: `${status}, but without a receipt yet`, ...seen }
})

interface Subject {
  readonly tx_hash: TxHash
  readonly confirmations: Confirmations
}

/** One look for all claims about a transaction that must be equally deep. */
export const makeLook = (endpoints: Endpoints) => {
  /** What is deep enough is so whoever says it. Of all else a node that is stuck is a poor witness. */
  const isConclusive = (
    sighting: Sighting,
    confirmations: Confirmations,
    nowMillis: number
  ): boolean =>
    sighting._tag === "InChain" &&
    (sighting.depth.isEnough ||
      nowMillis / 1000 - sighting.timestamp <= overdueSeconds(confirmations))

  const look = Effect.fnUntraced(function* ({ tx_hash, confirmations }: Subject) {
    const now = yield* Clock.currentTimeMillis
    const sightings = yield* endpoints.askUntil(
      (endpoint) => lookAt(endpoint, tx_hash, confirmations),
      (sighting) => isConclusive(sighting, confirmations, now),
      ({ _tag }) => _tag === "Unknown"
    )
    const [first] = sightings
    return (
      sightings.find((sighting) => isConclusive(sighting, confirmations, now)) ??
      sightings.find(({ _tag }) => _tag === "InChain") ??
      sightings.find(({ _tag }) => _tag === "NotInChain") ??
      first
    )
  })
  return makeSharedLook(
    look,
    (sighting) =>
      sighting._tag === "InChain" &&
      sighting.depth.isEnough &&
      sighting.depth.finality === "final" &&
      feltsOf(sighting.accepted) <= maxRememberedFelts
  )
}
