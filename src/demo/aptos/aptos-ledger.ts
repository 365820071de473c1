/**
 * A chain in memory that stands in for Aptos', of which no node comes from npm: it executes nothing,
 * keeps no balances, and says of each transaction what it was told to say.
 */
import { randomBytes } from "node:crypto"
import { Clock, Effect, type Schema } from "effect"
import { primaryStoreOf } from "../../chains/aptos/primary-store.ts"
import { Address, TxHash } from "../../domain/chain.ts"
import {
  coinEvent,
  coinResource,
  feeStatement,
  handleEvent,
  type Resource,
  short,
  storeEvent,
  storeResources,
  writeOf
} from "./aptos-shapes.ts"

type Json = Schema.JsonObject

/** One payment within a transaction. */
export type AptosTransfer = {
  readonly from: Address
  readonly to: Address
  readonly units: bigint
} & (
  | {
      readonly _tag: "FungibleAsset"
      readonly metadata: Address
      /** Into this store of the recipient, instead of the primary one. */
      readonly store?: Address
    }
  | {
      readonly _tag: "Coin"
      readonly coin: string
      /** How a coin's movements are told; by handles if it is not set. */
      readonly tells?: "handles" | "modules" | "both"
    }
)

export interface AptosOptions {
  /** Why it fails; it succeeds without. */
  readonly failure?: string
  /** Leaves the resources out of the transaction's changes: they have to be asked for. */
  readonly isTerse?: boolean
}

export interface AptosBlock {
  readonly height: number
  readonly hash: string
  readonly firstVersion: number
  readonly lastVersion: number
  readonly timestampMicros: number
}

export interface AptosLedger {
  readonly chainId: number
  /** Commits a transaction in a block of its own. */
  readonly commit: (
    transfers: ReadonlyArray<AptosTransfer>,
    options?: AptosOptions
  ) => Effect.Effect<TxHash>
  /** Commits several in one block, in order. */
  readonly commitTogether: (
    transactions: ReadonlyArray<ReadonlyArray<AptosTransfer>>
  ) => Effect.Effect<ReadonlyArray<TxHash>>
  /** Puts one into the mempool; `land` commits it. */
  readonly pend: (transfers: ReadonlyArray<AptosTransfer>) => Effect.Effect<TxHash>
  readonly land: (hash: TxHash) => Effect.Effect<void>
  /** Blocks without any transaction of a user. */
  readonly advance: (blocks: number) => Effect.Effect<void>
  /** Forgets all before this version, as nodes do that prune. */
  readonly prune: (version: number) => void
  readonly newest: () => AptosBlock
  readonly oldestVersion: () => number
  readonly blockOf: (version: number) => AptosBlock | undefined
  readonly blockAt: (height: number) => AptosBlock | undefined
  readonly transactionOf: (hash: string) => Json | undefined
  /** Committed ones, from this version on. */
  readonly transactionsFrom: (version: number, limit: number) => ReadonlyArray<Json>
  readonly resourceOf: (address: Address, type: string) => Json | undefined
}

/** A hash or an address that nobody has seen before. */
export const fresh = (): string => `0x${randomBytes(32).toString("hex")}`
export const freshAptosAddress = (): Address => Address.make(fresh())
const freshHash = (): TxHash => TxHash.make(fresh())

/** What `aptos node run-localnet` has, https://aptos.dev/network/nodes/networks. */
const localChainId = 4

