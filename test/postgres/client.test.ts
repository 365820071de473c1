/** The pool's configuration from a URL, and the role it works as. */
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Option, Redacted } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { layer as clientLayer, poolConfig, serviceRole } from "../../src/postgres/client.ts"
import { TestDatabase } from "../support/postgres.ts"

const config = (url: string, role?: string) =>
  poolConfig({
    url: Redacted.make(url),
    maxConnections: 3,
    ...(role === undefined ? {} : { role })
  })

const base = "postgres://ada:secret@db.example:6543/shop"

describe("the client's URL", () => {
  it.effect("leaves TLS to the driver unless sslmode demands it", () =>
    Effect.gen(function* () {
      for (const url of [base, `${base}?sslmode=disable`, `${base}?sslmode=prefer`]) {
        const { ssl, url: passed } = yield* config(url)
        assert.isUndefined(ssl)
        assert.strictEqual(passed && Redacted.value(passed), url)
      }
    })
  )

  it.effect("encrypts for sslmode=require, as psql does, whoever signed the certificate", () =>
    Effect.gen(function* () {
      for (const mode of ["require", "no-verify"]) {
        const { ssl, url } = yield* config(`${base}?sslmode=${mode}&application_name=x`)
        assert.deepStrictEqual(ssl, { rejectUnauthorized: false })
        assert.strictEqual(url && Redacted.value(url), `${base}?application_name=x`)
      }
    })
  )

  it.effect(
    "verifies certificate and host for sslmode=verify-full, the certificate for verify-ca",
    () =>
      Effect.gen(function* () {
        assert.deepStrictEqual((yield* config(`${base}?sslmode=verify-full`)).ssl, {
          rejectUnauthorized: true
        })
        const { ssl } = yield* config(`${base}?sslmode=verify-ca`)
        assert.hasAllKeys(ssl, ["rejectUnauthorized", "checkServerIdentity"])
      })
  )

  it.effect("says which root certificate it cannot read", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(config(`${base}?sslmode=require&sslrootcert=/no/such.pem`))
      assert.include(error.message, "/no/such.pem")
      assert.notInclude(error.message, "secret")
    })
  )

  it.effect("never repeats a URL that it does not understand, because of the password in it", () =>
    Effect.gen(function* () {
      for (const url of [
        "postgres://ada:sec#ret@host:x/db",
        "mysql://ada:secret@host/db",
        "secret"
      ]) {
        const error = yield* Effect.flip(config(url))
        assert.strictEqual(error._tag, "PostgresUrlError")
        assert.notMatch(JSON.stringify(error), /secret|sec#ret/)
      }
    })
  )

  it.effect("adds the role to the startup options of the URL", () =>
    Effect.gen(function* () {
      const url = `${base}?options=${encodeURIComponent("-c search_path=shop")}`
      const { startupOptions } = yield* config(url, "surehook_service")
      assert.strictEqual(startupOptions, "-c search_path=shop -c role=surehook_service")
      assert.isUndefined((yield* config(url)).startupOptions)
    })
  )
})

layer(TestDatabase.layer)("the client", (it) => {
  it.effect("fails, and does not die, when the connection is lost within a transaction", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient
      const lost = sql.withTransaction(sql`SELECT pg_terminate_backend(pg_backend_pid())`)
      const nested = sql.withTransaction(Effect.andThen(sql`SELECT 1`, lost))
      for (const transaction of [lost, nested]) {
        const error = yield* transaction.pipe(
          Effect.as(undefined),
          Effect.catchTag("SqlError", Effect.succeed)
        )
        assert.isTrue(error?.isRetryable)
        assert.deepStrictEqual(yield* sql`SELECT 1 AS one`, [{ one: 1 }])
      }
    })
  )
})

layer(TestDatabase.layer)("the client's role", (it) => {
  it.effect("is the service's role on every connection, where the migrations made it", () =>
    Effect.gen(function* () {
      const { url } = yield* TestDatabase
      const role = Option.getOrThrow(yield* serviceRole)
      const users = yield* Effect.gen(function* () {
        const sql = yield* SqlClient
        const user = sql`SELECT current_user::text AS user, pg_sleep(0.01)::text`
        return yield* Effect.all([user, user, user], { concurrency: "unbounded" })
      }).pipe(Effect.provide(clientLayer({ url, role, maxConnections: 3 }), { local: true }))
      for (const [row] of users) assert.propertyVal(row, "user", "surehook_service")
    })
  )

  it.effect("is not taken by who may not take it", () =>
    Effect.gen(function* () {
      const { name, url } = yield* TestDatabase
      const sql = yield* SqlClient
      yield* sql`CREATE ROLE ${sql(name)} LOGIN PASSWORD 'stranger'`.unprepared
      yield* Effect.addFinalizer(() => Effect.orDie(sql`DROP ROLE ${sql(name)}`.unprepared))
      const stranger = new URL(Redacted.value(url))
      stranger.username = name
      stranger.password = "stranger"
      const role = yield* serviceRole.pipe(
        Effect.provide(clientLayer({ url: Redacted.make(stranger.href), maxConnections: 1 }), {
          local: true
        })
      )
      assert.isTrue(Option.isNone(role))
    })
  )
})
