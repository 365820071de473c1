/**
 * What an endpoint shows of a transaction: whether it is committed, and what it moved.
 *
 *     at once       the newest block, the transaction
 *     if committed  its block, and owner and asset of stores that its changes do not tell
 *
 * A committed transaction is final: validators signed for it, and Aptos has no forks. So what one node
 * shows as committed needs no depth, and only of what is not there is a node that lags a poor witness.
 */
import { Clock, Effect } from "effect"
import type { TxHash } from "../../domain/chain.ts"
import type { Endpoint } from "../rpc/endpoint.ts"
import type { Endpoints } from "../rpc/endpoints.ts"
import type { RpcErrorAnswer } from "../rpc/faults.ts"
import { makeSharedLook } from "../shared-look.ts"
import type { RpcFailure } from "../validator.ts"
import type { Block, LedgerInfo, UserTransaction } from "./answers.ts"
import { blockOf, ledgerInfoOf, transactionOf } from "./calls.ts"
import type { Movement } from "./movements.ts"
import { resolveMovements } from "./resolving.ts"

interface Seen {
  readonly endpoint: string
  readonly ledger: LedgerInfo
}

export interface Committed extends Seen {
  readonly _tag: "Committed"
  readonly version: number
  readonly sender: string
  readonly success: boolean
  readonly vm_status: string
  readonly block: Block
  readonly eventCount: number
  readonly movements: ReadonlyArray<Movement>
}

export type Sighting =
  | (Seen & { readonly _tag: "Unknown" })
  | (Seen & { readonly _tag: "Pending" })
  /** A transaction of the chain itself, such as the beginning of a block. */
  | (Seen & { readonly _tag: "OfChain"; readonly type: string })
  | Committed

/** An endpoint whose newest block is older than this may be stuck: another is asked before it is believed. */
const staleHeadSeconds = 60

export const makeLook = (endpoints: Endpoints) => {
  const committedOf = Effect.fnUntraced(function* (
    endpoint: Endpoint,
    transaction: UserTransaction,
    seen: Seen
  ) {
    const [block, movements] = yield* Effect.all(
      [blockOf(endpoint, transaction.version), resolveMovements(endpoint, transaction)],
      { concurrency: "unbounded" }
    )
    const { version, sender, success, vm_status, events } = transaction
    return {
      _tag: "Committed",
      ...seen,
      version,
      sender,
      success,
      vm_status,
      block,
      eventCount: events.length,
      movements
    } satisfies Sighting
  })

  const lookAt = Effect.fnUntraced(function* (
    endpoint: Endpoint,
    hash: TxHash
  ): Effect.fn.Return<Sighting, RpcFailure | RpcErrorAnswer> {
    const [ledger, transaction] = yield* Effect.all(
      [ledgerInfoOf(endpoint), transactionOf(endpoint, hash)],
      { concurrency: "unbounded" }
    )
    yield* endpoint.observeHead(ledger.block_height)
    const seen: Seen = { endpoint: endpoint.name, ledger }
    if (transaction === null) return { _tag: "Unknown", ...seen }
    switch (transaction.type) {
      case "pending_transaction":
        return { _tag: "Pending", ...seen }
      case "user_transaction":
        return yield* committedOf(endpoint, transaction, seen)
      default:
        return { _tag: "OfChain", type: transaction.type, ...seen }
    }
  })

  const isConclusive = (sighting: Sighting, nowMillis: number): boolean => {
    if (isFinal(sighting)) return true
    const headAgeSeconds = nowMillis / 1000 - sighting.ledger.ledger_timestamp / 1_000_000
    return sighting._tag === "Pending" && headAgeSeconds <= staleHeadSeconds
  }

  return makeSharedLook(
    Effect.fnUntraced(function* (hash: TxHash) {
      const now = yield* Clock.currentTimeMillis
      const sightings = yield* endpoints.askUntil(
        (endpoint) => lookAt(endpoint, hash),
        (sighting) => isConclusive(sighting, now),
        ({ _tag }) => _tag === "Unknown"
      )
      const [first] = sightings
      return (
        sightings.find((sighting) => isConclusive(sighting, now)) ??
        sightings.find(({ _tag }) => _tag !== "Unknown") ??
        first
      )
    }),
    isFinal
  )
}

const isFinal = ({ _tag }: Sighting): boolean => _tag === "Committed" || _tag === "OfChain"