export const makeAptosLedger = (chainId: number = localChainId): AptosLedger => {
  /** By version. */
  const committed: Array<Json> = []
  const blocks: Array<AptosBlock> = []
  const byHash = new Map<string, Json>()
  const pending = new Map<TxHash, ReadonlyArray<AptosTransfer>>()
  const resources = new Map<string, Json>()
  let oldest = 0

  const addBlock = (timestampMicros: number, transactions: ReadonlyArray<Json>): AptosBlock => {
    const firstVersion = committed.length
    const hash = fresh()
    const all: ReadonlyArray<Json> = [
      { type: "block_metadata_transaction", hash: fresh(), id: hash, success: true, events: [] },
      ...transactions
    ]
    for (const transaction of all) {
      const whole = {
        ...transaction,
        version: committed.length.toString(),
        timestamp: timestampMicros.toString()
      }
      committed.push(whole)
      byHash.set(String(transaction.hash), whole)
    }
    const block: AptosBlock = {
      height: blocks.length,
      hash,
      firstVersion,
      lastVersion: committed.length - 1,
      timestampMicros
    }
    blocks.push(block)
    return block
  }
  let newest = addBlock(0, [])

  const addNow = (transactions: ReadonlyArray<Json>) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      newest = addBlock(now * 1000, transactions)
    })

  const outcome = (
    hash: TxHash,
    transfers: ReadonlyArray<AptosTransfer>,
    { failure, isTerse = false }: AptosOptions = {}
  ): Json => {
    const moves = failure === undefined ? transfers : []
    const written = moves.flatMap(resourcesOf)
    for (const { address, type, data } of written) {
      resources.set(resourceKey(address, type), { type, data })
    }
    return {
      ...request(hash, transfers),
      type: "user_transaction",
      success: failure === undefined,
      vm_status: failure ?? "Executed successfully",
      gas_used: "11",
      events: [...moves.flatMap(eventsOf), feeStatement],
      changes: isTerse ? [] : written.map(writeOf)
    }
  }

  return {
    chainId,
    commit: (transfers, options) =>
      Effect.suspend(() => {
        const hash = freshHash()
        return Effect.as(addNow([outcome(hash, transfers, options)]), hash)
      }),
    commitTogether: (transactions) =>
      Effect.suspend(() => {
        const hashes = transactions.map(freshHash)
        const outcomes = transactions.map((transfers, place) =>
          outcome(hashes[place] ?? freshHash(), transfers)
        )
        return Effect.as(addNow(outcomes), hashes)
      }),
    pend: (transfers) =>
      Effect.sync(() => {
        const hash = freshHash()
        pending.set(hash, transfers)
        byHash.set(hash, { ...request(hash, transfers), type: "pending_transaction" })
        return hash
      }),
    land: (hash) =>
      Effect.suspend(() => {
        const transfers = pending.get(hash) ?? []
        pending.delete(hash)
        return addNow([outcome(hash, transfers)])
      }),
    advance: (count) =>
      Effect.forEach(Array.from({ length: count }), () => addNow([]), { discard: true }),
    prune: (version) => {
      oldest = version
    },
    newest: () => newest,
    oldestVersion: () => oldest,
    blockOf: (version) =>
      blocks.find((block) => block.firstVersion <= version && version <= block.lastVersion),
    blockAt: (height) => blocks[height],
    transactionOf: (hash) => byHash.get(hash),
    transactionsFrom: (version, limit) => committed.slice(version, version + limit),
    resourceOf: (address, type) => resources.get(resourceKey(address, type))
  }
}

const resourceKey = (address: Address, type: string): string => `${address} ${type}`

/** What of a transaction its sender signed. */
const request = (hash: TxHash, transfers: ReadonlyArray<AptosTransfer>): Json => ({
  hash,
  sender: short(transfers[0]?.from ?? "0x1"),
  sequence_number: "0",
  max_gas_amount: "2000",
  gas_unit_price: "100",
  expiration_timestamp_secs: "32503680000",
  payload: {
    type: "entry_function_payload",
    function: "0x1::primary_fungible_store::transfer",
    type_arguments: [],
    arguments: []
  }
})

const primary = (owner: Address, metadata: Address): Address =>
  primaryStoreOf(owner, metadata) ?? Address.make(fresh())

const eventsOf = (transfer: AptosTransfer): ReadonlyArray<Json> => {
  const { from, to, units } = transfer
  if (transfer._tag === "FungibleAsset") {
    const { metadata, store = primary(to, metadata) } = transfer
    return [
      storeEvent("Withdraw", primary(from, metadata), units),
      storeEvent("Deposit", store, units)
    ]
  }
  const { coin, tells = "handles" } = transfer
  return [
    ...(tells === "handles" ? [] : [coinEvent("CoinWithdraw", coin, from, units)]),
    ...(tells === "modules" ? [] : [handleEvent("WithdrawEvent", from, units)]),
    ...(tells === "handles" ? [] : [coinEvent("CoinDeposit", coin, to, units)]),
    ...(tells === "modules" ? [] : [handleEvent("DepositEvent", to, units)])
  ]
}

const resourcesOf = (transfer: AptosTransfer): ReadonlyArray<Resource> => {
  const { from, to } = transfer
  if (transfer._tag === "FungibleAsset") {
    const { metadata, store = primary(to, metadata) } = transfer
    return [
      ...storeResources(primary(from, metadata), from, metadata),
      ...storeResources(store, to, metadata)
    ]
  }
  return [coinResource(from, transfer.coin), coinResource(to, transfer.coin)]
}
