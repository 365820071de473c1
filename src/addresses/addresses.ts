/**
 * The addresses to which customers deposit, and whose each is.
 *
 * An address belongs to a tenant and a chain. On Solana it is the owner's, not a token account's.
 */
import { PgClient } from "@effect/sql-pg"
import { Context, Effect, Layer } from "effect"
import type { SqlError } from "effect/sql"
import type { Address, ChainName } from "../domain/chain.ts"
import type { TenantId } from "../domain/ids.ts"
import { texts } from "../event-log/columns.ts"

/** An address as one tenant may have registered it. */
export interface Addressed {
  readonly tenant_id: TenantId
  readonly chain: ChainName
  readonly address: Address
}

export class Addresses extends Context.Service<
  Addresses,
  {
    /** Those that are registered, as the very objects that were given. */
    readonly registered: (
      addresses: ReadonlyArray<Addressed>
    ) => Effect.Effect<ReadonlySet<Addressed>, SqlError.SqlError>
  }
>()("surehook/addresses/Addresses") {
  static readonly layer = Layer.effect(
    Addresses,
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      return Addresses.of({
        registered: (addresses) =>
          sql<{ index: number }>`
            SELECT (wanted.ordinality - 1)::integer AS index
            FROM unnest(
              ${texts(addresses.map(({ tenant_id }) => tenant_id))},
              ${texts(addresses.map(({ chain }) => chain))},
              ${texts(addresses.map(({ address }) => address))}
            ) WITH ORDINALITY AS wanted (tenant_id, chain, address, ordinality)
            JOIN deposit_addresses USING (tenant_id, chain, address)`.pipe(
            Effect.map((rows) => new Set(rows.flatMap(({ index }) => addresses[index] ?? [])))
          )
      })
    })
  )
}
