/**
 * The calls that list what an address has, each answer checked against what was asked for.
 *
 * `minContextSlot` makes a node that has not got that slot say so: behind one URL each call may reach
 * another node, and of what that one does not have yet it would say that there is nothing.
 */
import { Buffer } from "node:buffer"
import { base58 } from "@scure/base"
import { Effect, Schema, SchemaTransformation } from "effect"
import { type Address, canonicalTxHash, TxHash } from "../../domain/chain.ts"
import type { Endpoint } from "../rpc/endpoint.ts"
import { isNotOffered } from "../rpc/faults.ts"
import { Slot, SolanaAddress } from "./answers.ts"

const Signature = Schema.String.pipe(
  Schema.check(Schema.makeFilter((text: string) => canonicalTxHash("solana", text) !== undefined)),
  Schema.decodeTo(
    TxHash,
    SchemaTransformation.transform({ decode: (text) => text, encode: (hash) => hash })
  )
)

const ListedTransaction = Schema.Struct({
  signature: Signature,
  slot: Slot,
  /** Null if it succeeded. Must be there: a missing error is no success. */
  err: Schema.Json
})
export type ListedTransaction = typeof ListedTransaction.Type

const ListedTransactions = Schema.Array(ListedTransaction).pipe(
  Schema.check(
    Schema.makeFilter((listed: ReadonlyArray<ListedTransaction>) =>
      listed.every(({ slot }, index) => slot <= (listed[index - 1]?.slot ?? slot))
    )
  )
)

/** A token account's data begins with its mint and its owner. */
const keyBytes = 32
const keysOfAccount = { offset: 0, length: 2 * keyBytes }

const TokenAccounts = Schema.Struct({
  value: Schema.Array(
    Schema.Struct({
      pubkey: SolanaAddress,
      account: Schema.Struct({
        data: Schema.Tuple([
          Schema.String.pipe(Schema.check(Schema.isPattern(/^[A-Za-z0-9+/]{86}==$/))),
          Schema.Literal("base64")
        ])
      })
    })
  )
})

/** Not every endpoint offers these, and one that does not is no worse a witness of a deposit. */
const listing = <S extends Schema.ConstraintDecoder<unknown>>(
  endpoint: Endpoint,
  method: string,
  params: ReadonlyArray<Schema.Json>,
  result: S
) =>
  endpoint
    .call(method, params, result)
    .pipe(
      Effect.catchTag("RpcErrorAnswer", (answer) =>
        Effect.fail(
          isNotOffered(answer)
            ? endpoint.refusal(
                `${endpoint.name} answered ${method} with error ${answer.code}: ${answer.message}`
              )
            : answer
        )
      )
    )

/** The oldest slot of which the node still has the transactions. */
export const firstSlot = (endpoint: Endpoint) =>
  listing(endpoint, "getFirstAvailableBlock", [], Slot)

export interface Page {
  readonly limit: number
  /** Only what is older than this transaction. */
  readonly before: TxHash | undefined
  readonly minSlot: number
}

/** The transactions that name an address, successful or not, the newest first. */
export const transactionsNaming = (endpoint: Endpoint, address: Address, page: Page) =>
  listing(
    endpoint,
    "getSignaturesForAddress",
    [
      address,
      {
        commitment: "confirmed",
        limit: page.limit,
        minContextSlot: page.minSlot,
        ...(page.before === undefined ? {} : { before: page.before })
      }
    ],
    ListedTransactions
  )

/** The owner's token accounts of a mint as they are now, also those that are not the associated one. */
export const tokenAccountsOf = (
  endpoint: Endpoint,
  owner: Address,
  mint: Address,
  minSlot: number
) =>
  listing(
    endpoint,
    "getTokenAccountsByOwner",
    [
      owner,
      { mint },
      {
        commitment: "confirmed",
        encoding: "base64",
        dataSlice: keysOfAccount,
        minContextSlot: minSlot
      }
    ],
    TokenAccounts
  ).pipe(
    Effect.filterOrFail(
      ({ value }) => value.every(({ account: { data } }) => isOf(data[0], mint, owner)),
      () => endpoint.failure(`${endpoint.name} gave other token accounts than were asked for`)
    ),
    Effect.map(({ value }) => value.map(({ pubkey }) => pubkey))
  )

const isOf = (data: string, mint: Address, owner: Address): boolean => {
  const bytes = Uint8Array.from(Buffer.from(data, "base64"))
  return (
    base58.encode(bytes.subarray(0, keyBytes)) === mint &&
    base58.encode(bytes.subarray(keyBytes)) === owner
  )
}
