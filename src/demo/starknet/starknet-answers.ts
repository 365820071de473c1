/**
 * What a node says of the fake chain, method by method, in the shapes of JSON-RPC specification 0.9:
 * https://github.com/starkware-libs/starknet-specs/blob/v0.9.0/api/starknet_api_openrpc.json
 *
 * Pure: the chain's state and a call in, a result or an error out.
 */
import { Predicate, type Schema } from "effect"
import { type Answer, blockIdOf, errors, heightOf, paramOf, refused } from "./starknet-calls.ts"
import {
  type Block,
  type ChainState,
  eventsOf,
  feeUnits,
  hex,
  sequencer,
  type Transaction,
  type WaitingStatus
} from "./starknet-chain.ts"
import { eventsPage } from "./starknet-events.ts"

export const answerCall = (
  state: ChainState,
  method: string,
  params: Schema.Json | undefined
): Answer => {
  switch (method) {
    case "starknet_specVersion":
      return { result: "0.9.0" }
    case "starknet_chainId":
      return { result: hexOfText(state.chainId) }
    case "starknet_blockNumber":
      return { result: state.blocks.length - 1 }
    case "starknet_getBlockWithTxHashes":
      return blockAnswer(state, params)
    case "starknet_getTransactionReceipt":
      return receiptAnswer(state, params)
    case "starknet_getTransactionStatus":
      return statusAnswer(state, params)
    case "starknet_getEvents":
      return eventsPage(state, paramOf(params, 0, "filter"))
    default:
      return refused(errors.methodNotFound)
  }
}

const hexOfText = (text: string): string =>
  `0x${[...text].map((character) => character.charCodeAt(0).toString(16)).join("")}`

const acceptance = (state: ChainState, height: number): string =>
  height <= state.acceptedOnL1 ? "ACCEPTED_ON_L1" : "ACCEPTED_ON_L2"

const price = { price_in_fri: "0x1", price_in_wei: "0x1" }

const commonHeader = (timestamp: number) => ({
  timestamp,
  sequencer_address: sequencer,
  l1_gas_price: price,
  l2_gas_price: price,
  l1_data_gas_price: price,
  l1_da_mode: "BLOB",
  starknet_version: "0.14.0"
})

const hashesOf = (transactions: ReadonlyArray<Transaction>) => transactions.map(({ hash }) => hash)

const blockAnswer = (state: ChainState, params: Schema.Json | undefined): Answer => {
  const id = blockIdOf(paramOf(params, 0, "block_id"))
  if (id === undefined) return refused(errors.invalidParams)
  const height = heightOf(state, id)
  const block = height === undefined ? undefined : state.blocks[height]
  if (height === undefined) return refused(errors.blockNotFound)
  return {
    result: block === undefined ? preConfirmedBlock(state) : closedBlock(state, block, height)
  }
}

const closedBlock = (state: ChainState, block: Block, height: number) => ({
  status: acceptance(state, height),
  block_hash: block.hash,
  parent_hash: state.blocks[height - 1]?.hash ?? "0x0",
  block_number: height,
  new_root: block.hash,
  ...commonHeader(block.timestamp),
  transactions: hashesOf(block.transactions)
})

/** The block that is being made has neither hash nor status. */
const preConfirmedBlock = (state: ChainState) => ({
  block_number: state.blocks.length,
  ...commonHeader(state.blocks.at(-1)?.timestamp ?? 0),
  transactions: hashesOf(state.waiting.filter(({ status }) => status === "PRE_CONFIRMED"))
})

type Found =
  | { readonly _tag: "InBlock"; readonly transaction: Transaction; readonly height: number }
  | { readonly _tag: "Waiting"; readonly transaction: Transaction; readonly status: WaitingStatus }

const findTransaction = (state: ChainState, hash: string): Found | undefined => {
  for (const [height, { transactions }] of state.blocks.entries()) {
    const transaction = transactions.find((one) => one.hash === hash)
    if (transaction !== undefined) return { _tag: "InBlock", transaction, height }
  }
  const transaction = state.waiting.find((one) => one.hash === hash)
  return transaction && { _tag: "Waiting", transaction, status: transaction.status }
}

const executionOf = ({ revertReason }: Transaction, reasonName: string): Schema.JsonObject =>
  revertReason === null
    ? { execution_status: "SUCCEEDED" }
    : { execution_status: "REVERTED", [reasonName]: revertReason }

const hashParam = (params: Schema.Json | undefined): string | undefined => {
  const hash = paramOf(params, 0, "transaction_hash")
  return Predicate.isString(hash) ? hash : undefined
}

const receiptAnswer = (state: ChainState, params: Schema.Json | undefined): Answer => {
  const hash = hashParam(params)
  if (hash === undefined) return refused(errors.invalidParams)
  const found = findTransaction(state, hash)
  // What is not executed yet has no receipt.
  if (found === undefined || (found._tag === "Waiting" && found.status !== "PRE_CONFIRMED")) {
    return refused(errors.transactionHashNotFound)
  }
  const { transaction } = found
  const height = found._tag === "InBlock" ? found.height : state.blocks.length
  const block = state.blocks[height]
  return {
    result: {
      type: "INVOKE",
      transaction_hash: hash,
      actual_fee: { amount: hex(feeUnits), unit: "FRI" },
      ...executionOf(transaction, "revert_reason"),
      finality_status: block === undefined ? "PRE_CONFIRMED" : acceptance(state, height),
      ...(block !== undefined && { block_hash: block.hash }),
      block_number: height,
      messages_sent: [],
      events: eventsOf(transaction).map((event) => ({ ...event })),
      execution_resources: { l1_gas: 0, l1_data_gas: 128, l2_gas: 1_000_000 }
    }
  }
}

const statusAnswer = (state: ChainState, params: Schema.Json | undefined): Answer => {
  const hash = hashParam(params)
  if (hash === undefined) return refused(errors.invalidParams)
  const found = findTransaction(state, hash)
  if (found === undefined) return refused(errors.transactionHashNotFound)
  const finality_status = found._tag === "InBlock" ? acceptance(state, found.height) : found.status
  const isExecuted = finality_status !== "RECEIVED" && finality_status !== "CANDIDATE"
  return {
    result: {
      finality_status,
      ...(isExecuted && executionOf(found.transaction, "failure_reason"))
    }
  }
}
