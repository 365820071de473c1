/**
 * The calls that validator and scanner make of a Starknet node, each answer checked against what was asked for.
 *
 * Parameters go by position: the specification names them, and every node takes both.
 */
import { Effect, type Schema } from "effect"
import type { TxHash } from "../../domain/chain.ts"
import type { Endpoint } from "../rpc/endpoint.ts"
import type { RpcErrorAnswer } from "../rpc/faults.ts"
import { Block, EventsPage, Height, Receipt, TransactionStatus } from "./answers.ts"

/**
 * TXN_HASH_NOT_FOUND is an answer about the transaction. The other errors (24 block not found, 32 no
 * blocks, 63 unexpected error) tell of a node that lags or ails.
 */
const transactionHashNotFound = 29

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

export const eventsPage = (endpoint: Endpoint, filter: Schema.JsonObject) =>
  endpoint.call("starknet_getEvents", [filter], EventsPage)

/** The height up to which blocks are accepted on L1; null if the node does not know that tag. */
export const acceptedOnL1Head = (endpoint: Endpoint) =>
  endpoint.call("starknet_getBlockWithTxHashes", ["l1_accepted"], Block).pipe(
    Effect.map((block): number | null => block.block_number),
    Effect.catchTag("RpcErrorAnswer", ({ code }) =>
      // Older than specification 0.9, or no block is accepted yet.
      code === invalidParams || code === blockNotFound
        ? Effect.succeed(null)
        : Effect.fail(
            endpoint.failure(`${endpoint.name} answered with error ${code} for l1_accepted`)
          )
    )
  )

const invalidParams = -32602
const blockNotFound = 24
