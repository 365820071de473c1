/** The calls that are made of an EVM node, each answer checked against what was asked for. */
import { Effect, Schema } from "effect"
import type { ChainConfig, Confirmations } from "../../config/chain-config.ts"
import type { TxHash } from "../../domain/chain.ts"
import type { Endpoint } from "../rpc/endpoint.ts"
import { isTagUnknown } from "../rpc/faults.ts"
import { Block, Receipt, Transaction } from "./answers.ts"
import type { Heads } from "./finality.ts"

export const receiptOf = (endpoint: Endpoint, hash: TxHash) =>
  endpoint.call("eth_getTransactionReceipt", [hash], Schema.NullOr(Receipt)).pipe(
    Effect.filterOrFail(
      (receipt) => receipt === null || receipt.transactionHash === hash,
      () => endpoint.failure(`${endpoint.name} gave the receipt of another transaction`)
    )
  )

export const transactionOf = (endpoint: Endpoint, hash: TxHash) =>
  endpoint.call("eth_getTransactionByHash", [hash], Schema.NullOr(Transaction)).pipe(
    Effect.filterOrFail(
      (transaction) => transaction === null || transaction.hash === hash,
      () => endpoint.failure(`${endpoint.name} gave another transaction than was asked for`)
    )
  )

export const hexOf = (height: number): string => `0x${height.toString(16)}`

const blockBy = (endpoint: Endpoint, heightOrTag: string, group: string) =>
  endpoint.call("eth_getBlockByNumber", [heightOrTag, false], Schema.NullOr(Block), group)

export const blockAt = (endpoint: Endpoint, height: number, group: string) =>
  blockBy(endpoint, hexOf(height), group).pipe(
    Effect.filterOrFail(
      (block) => block === null || block.number === height,
      () => endpoint.failure(`${endpoint.name} gave another block than was asked for`)
    )
  )

/** The newest block of an endpoint, which fails if it lags. */
export const latestOf = (endpoint: Endpoint, group: string) =>
  blockBy(endpoint, "latest", group).pipe(
    Effect.flatMap((latest) =>
      latest === null
        ? Effect.fail(endpoint.failure(`${endpoint.name} does not know its newest block`))
        : Effect.as(endpoint.observeHead(latest.number), latest)
    )
  )

/**
 * Reads an endpoint's heads, `safe` only where deposits wait for it. Never cached: see `Sighting`.
 */
export const makeHeads = ({ name: chain }: ChainConfig) => {
  let hasShownFinalized = false

  const finalizedOf = (endpoint: Endpoint, group: string, confirmations: Confirmations) =>
    blockBy(endpoint, "finalized", group).pipe(
      Effect.catchTag("RpcErrorAnswer", (answer) => {
        if (isTagUnknown(answer)) return Effect.succeed("unknown tag" as const)
        // A hiccup, which matters only where deposits wait for this tag.
        return confirmations === "finalized" ? Effect.fail(answer) : Effect.succeed(null)
      })
    )

  const safeOf = (endpoint: Endpoint, group: string, confirmations: Confirmations) =>
    confirmations !== "safe"
      ? Effect.succeed(null)
      : blockBy(endpoint, "safe", group).pipe(
          Effect.catchTag("RpcErrorAnswer", (answer) =>
            isTagUnknown(answer) ? Effect.succeed(null) : Effect.fail(answer)
          )
        )

  return Effect.fnUntraced(function* (
    endpoint: Endpoint,
    group: string,
    confirmations: Confirmations
  ) {
    const [latest, safe, shown] = yield* Effect.all(
      [
        latestOf(endpoint, group),
        safeOf(endpoint, group, confirmations),
        finalizedOf(endpoint, group, confirmations)
      ],
      { concurrency: "unbounded" }
    )
    const finalized = shown === "unknown tag" ? null : shown
    const wanted = { safe, finalized }
    if (typeof confirmations === "string" && wanted[confirmations] === null) {
      // A failure, so that deposits wait: a refusal would dead-letter them all for a setting.
      return yield* endpoint.failure(
        `${endpoint.name} knows no ${confirmations} block: if ${chain} has no such tag, set its confirmations to a number of blocks`
      )
    }
    if (finalized !== null) hasShownFinalized = true
    // `null` is "not known now" and keeps the deposit watched. So does a tag that was seen before.
    const hasFinalized = hasShownFinalized || shown !== "unknown tag"
    return { latest, safe, finalized, hasFinalized } satisfies Heads
  })
}
