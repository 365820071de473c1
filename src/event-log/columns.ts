/**
 * The columns of a batch, as typed parameters for `unnest`.
 *
 * Left alone, the driver infers an array's type from its elements. It cannot do that for a column
 * of nulls, and every other inference is another prepared statement.
 */
import { PgTypes } from "@effect/sql-pg"
import { Result, type Schema } from "effect"

const column =
  (elementOid: number) =>
  <A>(values: ReadonlyArray<A>): PgTypes.Parameter =>
    Result.getOrThrow(PgTypes.array(values, elementOid))

type Column<A> = (values: ReadonlyArray<A | null>) => PgTypes.Parameter

export const uuids: Column<string> = column(PgTypes.OID.uuid)
export const texts: Column<string> = column(PgTypes.OID.text)
export const integers: Column<number> = column(PgTypes.OID.int4)
export const smallints: Column<number> = column(PgTypes.OID.int2)
/** Canonical decimals. */
export const numerics: Column<string> = column(PgTypes.OID.numeric)

const timestamps = column(PgTypes.OID.timestamptz)
/** ISO 8601 texts. */
export const times: Column<string> = (values) =>
  timestamps(values.map((time) => (time === null ? null : Date.parse(time))))

const bytes = column(PgTypes.OID.bytea)
/** Hex texts. */
export const hashes: Column<string> = (values) =>
  bytes(values.map((hex) => (hex === null ? null : Buffer.from(hex, "hex"))))

/** As text, for a cast to jsonb[]: a JSON null is a value there and not SQL's null. */
export const jsonTexts = (values: ReadonlyArray<Schema.Json>): PgTypes.Parameter =>
  texts(values.map((value) => JSON.stringify(value)))
