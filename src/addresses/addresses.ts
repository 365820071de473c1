/**
 * The addresses to which customers deposit, and whose each is.
 *
 * An address belongs to a tenant and a chain. On Solana it is the owner's, not a token account's.
 * What is registered stays: a deposit may be on its way to it for as long as the chain lives.
 */
import { PgClient } from "@effect/sql-pg"
import { Clock, Context, Effect, Layer, Option, Schema } from "effect"
import type { SqlError } from "effect/sql"
import type { Address, ChainName } from "../domain/chain.ts"
import type { TenantId } from "../domain/ids.ts"
import { texts } from "../event-log/columns.ts"
import type { Registration } from "./registration.ts"

/** In one call. Whoever has more makes several. */
export const maxRegistrations = 1_000

/** An address as one tenant may have registered it. */
export interface Addressed {
  readonly tenant_id: TenantId
  readonly chain: ChainName
  readonly address: Address
}

export interface RegisteredAddress extends Registration {
  /** `cli:<user>` or `api:<token>`. */
  readonly registered_by: string
  /** ISO 8601, UTC. */
  readonly registered_at: string
}

export interface AddressInfo {
  /** Null if the address is not registered. */
  readonly account_reference: string | null
  /** Whether the tenant has registered any address at all. */
  readonly tenant_registers: boolean
}

export interface AddressFilter {
  /** Undefined: of all. */
  readonly tenants?: ReadonlyArray<string> | undefined
  readonly chain?: string | undefined
  readonly account_reference?: string | undefined
  /** Only those that come after this one. */
  readonly after?: AddressKey | undefined
  readonly limit: number
}

/** The place of an address in the list. */
export interface AddressKey {
  readonly tenant_id: string
  readonly chain: string
  readonly address: string
}

const Conflict = Schema.Struct({
  /** Of the registration that was refused. */
  index: Schema.Int,
  chain: Schema.String,
  address: Schema.String,
  wanted: Schema.String,
  /** To whom it belongs. */
  account_reference: Schema.String,
  registered_by: Schema.String
})

/** An address belongs to another account already. Nothing was registered. */
export class AddressConflict extends Schema.TaggedError<AddressConflict>()("AddressConflict", {
  conflicts: Schema.Array(Conflict)
}) {
  override get message() {
    return this.conflicts
      .map(({ address, chain, ...conflict }) => `${address} on ${chain} ${conflictText(conflict)}`)
      .join("; ")
  }
}

type ConflictText = Pick<typeof Conflict.Type, "account_reference" | "registered_by" | "wanted">

/** Follows the address. */
export const conflictText = ({ account_reference, registered_by, wanted }: ConflictText): string =>
  `is the address of ${account_reference} (registered by ${registered_by}) and cannot be that of ${wanted} too: leave it out, or give ${wanted} another address`

export interface RegisterResult {
  /** In the order of the registrations. */
  readonly addresses: ReadonlyArray<RegisteredAddress>
  /** How many of them are new. */
  readonly registered: number
}

export class Addresses extends Context.Service<
  Addresses,
  {
    /** Those that are registered, as the very objects that were given. */
    readonly registered: (
      addresses: ReadonlyArray<Addressed>
    ) => Effect.Effect<ReadonlySet<Addressed>, SqlError.SqlError>
    /** Whose the addresses are, in their order. */
    readonly lookup: (
      addresses: ReadonlyArray<Addressed>
    ) => Effect.Effect<ReadonlyArray<AddressInfo>, SqlError.SqlError>
    /** All that are registered on a chain, by whichever tenant. */
    readonly onChain: (chain: ChainName) => Effect.Effect<ReadonlySet<Address>, SqlError.SqlError>
    /** Which tenants have registered each of these. */
    readonly ownersOf: (
      chain: ChainName,
      addresses: ReadonlyArray<Address>
    ) => Effect.Effect<ReadonlyMap<Address, ReadonlyArray<TenantId>>, SqlError.SqlError>
    /**
     * Registers all or none, at most `maxRegistrations`. Again with the same account changes nothing.
     * In a caller's transaction it is part of that.
     */
    readonly register: (
      registrations: ReadonlyArray<Registration>,
      by: string
    ) => Effect.Effect<RegisterResult, AddressConflict | SqlError.SqlError>
    /** By tenant, chain and address. */
    readonly list: (
      filter: AddressFilter
    ) => Effect.Effect<ReadonlyArray<RegisteredAddress>, SqlError.SqlError>
  }
