/**
 * What an endpoint shows of a transaction: whether it is in the chain, and how deep.
 *
 *     1st request   receipt            + the transaction, for native claims
 *     2nd request   block at its height + the heads       (or the transaction, if there is no receipt)
 *
 * Behind one URL stand many nodes, and some lag. Whoever serves the second request says which block
 * is at that height and how many lie above it: both from one node, hence the group of these calls.
 * Were the heads taken from another request, a node on a fork that was given up would vouch for the
 * block, and one that is not for its depth. (Where an endpoint takes no batches, it may happen.)
 *
 * One look serves all claims about a transaction that are judged alike. What was seen is remembered
 * for a while only if the chain cannot undo it.
 */
import { Clock, Effect } from "effect"
import type { ChainConfig, Confirmations } from "../../config/chain-config.ts"
import type { TxHash } from "../../domain/chain.ts"
import type { Endpoint } from "../rpc/endpoint.ts"
import type { Endpoints } from "../rpc/endpoints.ts"
import type { RpcErrorAnswer } from "../rpc/faults.ts"
import { makeSharedLook } from "../shared-look.ts"
import type { RpcFailure } from "../validator.ts"
import type { Receipt, Transaction } from "./answers.ts"
import { blockAt, makeHeads, receiptOf, transactionOf } from "./calls.ts"
import { type Depth, depthOf, type Heads } from "./finality.ts"

/** What is looked at, and what for. */
export interface Sought {
  readonly tx_hash: TxHash
  /** Native claims need the transaction itself. */
  readonly withTransaction: boolean
  /** How deep it must be. */
  readonly confirmations: Confirmations
}

interface Seen {
  readonly endpoint: string
  readonly heads: Heads
}

export type Sighting = Seen &
  (
    | { readonly _tag: "Unknown" }
    /** Known, but not in the chain now: in the mempool, not indexed yet, or thrown out by a reorg. */
    | {
        readonly _tag: "NotInChain"
        readonly why: string
        /** Certainly in no block: it waits, or its block was thrown out. */
        readonly isAbsent: boolean
      }
    | {
        readonly _tag: "InChain"
        readonly receipt: Receipt
        /** Read for native claims only. */
        readonly transaction: Transaction | null
        readonly depth: Depth
      }
  )

/** An endpoint whose newest block is older than this may be stuck: another is asked before it is believed. */
const staleHeadSeconds = 120

/** Anybody can fill a receipt with megabytes of logs for little money: those are read anew each time. */
const maxRememberedCharacters = 65_536

const charactersOf = ({ logs }: Receipt): number =>
  logs.reduce((sum, { data, topics }) => sum + data.length + topics.join("").length, 0)

export const makeLook = (chain: ChainConfig, endpoints: Endpoints) => {
  const headsOf = makeHeads(chain)

  const lookAt = Effect.fnUntraced(function* (
    endpoint: Endpoint,
    { tx_hash, withTransaction, confirmations }: Sought
  ): Effect.fn.Return<Sighting, RpcFailure | RpcErrorAnswer> {
    const [receipt, early] = yield* Effect.all(
      [
        receiptOf(endpoint, tx_hash),
        withTransaction ? transactionOf(endpoint, tx_hash) : Effect.succeed(null)
      ],
      { concurrency: "unbounded" }
    )
    const [block, transaction, heads] = yield* Effect.all(
      [
        receipt === null ? Effect.succeed(null) : blockAt(endpoint, receipt.blockNumber, tx_hash),
        receipt === null && early === null
          ? transactionOf(endpoint, tx_hash)
          : Effect.succeed(early),
        headsOf(endpoint, tx_hash, confirmations)
      ],
      { concurrency: "unbounded" }
    )
    const seen: Seen = { endpoint: endpoint.name, heads }
    const notInChain = (why: string, isAbsent: boolean): Sighting => ({
      _tag: "NotInChain",
      why,
      isAbsent,
      ...seen
    })

    if (receipt === null) {
      if (transaction === null) return { _tag: "Unknown", ...seen }
      return transaction.blockNumber == null
        ? notInChain("in the mempool", true)
        : notInChain("receipt not available yet", false)
    }
    if (block?.hash !== receipt.blockHash) {
      // A reorg threw the receipt's block out, or the nodes behind the endpoint disagree. The
      // transaction is likely to come back, so this is no verdict and costs no attempt.
      return notInChain(
        `its block ${receipt.blockHash} is not the block at height ${receipt.blockNumber}`,
        block !== null
      )
    }
    if (withTransaction && transaction === null) {
      return notInChain("transaction not available yet", false)
    }
    const depth = depthOf(receipt.blockNumber, confirmations, heads)
    return { _tag: "InChain", receipt, transaction, depth, ...seen }
  })

  /** What is deep enough is so whoever says it. Of all else a node that lags is a poor witness. */
  const isConclusive = (sighting: Sighting, nowMillis: number): boolean => {
    if (sighting._tag === "InChain" && sighting.depth.isEnough) return true
    const headAgeSeconds = nowMillis / 1000 - sighting.heads.latest.timestamp
    return sighting._tag !== "Unknown" && headAgeSeconds <= staleHeadSeconds
  }

  const look = Effect.fnUntraced(function* (sought: Sought) {
    const now = yield* Clock.currentTimeMillis
    const sightings = yield* endpoints.askUntil(
      (endpoint) => lookAt(endpoint, sought),
      (sighting) => isConclusive(sighting, now),
      ({ _tag }) => _tag === "Unknown"
    )
    const [first] = sightings
    return (
      sightings.find((sighting) => isConclusive(sighting, now)) ??
      sightings.find(({ _tag }) => _tag !== "Unknown") ??
      first
    )
  })

  const isWorthKeeping = (sighting: Sighting) =>
    sighting._tag === "InChain" &&
    sighting.depth.isEnough &&
    sighting.depth.finality === "final" &&
    charactersOf(sighting.receipt) <= maxRememberedCharacters

  return makeSharedLook(look, isWorthKeeping)
}
