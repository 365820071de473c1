/**
 * Reads a whole block of an endpoint: every transaction is there, in its place, or it fails.
 *
 *     the block with its first page     all of it, ordinarily
 *     page after page                   of a block with more transactions than that
 *     smaller pages                     where an answer is larger than may be taken, down to one
 *
 * A page is read before the next is asked for, so that of a large block never all is held.
 */
import { Effect, Result } from "effect"
import type { Endpoint } from "../rpc/endpoint.ts"
import type { RpcErrorAnswer } from "../rpc/faults.ts"
import type { RpcFailure } from "../validator.ts"
import type { Block, CommittedTransaction } from "./answers.ts"
import { blockAt, maxPage, pageAt } from "./calls.ts"

export interface ReadBlock<A> {
  readonly block: Block
  /** What its transactions hold, in order. */
  readonly found: ReadonlyArray<A>
}

/** Several times what Aptos' limits of a block allow: who speaks of more is not read to the end. */
const maxTransactions = 100_000

export const readBlock = Effect.fnUntraced(function* <A, E>(
  endpoint: Endpoint,
  height: number,
  read: (transaction: CommittedTransaction) => Effect.Effect<ReadonlyArray<A>, E>
) {
  const whole = yield* Effect.result(blockAt(endpoint, height, true))
  const isSplit = Result.isFailure(whole) && isTooLarge(whole.failure)
  const block = isSplit ? yield* blockAt(endpoint, height, false) : yield* Effect.fromResult(whole)
  const { first_version, last_version } = block
  const total = last_version - first_version + 1
  if (total < 1 || total > maxTransactions) {
    return yield* endpoint.failure(
      `${endpoint.name} says that block ${height} has ${total} transactions`
    )
  }

  const found: Array<A> = []
  let next = first_version
  const take = Effect.fnUntraced(function* (page: ReadonlyArray<CommittedTransaction>) {
    for (const transaction of page) {
      if (transaction.version !== next || next > last_version) {
        return yield* endpoint.failure(
          `${endpoint.name} did not give the transactions of block ${height} one after the other`
        )
      }
      found.push(...(yield* read(transaction)))
      next++
    }
  })

  yield* take(block.transactions ?? [])
  let size = isSplit ? halfOf(Math.min(total, maxPage)) : maxPage
  while (next <= last_version) {
    const limit = Math.min(size, last_version - next + 1)
    const page = yield* Effect.result(pageAt(endpoint, next, limit))
    if (Result.isSuccess(page)) yield* take(page.success)
    else if (isTooLarge(page.failure) && limit > 1) size = halfOf(limit)
    else return yield* Effect.fail(page.failure)
  }
  return { block, found } satisfies ReadBlock<A>
})

const halfOf = (size: number): number => Math.max(Math.floor(size / 2), 1)

const isTooLarge = (error: RpcFailure | RpcErrorAnswer): boolean =>
  error._tag === "RpcFailure" && error.about === "answer_size"
