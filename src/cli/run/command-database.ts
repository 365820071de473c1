/**
 * The database for one command: that of DATABASE_URL, else the embedded one. If a service runs on
 * the embedded one, its server is used; else the server is started, and stopped after the command.
 */
import { existsSync } from "node:fs"
import { PgClient } from "@effect/sql-pg"
import { Duration, Effect, Layer, Logger, References } from "effect"
import { Settings } from "../../config/settings.ts"
import { layer as clientLayer } from "../../postgres/client.ts"
import { databaseUrl } from "../../postgres/database.ts"
import { findPlace } from "../../postgres/embedded-place.ts"
import { migrationStatus } from "../../postgres/migrator.ts"
import { formatPrettyLine } from "../../telemetry/logging.ts"
import { refuse } from "../failure.ts"

/** A person waits at the terminal. */
const connectTimeout = Duration.seconds(10)

/** Standard output is for results. */
const logsOnStandardError = Layer.mergeAll(
  Logger.layer([Logger.withConsoleError(formatPrettyLine(false))]),
  Layer.succeed(References.MinimumLogLevel, "Warn")
)

const refuseIfAbsent = Effect.fnUntraced(function* (dataDir: string) {
  // A place is looked for only in a folder that is there, because looking makes it.
  const exists = existsSync(dataDir) && existsSync((yield* findPlace(dataDir)).clusterDir)
  if (!exists) {
    return yield* refuse(
      `There is no database in ${dataDir} yet: \`npm start\` makes one, and DATABASE_URL names one of your own.`
    )
  }
})

/** With `create`, an embedded database that is not there yet is made. */
export const withDatabase = (options: {
  readonly create: boolean
  readonly maxConnections?: number
}) =>
  Effect.provide(
    Layer.unwrap(
      Effect.gen(function* () {
        const { databaseUrl: url, dataDir } = yield* Settings
        if (url === undefined && !options.create) yield* refuseIfAbsent(dataDir)
        return clientLayer({
          url: yield* databaseUrl({ url, dataDir }),
          maxConnections: options.maxConnections ?? 1,
          connectTimeout
        })
      })
    ).pipe(Layer.provide(Settings.layer), Layer.provideMerge(logsOnStandardError))
  )

const refuseIfNotMigrated = Effect.gen(function* () {
  const pending = (yield* migrationStatus()).filter(({ applied_at }) => applied_at === null)
  if (pending.length > 0) {
    return yield* refuse(
      "The database is not migrated yet: `npm start` or `npm run surehook -- migrate up` does it."
    )
  }
})

/** Reads one state of the database, and cannot write. */
export const reading = <A, E, R>(query: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const sql = yield* PgClient.PgClient
    return yield* sql.withTransaction(
      sql`SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY`.pipe(
        Effect.andThen(refuseIfNotMigrated),
        Effect.andThen(query)
      )
    )
  }).pipe(withDatabase({ create: false }))

/** Changes the database, in transactions of its own. */
export const changing = <A, E, R>(change: Effect.Effect<A, E, R>) =>
  Effect.andThen(refuseIfNotMigrated, change).pipe(withDatabase({ create: false }))

/** Changes the database in one transaction: all of it, or nothing. */
export const writing = <A, E, R>(change: Effect.Effect<A, E, R>) =>
  changing(Effect.flatMap(PgClient.PgClient, (sql) => sql.withTransaction(change)))

const workingConnections = 10

/** Does what the service does, side by side. */
export const working = <A, E, R>(work: Effect.Effect<A, E, R>) =>
  Effect.andThen(refuseIfNotMigrated, work).pipe(
    withDatabase({ create: false, maxConnections: workingConnections })
  )
