/** How a node answers that is some blocks behind: what came later it does not know yet. Pure. */
import { Schema } from "effect"

export const Call = Schema.Struct({
  id: Schema.Unknown,
  method: Schema.String,
  params: Schema.Array(Schema.Unknown)
})
export type Call = typeof Call.Type

const Placed = Schema.Struct({ blockNumber: Schema.String })
const Numbered = Schema.Struct({ number: Schema.String })
const isPlaced = Schema.is(Placed)
const isNumbered = Schema.is(Numbered)
const isLogs = Schema.is(Schema.Array(Placed))

const hex = (height: number): string => `0x${height.toString(16)}`

/** `latest` is the newest block that the node knows. */
export const laggingCall = (call: Call, newest: number): Call =>
  call.method === "eth_getBlockByNumber" &&
  (call.params[0] === "latest" || call.params[0] === "pending")
    ? { ...call, params: [hex(newest), ...call.params.slice(1)] }
    : call

export const laggingResult = (method: string, result: unknown, newest: number): unknown => {
  switch (method) {
    case "eth_blockNumber":
      return hex(newest)
    case "eth_getBlockByNumber":
      return isNumbered(result) && Number(result.number) > newest ? null : result
    case "eth_getTransactionReceipt":
      return isPlaced(result) && Number(result.blockNumber) > newest ? null : result
    case "eth_getTransactionByHash":
      // It waits in the mempool, as far as this node knows.
      return isPlaced(result) && Number(result.blockNumber) > newest
        ? { ...result, blockNumber: null, blockHash: null, transactionIndex: null }
        : result
    case "eth_getLogs":
      return isLogs(result)
        ? result.filter(({ blockNumber }) => Number(blockNumber) <= newest)
        : result
    default:
      return result
  }
}
