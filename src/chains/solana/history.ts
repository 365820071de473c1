/**
 * All transactions that name an address since a slot.
 *
 * A node lists them from the newest backwards, in pages. Each page begins with the last transaction
 * of the one before: a node that does not know where to go on says that there is no more, and would
 * otherwise be believed.
 */
import { Effect } from "effect"
import type { Address, TxHash } from "../../domain/chain.ts"
import type { Endpoint } from "../rpc/endpoint.ts"
import type { BlockRange } from "../scanner.ts"
import { type ListedTransaction, transactionsNaming } from "./listings.ts"

/** Most addresses have few transactions, and a hundred such pages fit into one answer. */
const firstPageLimit = 100
/** More a node does not give. */
const pageLimit = 1000
/** Pages for one address: with those of more transactions no endpoint would ever come to an end. */
const maxPages = 50

/** The newest first, up to the newest of all, whatever the range's end: `range.to` must only be there. */
export const transactionsSince = Effect.fnUntraced(function* (
  endpoint: Endpoint,
  address: Address,
  range: BlockRange
) {
  const found: Array<ListedTransaction> = []
  let before: TxHash | undefined
  for (let page = 0; page < maxPages; page++) {
    const limit = page === 0 ? firstPageLimit : pageLimit
    const listed = yield* transactionsNaming(endpoint, address, {
      limit,
      before,
      minSlot: range.to
    })
    const last = found.pop()
    if (last !== undefined && listed[0]?.signature !== last.signature) {
      return yield* endpoint.failure(
        `${endpoint.name} lost its place in the transactions of ${address}`
      )
    }
    found.push(...listed)
    const oldest = listed.at(-1)
    const next = listed.at(-2)
    if (oldest === undefined || next === undefined || oldest.slot < range.from) {
      return found.filter(({ slot }) => slot >= range.from)
    }
    before = next.signature
  }
  return yield* endpoint.refusal(
    `${address} has more than ${found.length} transactions since slot ${range.from}: too many to look through`,
    "answer_size"
  )
})
