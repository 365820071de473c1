/**
 * A database of its own for a test file (or for one test), copied from the migrated template.
 *
 * ```ts
 * layer(TestDatabase.layer)("the event log", (it) => {
 *   it.effect("appends", () => Effect.gen(function* () {
 *     const sql = yield* PgClient.PgClient
 *   }))
 * })
 * ```
 */
import { randomBytes } from "node:crypto"
import { Context, Effect, Layer, Redacted } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { inject } from "vitest"
import { layer as clientLayer } from "../../src/postgres/client.ts"
import { templateName, urlOfDatabase } from "./postgres-url.ts"

const administer = <A, E>(use: Effect.Effect<A, E, SqlClient>) =>
  Effect.suspend(() =>
    use.pipe(
      Effect.provide(clientLayer({ url: Redacted.make(inject("postgresUrl")), maxConnections: 1 })),
      Effect.orDie
    )
  )

/** Makes a database for the scope. `template0`: an empty one, for tests of the migrations themselves. */
export const makeTestDatabase = (template: typeof templateName | "template0" = templateName) =>
  Effect.acquireRelease(
    Effect.gen(function* () {
      const name = `test_${randomBytes(6).toString("hex")}`
      yield* administer(
        Effect.gen(function* () {
          const sql = yield* SqlClient
          yield* sql`CREATE DATABASE ${sql(name)} TEMPLATE ${sql(template)}`.unprepared
        })
      )
      return {
        name,
        url: Redacted.make(urlOfDatabase(inject("postgresUrl"), name))
      }
    }),
    ({ name }) =>
      administer(
        Effect.gen(function* () {
          const sql = yield* SqlClient
          // FORCE: connections of a pool that closes only after us.
          yield* sql`DROP DATABASE ${sql(name)} WITH (FORCE)`.unprepared
        })
      )
  )

export class TestDatabase extends Context.Service<
  TestDatabase,
  { readonly name: string; readonly url: Redacted.Redacted<string> }
>()("surehook/test/TestDatabase") {
  /** Just the database, for what makes its own connections. */
  static readonly layerUrl = Layer.effect(TestDatabase, makeTestDatabase())

  /** The database and a pool of connections to it, as the owner of the schema. */
  static readonly layer = Layer.unwrap(
    Effect.map(TestDatabase, ({ url }) => clientLayer({ url, maxConnections: 10 }))
  ).pipe(Layer.provideMerge(TestDatabase.layerUrl))
}
