/**
 * Brings the schema up and down: plain SQL files, `001_name.up.sql` and `001_name.down.sql`.
 *
 * Each migration is one transaction, which takes an advisory lock first and looks again at what is
 * applied: of several services that start at once one applies it, and a failed one leaves nothing.
 * So a migration must not contain what cannot run in a transaction (CREATE INDEX CONCURRENTLY).
 */
import { createHash } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { Effect, Schema } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"

export interface AppliedMigration {
  readonly version: number
  readonly name: string
}

export interface MigrationStatus {
  readonly version: number
  readonly name: string
  /** ISO 8601; null: not applied. */
  readonly applied_at: string | null
  /** Its file was edited after it was applied. */
  readonly changed: boolean
  /** The code has a file for it. If not, a newer Surehook has migrated this database. */
  readonly known: boolean
}

/** The folder of migrations cannot be read, or holds files that make no sense. */
export class MigrationFilesInvalid extends Schema.TaggedError<MigrationFilesInvalid>()(
  "MigrationFilesInvalid",
  { message: Schema.String }
) {}

/** An applied migration's file is no longer what was applied: nobody knows what schema this is. */
export class MigrationChanged extends Schema.TaggedError<MigrationChanged>()("MigrationChanged", {
  file: Schema.String,
  message: Schema.String
}) {}

/** The database was migrated by a newer Surehook. */
export class DatabaseNewer extends Schema.TaggedError<DatabaseNewer>()("DatabaseNewer", {
  version: Schema.Int,
  message: Schema.String
}) {}

/** Postgres refused a migration, which was rolled back. */
export class MigrationFailed extends Schema.TaggedError<MigrationFailed>()("MigrationFailed", {
  file: Schema.String,
  message: Schema.String
}) {}

/** Going down would destroy the history of deposits, and nobody said that it may. */
export class EventsWouldBeLost extends Schema.TaggedError<EventsWouldBeLost>()(
  "EventsWouldBeLost",
  { message: Schema.String }
) {}

export type MigrationError =
  | MigrationFilesInvalid
  | MigrationChanged
  | DatabaseNewer
  | MigrationFailed
  | EventsWouldBeLost
  | SqlError

export const migrationsDir = fileURLToPath(new URL("../../migrations/", import.meta.url))

/** Any number of our own, the same in every version of Surehook. */
const advisoryLock = 7_235_402_061

interface MigrationFile {
  readonly version: number
  readonly name: string
  readonly up: { readonly file: string; readonly sql: string; readonly checksum: string }
  readonly down: { readonly file: string; readonly sql: string } | undefined
}

const fileName = /^(\d+)_(\w+)\.(up|down)\.sql$/

/** Line ends do not count, because git may change them on checkout. */
const checksumOf = (sql: string): string =>
  createHash("sha256").update(sql.replaceAll("\r\n", "\n")).digest("hex")

const readMigrations = (
  dir: string
): Effect.Effect<ReadonlyArray<MigrationFile>, MigrationFilesInvalid> =>
  Effect.try({
    try: () => {
      const found = readdirSync(dir)
        .filter((file) => file.endsWith(".sql"))
        .map((file) => {
          const [, version, name, direction] = fileName.exec(file) ?? []
          if (version === undefined || name === undefined) {
            throw new Error(`${file} is not named like 001_name.up.sql or 001_name.down.sql`)
          }
          return { version: Number(version), name, direction, file }
        })
      const downs = found.filter(({ direction }) => direction === "down")
      const ups = found
        .filter(({ direction }) => direction === "up")
        .sort((a, b) => a.version - b.version)
      ups.forEach((up, index) => {
        const next = ups[index + 1]
        if (next !== undefined && next.version === up.version) {
          throw new Error(`${up.file} and ${next.file} have the same version`)
        }
      })
      return ups.map(({ file, name, version }) => {
        const sql = readFileSync(`${dir}/${file}`, "utf8")
        const down = downs.find((other) => other.version === version)
        return {
          version,
          name,
          up: { file, sql, checksum: checksumOf(sql) },
          down:
            down === undefined
              ? undefined
              : { file: down.file, sql: readFileSync(`${dir}/${down.file}`, "utf8") }
        }
      })
    },
    catch: (cause) =>
      new MigrationFilesInvalid({
        message: `The migrations in ${dir} cannot be used: ${cause instanceof Error ? cause.message : String(cause)}`
      })
  })

