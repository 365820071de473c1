/**
 * Whether what a transaction moved may be a deposit to one of many addresses, without asking the node.
 *
 * Ordinarily the transaction's own changes tell owner and asset of each store, and that is one look into
 * a set. Where they do not, the store's address does: a primary store's is a hash of both. Hashing
 * all of 100,000 addresses takes a second, so it is done once a scan and only if such a store shows up.
 */
import { Effect } from "effect"
import type { ChainConfig, TokenConfig } from "../../config/chain-config.ts"
import { Address } from "../../domain/chain.ts"
import type { TokenSymbol } from "../../domain/ids.ts"
import type { FungibleHolding } from "./holdings.ts"
import { assetsOf } from "./matching.ts"
import type { Movement } from "./movements.ts"
import { primaryStoreOf } from "./primary-store.ts"

export interface Watched {
  readonly isWatched: (owner: Address) => boolean
  readonly tokensOf: (asset: string) => ReadonlyArray<readonly [TokenSymbol, TokenConfig]>
  /**
   * Of the stores that these deposits went into, those that are watched and of which no change tells it;
   * undefined if none of the deposits can be to a watched address.
   */
  readonly look: (
    movements: ReadonlyArray<Movement>
  ) => Effect.Effect<ReadonlyMap<Address, FungibleHolding> | undefined>
}

/** Hashes after which other work has its turn. */
const hashesAtOnce = 1_000

export const watch = Effect.fnUntraced(function* (
  chain: ChainConfig,
  addresses: ReadonlySet<Address>
) {
  const tokens = [...chain.tokens].map(
    ([symbol, token]) => [symbol, token, assetsOf(token)] as const
  )
  const assets = new Set(tokens.flatMap(([, , ofToken]) => ofToken))
  // The others are types of coins, which have no stores.
  const fungibleAssets = [...assets]
    .filter((asset) => !asset.includes("::"))
    .map((asset) => Address.make(asset))

  const primaryStores = yield* Effect.cached(
    Effect.gen(function* () {
      const stores = new Map<Address, FungibleHolding>()
      for (const owner of addresses) {
        for (const metadata of fungibleAssets) {
          const store = primaryStoreOf(owner, metadata)
          if (store !== undefined) stores.set(store, { owner, metadata })
          if (stores.size % hashesAtOnce === 0) yield* Effect.yieldNow
        }
      }
      return stores
    })
  )

  const isUntold = ({ asset, owner }: Movement) => asset === null || owner === null
  const mayBeOurs = ({ asset, direction, owner }: Movement) =>
    direction === "in" &&
    (owner === null || addresses.has(owner)) &&
    (asset === null || assets.has(asset))

  return {
    isWatched: (owner) => addresses.has(owner),
    tokensOf: (asset) =>
      tokens.flatMap(([symbol, token, ofToken]) =>
        ofToken.includes(asset) ? [[symbol, token] as const] : []
      ),
    look: Effect.fnUntraced(function* (movements) {
      const possible = movements.filter(mayBeOurs)
      const untold = possible.flatMap((one) =>
        isUntold(one) && one.store !== null ? [one.store] : []
      )
      const derived = new Map<Address, FungibleHolding>()
      if (untold.length > 0) {
        const stores = yield* primaryStores
        for (const store of untold) {
          const holding = stores.get(store)
          if (holding !== undefined) derived.set(store, holding)
        }
      }
      return derived.size > 0 || possible.some((one) => !isUntold(one)) ? derived : undefined
    })
  } satisfies Watched
})
