/**
 * What an endpoint shows of a transaction: whether it is in a confirmed slot, and how deep.
 *
 *     1st request   transaction + its status + the newest confirmed and finalized slot
 *     2nd request   the hash of its slot's block
 *
 * The calls of the first are one group, so one node answers them, and what they say can be set
 * against each other. Where it does not fit together (a status that is not confirmed, another slot)
 * nodes behind the URL disagree, or a fork was just given up: that is no verdict, it is time to wait.
 */
import { Clock, Effect } from "effect"
import type { TxHash } from "../../domain/chain.ts"
import type { Endpoint } from "../rpc/endpoint.ts"
import type { Endpoints } from "../rpc/endpoints.ts"
import type { RpcErrorAnswer } from "../rpc/faults.ts"
import { makeSharedLook } from "../shared-look.ts"
import type { RpcFailure, RpcRefused } from "../validator.ts"
import type { SignatureStatus, Transaction } from "./answers.ts"
import { blockhashOf, newestSlot, statusOf, transactionOf } from "./calls.ts"
import { type Heads, headAgeMillis } from "./depth.ts"

interface Seen {
  readonly endpoint: string
  readonly heads: Heads
}

export type Sighting = Seen &
  (
    | { readonly _tag: "Unknown" }
    /** Known, but in no confirmed slot that can be read now. */
    | { readonly _tag: "NotConfirmed"; readonly slot: number; readonly why: string }
    | {
        readonly _tag: "Confirmed"
        readonly transaction: Transaction
        readonly blockhash: string
        readonly isFinal: boolean
      }
  )

/** An endpoint whose newest slot is older than this may be stuck: another is asked before it is believed. */
const staleHeadMillis = 120_000

/** Why a transaction that the node gave is not to be believed yet; undefined if it is. */
const doubt = (transaction: Transaction, status: SignatureStatus | null): string | undefined => {
  // The cache of statuses may have dropped it, while the ledger has it.
  if (status === null) return undefined
  if (status.confirmationStatus === "processed") return "it is processed, but not confirmed"
  if (status.slot !== transaction.slot) {
    return `it is in slot ${transaction.slot} by getTransaction, in slot ${status.slot} by its status`
  }
  return undefined
}

const lookAt = Effect.fnUntraced(function* (
  endpoint: Endpoint,
  hash: TxHash
): Effect.fn.Return<Sighting, RpcFailure | RpcRefused | RpcErrorAnswer> {
  const [transaction, status, confirmed, finalized] = yield* Effect.all(
    [
      transactionOf(endpoint, hash),
      statusOf(endpoint, hash),
      newestSlot(endpoint, "confirmed", hash),
      newestSlot(endpoint, "finalized", hash)
    ],
    { concurrency: "unbounded" }
  )
  yield* endpoint.observeHead(confirmed)
  const seen: Seen = { endpoint: endpoint.name, heads: { confirmed, finalized } }
  const notConfirmed = (slot: number, why: string): Sighting => ({
    _tag: "NotConfirmed",
    slot,
    why,
    ...seen
  })

  if (transaction === null) {
    if (status === null) return { _tag: "Unknown", ...seen }
    return notConfirmed(
      status.slot,
      status.confirmationStatus === "processed"
        ? "it is processed, but not confirmed"
        : "its status is known, but it cannot be read yet"
    )
  }
  const { slot } = transaction
  const why = doubt(transaction, status)
  if (why !== undefined) return notConfirmed(slot, why)
  if (status !== null && (status.err === null) !== (transaction.meta.err === null)) {
    return yield* endpoint.failure(
      `${endpoint.name} says both that the transaction failed and that it succeeded`
    )
  }
  const isFinal = status?.confirmationStatus === "finalized" || slot <= finalized
  const blockhash = yield* blockhashOf(endpoint, slot, isFinal)
  if (blockhash === null) return notConfirmed(slot, `the block of slot ${slot} is not there yet`)
  return { _tag: "Confirmed", transaction, blockhash, isFinal, ...seen }
})

/** What is final is so whoever says it. Of all else a node that lags is a poor witness. */
const isConclusive = (sighting: Sighting, nowMillis: number): boolean => {
  if (sighting._tag !== "Confirmed") return false
  const { slot, blockTime } = sighting.transaction
  return (
    sighting.isFinal ||
    blockTime == null ||
    headAgeMillis({ slot, timeSeconds: blockTime }, sighting.heads, nowMillis) <= staleHeadMillis
  )
}

const ranks = { Unknown: 0, NotConfirmed: 1, Confirmed: 2 } as const

/** Of sightings that tell the same, that of the newest slot is the best. */
const tellsMore = (one: Sighting, other: Sighting): boolean => {
  const difference = ranks[one._tag] - ranks[other._tag]
  return difference > 0 || (difference === 0 && one.heads.confirmed > other.heads.confirmed)
}

/** Looks at a transaction. One look serves all claims about it, of whatever token. */
export const makeLook = (endpoints: Endpoints) =>
  makeSharedLook(
    Effect.fnUntraced(function* (hash: TxHash) {
      const now = yield* Clock.currentTimeMillis
      const sightings = yield* endpoints.askUntil(
        (endpoint) => lookAt(endpoint, hash),
        (sighting) => isConclusive(sighting, now),
        ({ _tag }) => _tag === "Unknown"
      )
      return (
        sightings.find((sighting) => isConclusive(sighting, now)) ??
        sightings.reduce((best, other) => (tellsMore(other, best) ? other : best))
      )
    }),
    (sighting) => sighting._tag === "Confirmed" && sighting.isFinal
  )
