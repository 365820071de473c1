/**
 * What a transaction moved into and out of accounts, read from its events. Pure.
 *
 *     fungible_asset::Deposit, Withdraw        module event   {store, amount}
 *     coin::CoinDeposit, CoinWithdraw          module event   {coin_type, account, amount}
 *     coin::DepositEvent, WithdrawEvent        handle's event {amount}, its guid leads to the CoinStore
 *
 * Only the framework can emit these. `coin::deposit` pays either into a CoinStore or, once the
 * account was migrated, into the paired fungible asset's store: never both, so a coin's event and a
 * fungible asset's are two deposits. But of one deposit into a CoinStore, a chain in the middle of the
 * migration of events (AIP-44) tells twice, by module and by handle: these are one movement.
 * The generic `coin::Deposit<T>` that the framework also declares was never emitted.
 * That a migration converts a whole CoinStore emits no event; neither does the fee for gas.
 */
import { Option, Schema } from "effect"
import type { Address } from "../../domain/chain.ts"
import { CoinEvent, type Event, HandleEvent, StoreEvent, type UserTransaction } from "./answers.ts"
import { type Holdings, handleKey, unknownHolding } from "./holdings.ts"
import { canonicalTag, frameworkTag } from "./struct-tag.ts"

export interface Movement {
  /** Where the events that tell of it stand in the transaction, in order. */
  readonly events: readonly [number, ...ReadonlyArray<number>]
  readonly direction: "in" | "out"
  /** Null where it shows nowhere, as is `asset`. */
  readonly owner: Address | null
  /** A fungible asset's metadata address, or a coin's canonical type. */
  readonly asset: string | null
  /** Of a fungible asset. */
  readonly store: Address | null
  readonly units: bigint
}

type Source = "store" | "module" | "handle"
type Told = Movement & { readonly source: Source }

const kinds: ReadonlyMap<string, readonly [Source, Movement["direction"]]> = new Map([
  [frameworkTag("fungible_asset::Deposit"), ["store", "in"]],
  [frameworkTag("fungible_asset::Withdraw"), ["store", "out"]],
  [frameworkTag("coin::CoinDeposit"), ["module", "in"]],
  [frameworkTag("coin::CoinWithdraw"), ["module", "out"]],
  [frameworkTag("coin::DepositEvent"), ["handle", "in"]],
  [frameworkTag("coin::WithdrawEvent"), ["handle", "out"]]
])

const decodeStoreEvent = Schema.decodeUnknownOption(StoreEvent)
const decodeCoinEvent = Schema.decodeUnknownOption(CoinEvent)
const decodeHandleEvent = Schema.decodeUnknownOption(HandleEvent)

const kindOf = ({ type }: Event) => {
  const tag = canonicalTag(type)
  return tag === undefined ? undefined : kinds.get(tag)
}

/** The fungible stores of which a transaction's events speak. */
export const storesIn = ({ events }: Pick<UserTransaction, "events">): ReadonlySet<Address> =>
  new Set(
    events.flatMap((event) => {
      if (kindOf(event)?.[0] !== "store") return []
      return decodeStoreEvent(event.data).pipe(
        Option.map(({ store }) => [store]),
        Option.getOrElse(() => [])
      )
    })
  )

/** Whether it is worth reading what the transaction moved. */
export const depositsAnything = ({ events }: Pick<UserTransaction, "events">): boolean =>
  events.some((event) => kindOf(event)?.[1] === "in")

/** Undefined if an event that moves something is malformed. */
export const movementsOf = (
  { events }: Pick<UserTransaction, "events">,
  holdings: Holdings
): ReadonlyArray<Movement> | undefined => {
  const told: Array<Told> = []
  for (const [position, event] of events.entries()) {
    const kind = kindOf(event)
    if (kind === undefined) continue
    const one = tell(event, position, kind, holdings)
    if (one === undefined) return undefined
    told.push(one)
  }
  return inOne(told)
}

const tell = (
  event: Event,
  position: number,
  [source, direction]: readonly [Source, Movement["direction"]],
  holdings: Holdings
): Told | undefined => {
  const base = { events: [position], direction, source } as const
  switch (source) {
    case "store": {
      const data = Option.getOrUndefined(decodeStoreEvent(event.data))
      if (data === undefined) return undefined
      const { owner, metadata } = holdings.stores.get(data.store) ?? unknownHolding
      return { ...base, owner, asset: metadata, store: data.store, units: data.amount }
    }
    case "module": {
      const data = Option.getOrUndefined(decodeCoinEvent(event.data))
      if (data === undefined) return undefined
      const asset = canonicalTag(data.coin_type) ?? null
      return { ...base, owner: data.account, asset, store: null, units: data.amount }
    }
    case "handle": {
      const data = Option.getOrUndefined(decodeHandleEvent(event.data))
      if (data === undefined) return undefined
      const { account_address, creation_number } = event.guid
      const holding = holdings.handles.get(handleKey(account_address, creation_number))
      const owner = holding?.owner ?? account_address
      return { ...base, owner, asset: holding?.coin ?? null, store: null, units: data.amount }
    }
  }
}

/** Each handle's event joins the module's event of the same deposit, if there is one. */
const inOne = (told: ReadonlyArray<Told>): ReadonlyArray<Movement> => {
  const twins = new Map<Told, Told>()
  const taken = new Set<Told>()
  const ofHandles = told.filter(({ source }) => source === "handle")
  // Those of a known coin choose first: one that may be of any must not take their twin.
  for (const one of [
    ...ofHandles.filter(({ asset }) => asset !== null),
    ...ofHandles.filter(({ asset }) => asset === null)
  ]) {
    const twin = told.find(
      (other) =>
        other.source === "module" &&
        !taken.has(other) &&
        other.direction === one.direction &&
        other.owner === one.owner &&
        other.units === one.units &&
        (one.asset === null || other.asset === one.asset)
    )
    if (twin === undefined) continue
    taken.add(twin)
    twins.set(one, twin)
  }
  return told
    .filter((one) => !taken.has(one))
    .map((one): Movement => {
      const twin = twins.get(one)
      const [first, second] = [one.events[0], twin?.events[0]]
      const { direction, owner, store, units } = one
      return {
        events: second === undefined ? [first] : [Math.min(first, second), Math.max(first, second)],
        direction,
        owner,
        asset: one.asset ?? twin?.asset ?? null,
        store,
        units
      }
    })
    .toSorted((a, b) => a.events[0] - b.events[0])
}
