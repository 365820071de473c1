/**
 * The database as the service wants it: there, migrated, and entered as a role that cannot
 * change history.
 *
 * Without a URL it is the embedded server, which starts and stops with the scope.
 */
import { Effect, Layer, Option, type Redacted } from "effect"
import { layer as clientLayer, serviceRole } from "./client.ts"
import { EmbeddedPostgres } from "./embedded.ts"
import { migrateUp } from "./migrator.ts"

export interface DatabaseOptions {
  readonly url: Redacted.Redacted<string> | undefined
  /** Of the embedded server. */
  readonly dataDir: string
  readonly maxConnections: number
}

/** The URL that was given, or that of the embedded server, which is started. */
export const databaseUrl = ({ url, dataDir }: Pick<DatabaseOptions, "url" | "dataDir">) =>
  url === undefined
    ? Effect.map(EmbeddedPostgres.acquire({ dataDir }), (server) => server.url)
    : Effect.succeed(url)

const migrate = Effect.gen(function* () {
  for (const { version, name } of yield* migrateUp()) {
    yield* Effect.logInfo(`migrated the database: ${version}_${name}`)
  }
  return yield* serviceRole
})

export const databaseLayer = (options: DatabaseOptions) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const url = yield* databaseUrl(options)
      const role = yield* Effect.provide(migrate, clientLayer({ url, maxConnections: 1 }))
      return clientLayer({
        url,
        maxConnections: options.maxConnections,
        ...(Option.isSome(role) ? { role: role.value } : {})
      })
    })
  )