const AppliedRows = Schema.Array(
  Schema.Struct({
    version: Schema.Int,
    name: Schema.String,
    checksum: Schema.String,
    applied_at: Schema.String
  })
)

const appliedRows = Effect.gen(function* () {
  const sql = yield* SqlClient
  const rows = yield* sql`
    SELECT version, name, checksum,
      to_char(applied_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS applied_at
    FROM schema_migrations
    ORDER BY version`
  return yield* Effect.orDie(Schema.decodeUnknownEffect(AppliedRows)(rows))
})

type AppliedRow = (typeof AppliedRows.Type)[number]

/** Held until the end of the transaction. The table itself is made under it, too. */
const takeLock = Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* sql`SELECT pg_advisory_xact_lock(${advisoryLock}::bigint)`
  const [existing] = yield* sql`SELECT to_regclass('schema_migrations')::text AS name`
  if (existing?.name === null) {
    yield* sql`
      CREATE TABLE schema_migrations (
        version int PRIMARY KEY,
        name text NOT NULL,
        checksum text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now()
      )`
  }
})

const PostgresComplaint = Schema.Struct({
  message: Schema.String,
  detail: Schema.optional(Schema.String),
  hint: Schema.optional(Schema.String),
  internalPosition: Schema.optional(Schema.String)
})

/** What Postgres said, with the line of the file if it told a position. */
const complaintOf = (error: SqlError, text: string): string => {
  const complaint = Schema.decodeUnknownOption(PostgresComplaint)(error.reason.cause)
  if (complaint._tag === "None") return error.message
  const { detail, hint, internalPosition, message } = complaint.value
  const line =
    internalPosition === undefined
      ? ""
      : ` (line ${[...text].slice(0, Number(internalPosition) - 1).filter((c) => c === "\n").length + 1})`
  return [`${message}${line}`, detail, hint].filter((part) => part !== undefined).join(". ")
}

/**
 * Runs a file of many statements. The driver speaks the extended protocol only, which takes one
 * statement at a time; PL/pgSQL's EXECUTE takes many, and so Postgres itself splits them, with
 * every dollar quote and comment understood. It also refuses a COMMIT in the file.
 */
const runFile = Effect.fnUntraced(function* (file: string, text: string) {
  const sql = yield* SqlClient
  yield* sql`SELECT set_config('surehook.migration', ${text}, true)`.unprepared
  yield* sql`DO $$ BEGIN EXECUTE current_setting('surehook.migration'); END $$`.unprepared.pipe(
    Effect.mapError(
      (error) =>
        new MigrationFailed({
          file,
          message: `The migration ${file} failed and was rolled back: ${complaintOf(error, text)}`
        })
    )
  )
})

const refuseNewer = (
  files: ReadonlyArray<MigrationFile>,
  applied: ReadonlyArray<AppliedRow>
): Effect.Effect<void, DatabaseNewer> => {
  const unknown = applied.filter((row) => files.every((file) => file.version !== row.version))
  const newest = unknown.at(-1)
  return newest === undefined
    ? Effect.void
    : Effect.fail(
        new DatabaseNewer({
          version: newest.version,
          message: `The database has the migration ${newest.version}_${newest.name}, which this Surehook does not know. Start the newer Surehook that made it`
        })
      )
}

const refuseChanged = (
  files: ReadonlyArray<MigrationFile>,
  applied: ReadonlyArray<AppliedRow>
): Effect.Effect<void, MigrationChanged> => {
  const changed = files.find((file) =>
    applied.some((row) => row.version === file.version && row.checksum !== file.up.checksum)
  )
  return changed === undefined
    ? Effect.void
    : Effect.fail(
        new MigrationChanged({
          file: changed.up.file,
          message: `${changed.up.file} was changed after it was applied. Restore it, and put the change into a new migration`
        })
      )
}

/** Applies the first migration that is not applied yet; null if there is none. */
const applyNext = Effect.fnUntraced(function* (files: ReadonlyArray<MigrationFile>) {
  const sql = yield* SqlClient
  yield* takeLock
  const applied = yield* appliedRows
  yield* refuseNewer(files, applied)
  yield* refuseChanged(files, applied)
  const next = files.find((file) => applied.every((row) => row.version !== file.version))
  if (next === undefined) return null
  yield* runFile(next.up.file, next.up.sql)
  yield* sql`
    INSERT INTO schema_migrations (version, name, checksum)
    VALUES (${next.version}, ${next.name}, ${next.up.checksum})`
  return { version: next.version, name: next.name }
})

