/**
 * The calls that the validator makes of a Starknet node, each answer checked against what was asked for.
 *
 * Parameters go by position: the specification names them, and every node takes both.
 */
import { Effect } from "effect"
import type { TxHash } from "../../domain/chain.ts"
import type { Endpoint } from "../rpc/endpoint.ts"
import type { RpcErrorAnswer } from "../rpc/faults.ts"
import { Block, Height, Receipt, TransactionStatus } from "./answers.ts"

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
