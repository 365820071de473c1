/** `surehook migrate` on a real database. */
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { layer as clientLayer } from "../../src/postgres/client.ts"
import { surehook } from "../support/command.ts"
import { makeTestDatabase } from "../support/postgres.ts"

/** Many processes, on a machine that may be busy. */
const commandsTimeoutMillis = 90_000

const migrateOn = (url: Redacted.Redacted<string>, ...args: ReadonlyArray<string>) =>
  surehook(["migrate", ...args], { env: { DATABASE_URL: Redacted.value(url) } })

/** "001_deposits applied" of each line, without the times. */
const states = (stdout: string) =>
  stdout
    .trimEnd()
    .split("\n")
    .slice(1)
    .map((line) => line.split(/ +/).slice(0, 2).join(" "))

describe("surehook migrate", () => {
  it.live(
    "brings an empty database up, shows it, and brings it down again",
    () =>
      Effect.gen(function* () {
        const { url } = yield* makeTestDatabase("template0")

        const before = yield* migrateOn(url, "status")
        assert.strictEqual(before.code, 0)
        assert.match(before.stdout, /^MIGRATION +STATE +APPLIED AT\n/)
        assert.deepStrictEqual(states(before.stdout).slice(0, 2), [
          "001_deposits pending",
          "002_service_role pending"
        ])
        assert.match(before.stderr, /^pending: `npm run surehook -- migrate up` applies it/)
        const count = states(before.stdout).length

        const up = yield* migrateOn(url, "up")
        assert.deepStrictEqual([up.code, up.stderr], [0, ""])
        assert.match(up.stdout, /^applied 001_deposits\napplied 002_service_role\n/)
        const again = yield* migrateOn(url, "up")
        assert.strictEqual(again.stdout, "The database has every migration already.\n")

        const one = yield* migrateOn(url, "down")
        assert.match(one.stdout, /^undid \w+\n$/)
        const after = yield* migrateOn(url, "status")
        assert.deepStrictEqual(
          states(after.stdout).map((state) => state.split(" ")[1]),
          [...Array.from({ length: count - 1 }, () => "applied"), "pending"]
        )
        assert.match(after.stdout, /001_deposits +applied +\d{4}-\d\d-\d\dT[\d:.]+Z\n/)

        const rest = yield* migrateOn(url, "down", "--steps", `${count}`)
        assert.lengthOf(rest.stdout.trimEnd().split("\n"), count - 1)
      }),
    commandsTimeoutMillis
  )

  it.live("goes down while there are events only if told to destroy them", () =>
    Effect.gen(function* () {
      const { url } = yield* makeTestDatabase()
      const client = clientLayer({ url, maxConnections: 1 })
      yield* Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        yield* sql`
          INSERT INTO deposit_events (
            job_id, sequence, type, schema_version, data, to_state, actor, recorded_at,
            previous_hash, hash)
          VALUES (
            gen_random_uuid(), 1, 'deposit.received', 1, '{}', 'pending', 'test', now(),
            sha256(''), sha256(''))`
      }).pipe(Effect.provide(client))

      const refused = yield* migrateOn(url, "down", "--steps", "99")
      assert.deepStrictEqual([refused.code, refused.stdout], [1, ""])
      assert.match(
        refused.stderr,
        /^deposit_events holds the history of deposits, .*--destroy-events\n$/
      )

      const destroyed = yield* migrateOn(url, "down", "--steps", "99", "--destroy-events")
      assert.strictEqual(destroyed.code, 0)
      assert.match(destroyed.stdout, /\nundid 001_deposits\n$/)
    })
  )
})
