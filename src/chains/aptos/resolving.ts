/**
 * What a transaction moved, with owner and asset of every store: those that its own changes do not tell
 * are asked for.
 */
import { Effect } from "effect"
import type { Address } from "../../domain/chain.ts"
import type { Endpoint } from "../rpc/endpoint.ts"
import type { UserTransaction } from "./answers.ts"
import { holdingAt } from "./calls.ts"
import { type FungibleHolding, holdingsOf, unknownHolding } from "./holdings.ts"
import { movementsOf, storesIn } from "./movements.ts"

/**
 * Stores of one transaction that are asked for. Nodes list every store with the changes, so none is
 * asked for ordinarily. What is beyond stays unknown, and what is unknown is not credited.
 */
const maxAskedStores = 16
const maxConcurrentAsks = 4

/** `derived` are the stores of which who asks knows by itself whose they are. */
export const resolveMovements = Effect.fnUntraced(function* (
  endpoint: Endpoint,
  transaction: UserTransaction,
  derived: ReadonlyMap<Address, FungibleHolding> = new Map()
) {
  const known = holdingsOf(transaction)
  const told = new Map([...known.stores, ...derived])
  const untold = [...storesIn(transaction)]
    .filter((store) => {
      const { owner, metadata } = told.get(store) ?? unknownHolding
      return owner === null || metadata === null
    })
    .slice(0, maxAskedStores)
  const asked = yield* Effect.forEach(
    untold,
    (store) =>
      Effect.map(
        holdingAt(endpoint, store, transaction.version),
        (holding) => [store, holding] as const
      ),
    { concurrency: maxConcurrentAsks }
  )
  const movements = movementsOf(transaction, { ...known, stores: new Map([...told, ...asked]) })
  return movements ?? (yield* malformedEvent(endpoint))
})

export const malformedEvent = (endpoint: Endpoint) =>
  endpoint.failure(`${endpoint.name} gave a transaction with a malformed event`)