/** Applies what is missing, in the order of the versions, and says what that was. */
export const migrateUp = Effect.fn("Migrator.migrateUp")(function* (
  dir: string = migrationsDir
): Effect.fn.Return<ReadonlyArray<AppliedMigration>, MigrationError, SqlClient> {
  const sql = yield* SqlClient
  const files = yield* readMigrations(dir)
  const done: Array<AppliedMigration> = []
  while (true) {
    const applied = yield* sql.withTransaction(applyNext(files))
    if (applied === null) return done
    done.push(applied)
  }
})

/** Nobody may write an event between the look at the table and the end of the transaction. */
const refuseToLoseEvents = Effect.gen(function* () {
  const sql = yield* SqlClient
  const [table] = yield* sql`SELECT to_regclass('deposit_events')::text AS name`
  if (table?.name === null) return
  yield* sql`LOCK TABLE deposit_events IN ACCESS EXCLUSIVE MODE`
  const events = yield* sql`SELECT 1 FROM deposit_events LIMIT 1`
  if (events.length > 0) {
    return yield* new EventsWouldBeLost({
      message:
        "deposit_events holds the history of deposits, which going down would destroy for ever. Export it first; if it may go, say so with --destroy-events"
    })
  }
})

const revertLast = Effect.fnUntraced(function* (
  files: ReadonlyArray<MigrationFile>,
  destroyEvents: boolean
) {
  const sql = yield* SqlClient
  yield* takeLock
  const applied = yield* appliedRows
  yield* refuseNewer(files, applied)
  const last = applied.at(-1)
  if (last === undefined) return null
  const down = files.find((file) => file.version === last.version)?.down
  if (down === undefined) {
    return yield* new MigrationFilesInvalid({
      message: `The migration ${last.version}_${last.name} has no .down.sql file, so it cannot be undone`
    })
  }
  if (!destroyEvents) yield* refuseToLoseEvents
  yield* runFile(down.file, down.sql)
  yield* sql`DELETE FROM schema_migrations WHERE version = ${last.version}`
  return { version: last.version, name: last.name }
})

/** Undoes the last migrations, newest first, and says which those were. */
export const migrateDown = Effect.fn("Migrator.migrateDown")(function* (options: {
  readonly steps: number
  /** Agrees to the loss of every deposit's history. */
  readonly destroyEvents: boolean
  readonly dir?: string
}): Effect.fn.Return<ReadonlyArray<AppliedMigration>, MigrationError, SqlClient> {
  const sql = yield* SqlClient
  const files = yield* readMigrations(options.dir ?? migrationsDir)
  const undone: Array<AppliedMigration> = []
  while (undone.length < options.steps) {
    const reverted = yield* sql.withTransaction(revertLast(files, options.destroyEvents))
    if (reverted === null) break
    undone.push(reverted)
  }
  return undone
})

/** Every migration of the code and of the database, by version. Changes nothing. */
export const migrationStatus = Effect.fn("Migrator.migrationStatus")(function* (
  dir: string = migrationsDir
): Effect.fn.Return<ReadonlyArray<MigrationStatus>, MigrationError, SqlClient> {
  const sql = yield* SqlClient
  const files = yield* readMigrations(dir)
  const [table] = yield* sql`SELECT to_regclass('schema_migrations')::text AS name`
  const applied = table?.name === null ? [] : yield* appliedRows
  const ofFiles = files.map((file) => {
    const row = applied.find(({ version }) => version === file.version)
    return {
      version: file.version,
      name: file.name,
      applied_at: row?.applied_at ?? null,
      changed: row !== undefined && row.checksum !== file.up.checksum,
      known: true
    }
  })
  const unknown = applied
    .filter((row) => files.every((file) => file.version !== row.version))
    .map(({ applied_at, name, version }) => ({
      version,
      name,
      applied_at,
      changed: false,
      known: false
    }))
  return [...ofFiles, ...unknown].sort((a, b) => a.version - b.version)
})
