/**
 * A block with its transactions, each still to be decoded.
 *
 * For little money a block can be filled until no answer takes it whole. Then its transactions are
 * asked for one by one, or nothing behind that block would ever be scanned.
 */
import { Effect, Schema } from "effect"
import type { Endpoint } from "../rpc/endpoint.ts"
import { AnyObject, FullBlock, ListedBlock } from "./answers.ts"
import { hexOf } from "./calls.ts"

/** Fails if the endpoint does not have it. */
export const wholeBlockAt = (endpoint: Endpoint, height: number) =>
  blockAs(FullBlock, endpoint, height, true).pipe(
    Effect.catchTag("RpcFailure", (failure) =>
      failure.about === "answer_size" ? inParts(endpoint, height) : Effect.fail(failure)
    )
  )

const blockAs = <S extends typeof FullBlock | typeof ListedBlock>(
  form: S,
  endpoint: Endpoint,
  height: number,
  isFull: boolean
) =>
  endpoint.call("eth_getBlockByNumber", [hexOf(height), isFull], Schema.NullOr(form)).pipe(
    Effect.flatMap((block) => {
      if (block?.number === height) return Effect.succeed(block)
      return Effect.fail(
        endpoint.failure(
          block === null
            ? `${endpoint.name} does not have block ${height}`
            : `${endpoint.name} gave another block than was asked for`
        )
      )
    })
  )

const inParts = Effect.fnUntraced(function* (endpoint: Endpoint, height: number) {
  const listed = yield* blockAs(ListedBlock, endpoint, height, false)
  const transactions = yield* Effect.forEach(
    listed.transactions,
    (hash) => endpoint.call("eth_getTransactionByHash", [hash], Schema.NullOr(AnyObject)),
    { concurrency: "unbounded" }
  )
  const known = transactions.filter((one) => one !== null)
  const isAsked = known.every(({ hash }, index) => isHash(hash, listed.transactions[index]))
  if (known.length < transactions.length || !isAsked) {
    return yield* endpoint.failure(`${endpoint.name} does not know all transactions of its block`)
  }
  return { ...listed, transactions: known } satisfies FullBlock
})

const isHash = (shown: unknown, asked: string | undefined): boolean =>
  typeof shown === "string" && shown.toLowerCase() === asked