>()("surehook/addresses/Addresses") {
  static readonly layer = Layer.effect(
    Addresses,
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient

      const keys = (addresses: ReadonlyArray<Addressed>) => sql`unnest(
        ${texts(addresses.map(({ tenant_id }) => tenant_id))},
        ${texts(addresses.map(({ chain }) => chain))},
        ${texts(addresses.map(({ address }) => address))}
      ) WITH ORDINALITY AS wanted (tenant_id, chain, address, ordinality)`

      const columns = sql.literal(
        "tenant_id, chain, address, account_reference, registered_by, registered_at"
      )

      const registered: Addresses["Service"]["registered"] = (addresses) =>
        sql<{ index: number }>`
          SELECT (wanted.ordinality - 1)::integer AS index
          FROM ${keys(addresses)}
          JOIN deposit_addresses USING (tenant_id, chain, address)`.pipe(
          Effect.map((rows) => new Set(rows.flatMap(({ index }) => addresses[index] ?? [])))
        )

      /**
       * Whether a tenant has any address is asked for in the order of the primary key. Without an
       * order the planner believes that the first row it meets will do, and reads all of the table
       * for a tenant that has none.
       */
      const lookup: Addresses["Service"]["lookup"] = (addresses) =>
        sql<AddressInfo>`
          WITH tenant AS MATERIALIZED (
            SELECT tenant_id, (
              SELECT true FROM deposit_addresses
              WHERE deposit_addresses.tenant_id = asked.tenant_id
              ORDER BY chain, address
              LIMIT 1
            ) AS registers
            FROM unnest(${texts([...new Set(addresses.map(({ tenant_id }) => tenant_id))])})
              AS asked (tenant_id)
          )
          SELECT account_reference, coalesce(tenant.registers, false) AS tenant_registers
          FROM ${keys(addresses)}
          JOIN tenant USING (tenant_id)
          LEFT JOIN deposit_addresses USING (tenant_id, chain, address)
          ORDER BY wanted.ordinality`

      /** In the order of the key, or two batches that share addresses could deadlock. */
      const insert = (registrations: ReadonlyArray<Registration>, by: string, at: Date) => sql`
        INSERT INTO deposit_addresses (${columns})
        SELECT tenant_id, chain, address, account_reference, ${by}, ${at}
        FROM unnest(
          ${texts(registrations.map(({ tenant_id }) => tenant_id))},
          ${texts(registrations.map(({ chain }) => chain))},
          ${texts(registrations.map(({ address }) => address))},
          ${texts(registrations.map(({ account_reference }) => account_reference))}
        ) WITH ORDINALITY AS entry (tenant_id, chain, address, account_reference, ordinality)
        ORDER BY tenant_id, chain, address, ordinality
        ON CONFLICT (tenant_id, chain, address) DO NOTHING
        RETURNING address`

      const read = (addresses: ReadonlyArray<Addressed>) =>
        sql<AddressRow>`
          SELECT ${columns} FROM ${keys(addresses)}
          JOIN deposit_addresses USING (tenant_id, chain, address)
          ORDER BY wanted.ordinality`.pipe(Effect.map((rows) => rows.map(fromRow)))

      const register: Addresses["Service"]["register"] = Effect.fnUntraced(
        function* (registrations, by) {
          if (registrations.length > maxRegistrations) {
            return yield* Effect.die(new Error(`more than ${maxRegistrations} addresses at once`))
          }
          const now = new Date(yield* Clock.currentTimeMillis)
          const { length: created } = yield* insert(registrations, by, now)
          if (created === registrations.length) {
            const stamp = { registered_by: by, registered_at: now.toISOString() }
            const addresses = registrations.map((one) => ({ ...one, ...stamp }))
            return { addresses, registered: created }
          }
          // A statement of its own: only a new snapshot sees what a rival committed.
          const addresses = yield* read(registrations)
          const conflicts = addresses.flatMap((stored, index) => {
            const wanted = registrations[index]?.account_reference
            const { address, chain, account_reference, registered_by } = stored
            return wanted === undefined || wanted === account_reference
              ? []
              : [{ index, chain, address, wanted, account_reference, registered_by }]
          })
          if (conflicts.length > 0) return yield* new AddressConflict({ conflicts })
          return { addresses, registered: created }
        }
      )

      /** No savepoint in a transaction that is there: an import of a million would make thousands. */
      const inTransaction = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
        Effect.flatMap(Effect.serviceOption(sql.transactionService), (around) =>
          Option.isSome(around) ? effect : sql.withTransaction(effect)
        )

      /**
       * What comes after an address, in ranges that each begin at a place in the index. One comparison
       * of the whole key would not do: beside `tenant_id = …` Postgres begins at the tenant's first
       * address, and walks to the page through all that come before it.
       */
      const rangesAfter = ({ tenant_id, chain, address }: AddressKey) => [
        sql`tenant_id = ${tenant_id} AND chain = ${chain} AND address > ${address}`,
        sql`tenant_id = ${tenant_id} AND chain > ${chain}`,
        sql`tenant_id > ${tenant_id}`
      ]

      const list: Addresses["Service"]["list"] = (filter) => {
        const { tenants, chain, account_reference, after, limit } = filter
        const conditions = [
          ...(tenants === undefined ? [] : [sql`tenant_id = ANY(${texts(tenants)})`]),
          ...(chain === undefined ? [] : [sql`chain = ${chain}`]),
          ...(account_reference === undefined
            ? []
            : [sql`account_reference = ${account_reference}`])
        ]
        const ranges = after === undefined ? [sql`true`] : rangesAfter(after)
        const parts = ranges.map(
          (range) => sql`(
            SELECT ${columns} FROM deposit_addresses
            WHERE ${sql.and([...conditions, range])}
            ORDER BY tenant_id, chain, address
            LIMIT ${limit})`
        )
        return sql<AddressRow>`
          SELECT * FROM (${sql.join(" UNION ALL ", false)(parts)}) AS page
          ORDER BY tenant_id, chain, address
          LIMIT ${limit}`.pipe(Effect.map((rows) => rows.map(fromRow)))
      }

      const onChain: Addresses["Service"]["onChain"] = (chain) =>
        sql<{ address: Address }>`
          SELECT DISTINCT address FROM deposit_addresses WHERE chain = ${chain}`.pipe(
          Effect.map((rows) => new Set(rows.map(({ address }) => address)))
        )

      const ownersOf: Addresses["Service"]["ownersOf"] = (chain, addresses) =>
        sql<{ address: Address; tenant_id: TenantId }>`
          SELECT address, tenant_id FROM deposit_addresses
          WHERE chain = ${chain} AND address = ANY(${texts(addresses)})
          ORDER BY address, tenant_id`.pipe(
          Effect.map((rows) => {
            const owners = new Map<Address, Array<TenantId>>()
            for (const { address, tenant_id } of rows) {
              owners.set(address, [...(owners.get(address) ?? []), tenant_id])
            }
            return owners
          })
        )

      return Addresses.of({
        registered,
        onChain,
        ownersOf,
        lookup,
        register: (registrations, by) => inTransaction(register(registrations, by)),
        list
      })
    })
  )
}

type AddressRow = Omit<RegisteredAddress, "registered_at"> & { readonly registered_at: Date }

const fromRow = (row: AddressRow): RegisteredAddress => ({
  ...row,
  registered_at: row.registered_at.toISOString()
})
