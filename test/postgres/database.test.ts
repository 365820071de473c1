/** The database as the service enters it. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { databaseLayer } from "../../src/postgres/database.ts"
import { makeTestDatabase, TestDatabase } from "../support/postgres.ts"

layer(TestDatabase.layer)("the service's database", (it) => {
  it.effect("waits for the disk also where the server's own setting does not", () =>
    Effect.gen(function* () {
      const owner = yield* SqlClient
      assert.deepStrictEqual(yield* owner`SHOW synchronous_commit`, [{ synchronous_commit: "off" }])
      const { url } = yield* TestDatabase
      const ours = yield* Effect.flatMap(SqlClient, (sql) => sql`SHOW synchronous_commit`).pipe(
        Effect.provide(databaseLayer({ url, dataDir: "", maxConnections: 1 }))
      )
      assert.deepStrictEqual(ours, [{ synchronous_commit: "on" }])
    })
  )

  it.effect("is migrated, and entered as the role that cannot change history", () =>
    Effect.gen(function* () {
      const { url } = yield* makeTestDatabase("template0")
      const [row] = yield* Effect.flatMap(
        SqlClient,
        (sql) => sql`SELECT current_user::text AS role, count(*)::int AS events FROM deposit_events`
      ).pipe(Effect.provide(databaseLayer({ url, dataDir: "", maxConnections: 1 })))
      assert.deepStrictEqual(row, { role: "surehook_service", events: 0 })
    })
  )
})
