/**
 * Whose the stores are that a transaction touched, and what they hold, from its own changes.
 *
 * An event names only a store, or the handle it was emitted by; the change that goes with it names
 * owner and asset. Nodes list with a store's change all resources of its object.
 */
import { Option, Schema } from "effect"
import type { Address } from "../../domain/chain.ts"
import {
  CoinStore,
  FungibleStore,
  ObjectCore,
  type UserTransaction,
  WrittenResource
} from "./answers.ts"
import { canonicalTag, coinOfStore, frameworkTag } from "./struct-tag.ts"

/** The owner and the asset of one fungible store; null where it shows nowhere. */
export interface FungibleHolding {
  readonly owner: Address | null
  readonly metadata: Address | null
}

export interface CoinHolding {
  readonly owner: Address
  /** Canonical. */
  readonly coin: string
}

export interface Holdings {
  readonly stores: ReadonlyMap<Address, FungibleHolding>
  /** By the handles that emit their events, see `handleKey`. */
  readonly handles: ReadonlyMap<string, CoinHolding>
}

export const objectCore = "0x1::object::ObjectCore"
export const fungibleStore = "0x1::fungible_asset::FungibleStore"
const objectCoreTag = frameworkTag("object::ObjectCore")
const fungibleStoreTag = frameworkTag("fungible_asset::FungibleStore")

const decodeWritten = Schema.decodeUnknownOption(WrittenResource)
const decodeObjectCore = Schema.decodeUnknownOption(ObjectCore)
const decodeFungibleStore = Schema.decodeUnknownOption(FungibleStore)
const decodeCoinStore = Schema.decodeUnknownOption(CoinStore)

export const handleKey = (address: Address, creationNumber: bigint): string =>
  `${address}/${creationNumber}`

export const unknownHolding: FungibleHolding = { owner: null, metadata: null }

/** What does not decode is left out: a deposit whose owner or asset is not known is never credited. */
export const holdingsOf = ({ changes }: Pick<UserTransaction, "changes">): Holdings => {
  const stores = new Map<Address, FungibleHolding>()
  const handles = new Map<string, CoinHolding>()
  const note = (store: Address, part: Partial<FungibleHolding>) =>
    stores.set(store, { ...(stores.get(store) ?? unknownHolding), ...part })

  for (const change of changes) {
    const written = Option.getOrUndefined(decodeWritten(change))
    if (written === undefined) continue
    const { address, data: resource } = written
    const tag = canonicalTag(resource.type)
    if (tag === undefined) continue
    if (tag === objectCoreTag) {
      const core = Option.getOrUndefined(decodeObjectCore(resource.data))
      if (core !== undefined) note(address, { owner: core.owner })
    } else if (tag === fungibleStoreTag) {
      const store = Option.getOrUndefined(decodeFungibleStore(resource.data))
      if (store !== undefined) note(address, { metadata: store.metadata.inner })
    }
    const coin = coinOfStore(tag)
    const store =
      coin === undefined ? undefined : Option.getOrUndefined(decodeCoinStore(resource.data))
    if (coin !== undefined && store !== undefined) {
      for (const { guid } of [store.deposit_events, store.withdraw_events]) {
        handles.set(handleKey(guid.id.addr, guid.id.creation_num), { owner: address, coin })
      }
    }
  }
  return { stores, handles }
}
