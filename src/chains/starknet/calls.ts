/**
 * The calls that validator and scanner make of a Starknet node, each answer checked against what was asked for.
 *
 * Parameters go by position: the specification names them, and every node takes both.
 */
import { Effect, type Schema } from "effect"
import type { Address, TxHash } from "../../domain/chain.ts"
import type { Endpoint } from "../rpc/endpoint.ts"
import { isOurFault, type RpcErrorAnswer } from "../rpc/faults.ts"
import type { BlockRange } from "../scanner.ts"
import { Block, EventsPage, Height, Receipt, TransactionStatus } from "./answers.ts"
import { acceptedOnL1 } from "./finality.ts"
import { transferSelector } from "./matching.ts"

/**
 * TXN_HASH_NOT_FOUND is an answer about the transaction. The other errors (24 block not found, 32 no
 * blocks, 63 unexpected error) tell of a node that lags or ails.
 */
const transactionHashNotFound = 29
const blockNotFound = 24

const nullIfNotFound = (answer: RpcErrorAnswer): Effect.Effect<null, RpcErrorAnswer> =>
  answer.code === transactionHashNotFound ? Effect.succeed(null) : Effect.fail(answer)

export const receiptOf = (endpoint: Endpoint, hash: TxHash) =>
  endpoint.call("starknet_getTransactionReceipt", [hash], Receipt).pipe(
    Effect.filterOrFail(
      (receipt) => receipt.transaction_hash === hash,
      () => endpoint.failure(`${endpoint.name} gave the receipt of another transaction`)
    ),
    Effect.catchTag("RpcErrorAnswer", nullIfNotFound)
  )

/** How far a transaction without a receipt has come: RECEIVED, CANDIDATE, …; null if it is not known. */
export const statusOf = (endpoint: Endpoint, hash: TxHash, group: string) =>
  endpoint.call("starknet_getTransactionStatus", [hash], TransactionStatus, group).pipe(
    Effect.map(({ finality_status }) => finality_status),
    Effect.catchTag("RpcErrorAnswer", nullIfNotFound)
  )

export const blockAt = (endpoint: Endpoint, height: number, group: string) =>
  endpoint.call("starknet_getBlockWithTxHashes", [{ block_number: height }], Block, group).pipe(
    Effect.filterOrFail(
      (block) => block.block_number === height,
      () => endpoint.failure(`${endpoint.name} gave another block than was asked for`)
    )
  )

/** The height of the newest block. Fails if the endpoint lags. */
export const headOf = (endpoint: Endpoint, group: string) =>
  endpoint
    .call("starknet_blockNumber", [], Height, group)
    .pipe(Effect.tap((height) => endpoint.observeHead(height)))

/** The same of an endpoint that has the block at `height`. */
export const headFrom = (endpoint: Endpoint, height: number, group: string) =>
  headOf(endpoint, group).pipe(
    Effect.filterOrFail(
      (head) => head >= height,
      (head) => endpoint.failure(`${endpoint.name} has no block ${height} yet, only ${head}`)
    )
  )

/**
 * The height of the newest block that is accepted on L1; null if the node does not know that tag, which
 * came with 0.9 of the specification, or knows no such block.
 */
export const heightOnL1 = (endpoint: Endpoint, group: string) =>
  endpoint.call("starknet_getBlockWithTxHashes", ["l1_accepted"], Block, group).pipe(
    Effect.filterOrFail(
      ({ status }) => status === acceptedOnL1,
      () => endpoint.failure(`${endpoint.name} gave a block that is not accepted on L1`)
    ),
    Effect.map(({ block_number }) => block_number),
    Effect.catchTag("RpcErrorAnswer", (answer) =>
      answer.code === blockNotFound || isOurFault(answer)
        ? Effect.succeed(null)
        : Effect.fail(answer)
    )
  )

export interface PageRequest {
  readonly contract: Address
  readonly range: BlockRange
  readonly size: number
  /** Of the page; the first has none. */
  readonly token: string | undefined
}

/** A page of the contract's Transfer events. To whom they go is not asked: older contracts say it in the data. */
export const transferEventsOf = (
  endpoint: Endpoint,
  { contract, range, size, token }: PageRequest,
  group: string
) => {
  const filter: Schema.JsonObject = {
    from_block: { block_number: range.from },
    to_block: { block_number: range.to },
    address: contract,
    keys: [[transferSelector]],
    chunk_size: size,
    ...(token !== undefined && { continuation_token: token })
  }
  return endpoint.call("starknet_getEvents", [filter], EventsPage, group)
}
