/** `starknet_getEvents` on the fake chain: filtered by block, contract and keys, page by page. */
import { Option, Schema } from "effect"
import { Felt } from "../../chains/starknet/answers.ts"
import { type Answer, blockIdOf, errors, heightOf, refused } from "./starknet-calls.ts"
import { type ChainEvent, type ChainState, eventsOf, type Transaction } from "./starknet-chain.ts"

/** As much as common nodes allow. */
const maxChunkSize = 1024
const maxKeys = 16

const Filter = Schema.Struct({
  from_block: Schema.optionalKey(Schema.Unknown),
  to_block: Schema.optionalKey(Schema.Unknown),
  address: Schema.optionalKey(Felt),
  keys: Schema.optionalKey(Schema.Array(Schema.Array(Felt))),
  chunk_size: Schema.Int.pipe(Schema.check(Schema.isGreaterThanOrEqualTo(1))),
  continuation_token: Schema.optionalKey(Schema.String)
})
type Filter = typeof Filter.Type

const decodeFilter = Schema.decodeUnknownOption(Filter)

/** A token is the place of the next page's first event among all that fit. */
const startOf = (token: string): number | undefined =>
  /^[1-9]\d{0,14}$/.test(token) ? Number(token) : undefined

export const eventsPage = (state: ChainState, param: unknown): Answer => {
  const filter = Option.getOrUndefined(decodeFilter(param))
  if (filter === undefined) return refused(errors.invalidParams)
  if (filter.chunk_size > maxChunkSize) return refused(errors.pageSizeTooBig)
  const { continuation_token: token, from_block, keys = [], to_block } = filter
  if (keys.flat().length > maxKeys) return refused(errors.tooManyKeys)

  const fromId = blockIdOf(from_block ?? { block_number: 0 })
  const toId = blockIdOf(to_block ?? "latest")
  if (fromId === undefined || toId === undefined) return refused(errors.invalidParams)
  const [from, to] = [heightOf(state, fromId), heightOf(state, toId)]
  if (from === undefined || to === undefined) return refused(errors.blockNotFound)

  const fitting = emittedEvents(state, from, to).filter((event) => fits(event, filter))
  const start = token === undefined ? 0 : startOf(token)
  // No page that this chain has given leads beyond the last event.
  if (start === undefined || (token !== undefined && start >= fitting.length)) {
    return refused(errors.invalidContinuationToken)
  }
  const end = start + filter.chunk_size
  return {
    result: {
      events: fitting.slice(start, end),
      ...(end < fitting.length && { continuation_token: `${end}` })
    }
  }
}

const emittedEvents = (state: ChainState, from: number, to: number) => {
  const place = (height: number) => {
    const block = state.blocks[height]
    // Of the block that is being made there is no hash yet.
    return block === undefined ? {} : { block_hash: block.hash, block_number: height }
  }
  const transactionsAt = (height: number): ReadonlyArray<Transaction> =>
    state.blocks[height]?.transactions ??
    state.waiting.filter(({ status }) => status === "PRE_CONFIRMED")
  return Array.from({ length: Math.max(to - from + 1, 0) }, (_, index) => from + index).flatMap(
    (height) =>
      transactionsAt(height).flatMap((transaction) =>
        eventsOf(transaction).map((event) => ({
          ...event,
          ...place(height),
          transaction_hash: transaction.hash
        }))
      )
  )
}

/** By position; an empty list of keys lets any pass. */
const fits = (event: ChainEvent, { address, keys = [] }: Filter): boolean =>
  (address === undefined || address === event.from_address) &&
  keys.every((allowed, position) => {
    const key = event.keys[position]
    return key !== undefined && (allowed.length === 0 || allowed.includes(key))
  })
