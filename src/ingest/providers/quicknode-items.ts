/**
 * The receipts, logs, transactions and blocks in what a stream's filter returns. Pure.
 *
 * https://www.quicknode.com/docs/streams/data-sources: without a filter `data` is a list with one
 * entry for each block: a list of receipts or logs, a block, or `{ block, receipts }`. Filters return
 * parts of it (https://www.quicknode.com/docs/streams/filters/examples). So lists and the objects
 * that hold them are opened, however deep, until something known is found. What is not known is a
 * fault: a filter that returns a shape of its own would lose every deposit without a word.
 */
import { Result, type Schema } from "effect"
import type { FieldFault } from "../problem.ts"
import { joinPath } from "./fault-paths.ts"

export type ItemKind = "receipt" | "log" | "transaction" | "solana"

export interface Item {
  readonly kind: ItemKind
  readonly json: Schema.JsonObject
  readonly path: string
}

/** Objects with any of these hold what is looked for. Blocks have `transactions`. */
const holders = [
  "data",
  "block",
  "blocks",
  "receipts",
  "logs",
  "transactions",
  "matchingReceipts",
  "matchingTransactions"
] as const

const hasAny = (json: object, keys: ReadonlyArray<string>): boolean =>
  keys.some((key) => key in json)

/** By what a thing has, even if something of it is missing: then that is the fault to name. */
const kindOf = (json: object): ItemKind | undefined => {
  if ("transaction" in json && "meta" in json) return "solana"
  if ("topics" in json) return "log"
  if ("logs" in json && hasAny(json, ["transactionHash", "status", "cumulativeGasUsed"])) {
    return "receipt"
  }
  return "from" in json && hasAny(json, ["hash", "value"]) ? "transaction" : undefined
}

const unknown =
  "is no receipt, log, transaction or block: let the filter of the stream return these as the chain gives them, in lists or under `data`, `block`, `receipts`, `logs` or `transactions`"

/** What a body has, or where it has something that cannot be read. */
export type Found = Result.Result<Item, ReadonlyArray<FieldFault>>

export const isJsonObject = (json: Schema.Json | undefined): json is Schema.JsonObject =>
  typeof json === "object" && json !== null && !Array.isArray(json)

/** Everything in a body, in its order. */
export function* itemsIn(json: Schema.Json, path: string): Generator<Found> {
  if (Array.isArray(json)) {
    for (const [index, member] of json.entries()) yield* itemsIn(member, `${path}[${index}]`)
    return
  }
  if (!isJsonObject(json)) return yield Result.fail([{ path, message: unknown }])
  const kind = kindOf(json)
  if (kind !== undefined) {
    yield Result.succeed({ kind, json, path })
    // Filters merge a transaction with its receipt: then it also moves a value of its own.
    if (kind === "receipt" && "hash" in json && "value" in json) {
      yield Result.succeed({ kind: "transaction", json, path })
    }
    return
  }
  const held = holders.filter((key) => key in json)
  if (held.length === 0) return yield Result.fail([{ path, message: unknown }])
  for (const key of held) yield* itemsIn(json[key] ?? null, joinPath(path, key))
}

/** Nothing, or lists of nothing: what QuickNode sends to try an endpoint. */
export const isEmpty = (json: Schema.Json): boolean => {
  if (Array.isArray(json)) return json.every(isEmpty)
  if (!isJsonObject(json)) return json === null
  return kindOf(json) === undefined && json.data !== undefined && isEmpty(json.data)
}
