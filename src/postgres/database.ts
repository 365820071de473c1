/**
 * The database as the service wants it: there, migrated, and entered as a role that cannot
 * change history.
 *
 * Without a URL it is the embedded server, which starts and stops with the scope.
 */
import { Effect, Layer, Option, type Redacted, Schema } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
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

const Durability = Schema.Array(Schema.Struct({ synchronous_commit: Schema.String }))

/**
 * Where the server does not wait for the disk, our sessions still do: a webhook that got 200 must
 * survive a power cut. A stricter setting than `on` is left as it is.
 */
const durabilitySettings = Effect.gen(function* () {
  const sql = yield* SqlClient
  const rows = yield* sql`SHOW synchronous_commit`
  const [row] = yield* Effect.orDie(Schema.decodeUnknownEffect(Durability)(rows))
  return row?.synchronous_commit === "off" ? { synchronous_commit: "on" } : {}
})

const prepare = Effect.gen(function* () {
  for (const { version, name } of yield* migrateUp()) {
    const file = `${`${version}`.padStart(3, "0")}_${name}`
    yield* Effect.logInfo(`migrated the database: ${file}`)
  }
  const role = yield* serviceRole
  return {
    settings: yield* durabilitySettings,
    ...(Option.isSome(role) ? { role: role.value } : {})
  }
})

export const databaseLayer = (options: DatabaseOptions) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const url = yield* databaseUrl(options)
      const session = yield* Effect.provide(prepare, clientLayer({ url, maxConnections: 1 }))
      return clientLayer({ url, maxConnections: options.maxConnections, ...session })
    })
  )
