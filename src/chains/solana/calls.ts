/**
 * The calls about one transaction, and about a node's slots, each answer checked against what was asked for.
 *
 * Error codes: https://docs.rs/solana-rpc-client-api/latest/src/solana_rpc_client_api/custom_error.rs.html.
 * All but these tell of the node (it is behind, has no history, its ledger has a hole) and are its
 * failures: another endpoint is asked, and the deposit waits.
 */
import { Effect, Schema } from "effect"
import type { TxHash } from "../../domain/chain.ts"
import type { Endpoint } from "../rpc/endpoint.ts"
import { Block, SignatureStatuses, Slot, Transaction } from "./answers.ts"

/** A transaction of a version that was not invented when this was written. */
const unsupportedTransactionVersion = -32015
/** Block not available for slot; block status not yet available for slot. */
const codesOfBlocksToCome: ReadonlySet<number> = new Set([-32004, -32014])

/** Null if no confirmed slot that the node knows holds it. */
export const transactionOf = (endpoint: Endpoint, hash: TxHash) =>
  endpoint
    .call(
      "getTransaction",
      [hash, { commitment: "confirmed", encoding: "json", maxSupportedTransactionVersion: 0 }],
      Schema.NullOr(Transaction),
      hash
    )
    .pipe(
      Effect.catchTag("RpcErrorAnswer", (answer) =>
        // Every node says so, for ever: as failures of the endpoints, a few such transactions would
        // open all circuits and hold up the deposits of others.
        Effect.fail(
          answer.code === unsupportedTransactionVersion
            ? endpoint.refusal(
                `the transaction is of a version that Surehook does not read yet (${answer.message}): update it and replay the deposit`
              )
            : answer
        )
      ),
      Effect.filterOrFail(
        (seen) => seen === null || seen.transaction.signatures[0] === hash,
        () => endpoint.failure(`${endpoint.name} gave another transaction than was asked for`)
      )
    )

/** What the node knows of it at any commitment; null if nothing. */
export const statusOf = (endpoint: Endpoint, hash: TxHash) =>
  endpoint
    .call(
      "getSignatureStatuses",
      [[hash], { searchTransactionHistory: true }],
      SignatureStatuses,
      hash
    )
    .pipe(Effect.map(({ value: [status] }) => status))

export const newestSlot = (
  endpoint: Endpoint,
  commitment: "confirmed" | "finalized",
  group: string
) => endpoint.call("getSlot", [{ commitment }], Slot, group)

/** The hash of the block in a slot; null if the node does not have the block yet. */
export const blockhashOf = (endpoint: Endpoint, slot: number, isFinal: boolean) =>
  endpoint
    .call(
      "getBlock",
      [
        slot,
        {
          commitment: "confirmed",
          transactionDetails: "none",
          rewards: false,
          maxSupportedTransactionVersion: 0
        }
      ],
      Schema.NullOr(Block)
    )
    .pipe(
      Effect.catchTag("RpcErrorAnswer", (answer) =>
        codesOfBlocksToCome.has(answer.code) ? Effect.succeed(null) : Effect.fail(answer)
      ),
      Effect.filterOrFail(
        // A final block that is not there will not come: to wait for it would never end.
        (block) => block !== null || !isFinal,
        () => endpoint.failure(`${endpoint.name} does not have the block of the final slot ${slot}`)
      ),
      Effect.map((block) => block?.blockhash ?? null)
    )
