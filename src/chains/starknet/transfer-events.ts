/**
 * The Transfer events of one contract in a range of blocks: read from one endpoint, page by page.
 *
 *     a page is too large      ──▶ smaller pages
 *     the range is too large   ──▶ its two halves, down to one block
 *
 * A node that lacks the end of a range answers for the part that it has, and does not say so. Hence
 * each page comes with the height of whoever gives it.
 */
import { Effect } from "effect"
import { type Address, TxHash } from "../../domain/chain.ts"
import type { Endpoint } from "../rpc/endpoint.ts"
import { ofAnswerSize, type RpcErrorAnswer } from "../rpc/faults.ts"
import type { BlockRange } from "../scanner.ts"
import type { RpcFailure } from "../validator.ts"
import type { EmittedEvent, Event } from "./answers.ts"
import { headFrom, type PageRequest, transferEventsOf } from "./calls.ts"
import { transferSelector } from "./matching.ts"

/** An event of a block. */
export interface PlacedEvent {
  readonly event: Event
  readonly tx_hash: TxHash
  readonly block_number: number
  readonly block_hash: string
}

export interface EventSearch {
  readonly contract: Address
  readonly range: BlockRange
  /** The others are forgotten at once: a busy token has thousands. */
  readonly isWanted: (event: Event) => boolean
}

/** Events on a page. Common nodes allow 1024, and some services less. */
const pageSize = 1000
const smallPageSize = 100
/** Of one range. A node may give many empty ones, for it limits how many blocks it searches for each. */
const maxPages = 200

const pageSizeTooBig = 31

export const searchEvents = (
  endpoint: Endpoint,
  search: EventSearch
): Effect.Effect<ReadonlyArray<PlacedEvent>, RpcFailure | RpcErrorAnswer> => {
  const { from, to } = search.range
  return readPages(endpoint, search, pageSize).pipe(
    Effect.catchIf(isPageTooLarge, () => readPages(endpoint, search, smallPageSize)),
    Effect.catchIf(
      (error) => from < to && isRangeTooLarge(error),
      () => {
        const middle = Math.floor((from + to) / 2)
        return Effect.forEach(
          [
            { from, to: middle },
            { from: middle + 1, to }
          ],
          (range) => searchEvents(endpoint, { ...search, range })
        ).pipe(Effect.map((halves) => halves.flat()))
      }
    )
  )
}

const isPageTooLarge = (error: RpcFailure | RpcErrorAnswer): boolean =>
  error._tag === "RpcErrorAnswer" && error.code === pageSizeTooBig

/** Of the specification (24 block not found, 33 continuation token, 34 keys): no range is too large for these. */
const codesOfOtherFaults: ReadonlySet<number> = new Set([24, pageSizeTooBig, 33, 34])

const wordsOfLimits =
  /too (large|big|wide|long|many)|range|limit|exceed|more than|time(d)?[- ]?out/i
/** A smaller range is one call more. */
const wordsOfRateLimits = /requests|\brate\b|per second|quota|throttl/i

/** The specification has no error for it, so services say it in words of their own. */
const isRangeTooLarge = (error: RpcFailure | RpcErrorAnswer): boolean =>
  error._tag === "RpcFailure"
    ? error.about === "answer_size"
    : !codesOfOtherFaults.has(error.code) &&
      wordsOfLimits.test(error.message) &&
      !wordsOfRateLimits.test(error.message)

const readPages = Effect.fnUntraced(function* (
  endpoint: Endpoint,
  search: EventSearch,
  size: number
) {
  const { contract, range } = search
  const found: Array<PlacedEvent> = []
  const tokens = new Set<string>()
  let token: string | undefined
  for (let page = 0; page < maxPages; page++) {
    const { events, continuation_token } = yield* readPage(endpoint, {
      contract,
      range,
      size,
      token
    })
    for (const event of events) found.push(...(yield* place(endpoint, search, event)))
    if (continuation_token == null) return found
    if (tokens.has(continuation_token)) {
      return yield* endpoint.failure(
        `${endpoint.name} gave a page of events that leads in a circle`
      )
    }
    tokens.add(continuation_token)
    token = continuation_token
  }
  return yield* ofAnswerSize(
    endpoint.failure(
      `${endpoint.name} gave more than ${maxPages} pages of events of ${contract} in blocks ${range.from} to ${range.to}`
    )
  )
})

const readPage = Effect.fnUntraced(function* (endpoint: Endpoint, request: PageRequest) {
  const { contract, range, token = "" } = request
  const group = `events ${contract} ${range.from} ${range.to} ${token}`
  const [page] = yield* Effect.all(
    [transferEventsOf(endpoint, request, group), headFrom(endpoint, range.to, group)],
    { concurrency: "unbounded" }
  )
  return page
})

/** None if it is not wanted, or in no block yet. */
const place = (
  endpoint: Endpoint,
  { contract, range, isWanted }: EventSearch,
  event: typeof EmittedEvent.Type
): Effect.Effect<ReadonlyArray<PlacedEvent>, RpcFailure> => {
  const { transaction_hash, block_hash, block_number, from_address, keys } = event
  if (block_hash == null || block_number == null) return Effect.succeed([])
  const isAskedFor =
    from_address === contract &&
    keys[0] === transferSelector &&
    block_number >= range.from &&
    block_number <= range.to
  if (!isAskedFor) {
    return Effect.fail(
      endpoint.failure(`${endpoint.name} gave events of another contract or block than asked for`)
    )
  }
  const tx_hash = TxHash.make(transaction_hash)
  return Effect.succeed(isWanted(event) ? [{ event, tx_hash, block_hash, block_number }] : [])
}
