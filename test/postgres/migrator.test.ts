/** The migrator, on a real Postgres, with migrations of its own. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { layer as clientLayer } from "../../src/postgres/client.ts"
import { migrateDown, migrateUp, migrationStatus } from "../../src/postgres/migrator.ts"
import { makeTestDatabase } from "../support/postgres.ts"

const files = {
  "001_accounts.up.sql": `
    -- A comment; with a semicolon, and 'quotes
    CREATE TABLE accounts (id int PRIMARY KEY, note text);
    INSERT INTO accounts VALUES (1, 'a;b''c');
    CREATE FUNCTION double_id(n int) RETURNS int LANGUAGE plpgsql AS $body$
    DECLARE doubled int;
    BEGIN
      doubled := n * 2; -- $$ here, too;
      RETURN doubled;
    END $body$;
    INSERT INTO accounts VALUES (double_id(1), $q$two; $$ dollars$q$);`,
  "001_accounts.down.sql": "DROP FUNCTION double_id(int); DROP TABLE accounts;",
  "002_events.up.sql": "CREATE TABLE deposit_events (id int);",
  "002_events.down.sql": "DROP TABLE deposit_events;",
  "010_more.up.sql": "ALTER TABLE accounts ADD COLUMN more int; UPDATE accounts SET more = 1;",
  "010_more.down.sql": "ALTER TABLE accounts DROP COLUMN more;"
}

const folderOf = (content: Readonly<Record<string, string>>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const dir = mkdtempSync(join(tmpdir(), "surehook-migrations-"))
      for (const [name, text] of Object.entries(content)) writeFileSync(join(dir, name), text)
      return dir
    }),
    (dir) => Effect.sync(() => rmSync(dir, { recursive: true, force: true }))
  )

const onEmptyDatabase = <A, E>(test: Effect.Effect<A, E, SqlClient>) =>
  Effect.flatMap(makeTestDatabase("template0"), ({ url }) =>
    Effect.provide(test, clientLayer({ url, maxConnections: 4 }))
  )

const versions = (done: ReadonlyArray<{ readonly version: number }>) =>
  done.map(({ version }) => version)

const tableExists = (name: string) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient
    const [row] = yield* sql`SELECT to_regclass(${name})::text AS name`
    return row?.name === name
  })

describe("migrator", () => {
  it.effect("applies files of many statements in the order of their versions, once", () =>
    Effect.gen(function* () {
      const dir = yield* folderOf(files)
      yield* onEmptyDatabase(
        Effect.gen(function* () {
          const sql = yield* SqlClient
          assert.deepStrictEqual(versions(yield* migrateUp(dir)), [1, 2, 10])
          assert.deepStrictEqual(versions(yield* migrateUp(dir)), [])
          const rows = yield* sql`SELECT id, note, more FROM accounts ORDER BY id`
          assert.deepStrictEqual(rows, [
            { id: 1, note: "a;b'c", more: 1 },
            { id: 2, note: "two; $$ dollars", more: 1 }
          ])
        })
      )
    })
  )

  it.effect("applies each migration once when several services start at the same moment", () =>
    Effect.gen(function* () {
      const dir = yield* folderOf(files)
      const { url } = yield* makeTestDatabase("template0")
      const start = Effect.provide(migrateUp(dir), clientLayer({ url, maxConnections: 1 }))
      const done = yield* Effect.all([start, start, start, start], { concurrency: "unbounded" })
      assert.deepStrictEqual(
        versions(done.flat()).toSorted((a, b) => a - b),
        [1, 2, 10]
      )
    })
  )

  it.effect("rolls a failing migration back as a whole, and names its file and line", () =>
    Effect.gen(function* () {
      const dir = yield* folderOf({
        ...files,
        "011_bad.up.sql": "CREATE TABLE half_made (id int);\n\nINSERT INTO nowhere VALUES (1);"
      })
      yield* onEmptyDatabase(
        Effect.gen(function* () {
          const error = yield* Effect.flip(migrateUp(dir))
          assert.strictEqual(error._tag, "MigrationFailed")
          assert.include(error.message, "011_bad.up.sql")
          assert.include(error.message, '"nowhere" does not exist (line 3)')
          assert.isFalse(yield* tableExists("half_made"))
          const status = yield* migrationStatus(dir)
          assert.deepStrictEqual(
            status.map(({ applied_at }) => applied_at === null),
            [false, false, false, true]
          )
        })
      )
    })
  )

  it.effect("a migration cannot commit half of itself", () =>
    Effect.gen(function* () {
      const dir = yield* folderOf({
        "001_sly.up.sql": "CREATE TABLE sly (id int); COMMIT; SELECT 1/0;"
      })
      yield* onEmptyDatabase(
        Effect.gen(function* () {
          const error = yield* Effect.flip(migrateUp(dir))
          assert.strictEqual(error._tag, "MigrationFailed")
          assert.isFalse(yield* tableExists("sly"))
        })
      )
    })
  )

  it.effect("refuses a file that was changed after it was applied, and names it", () =>
    Effect.gen(function* () {
      const dir = yield* folderOf(files)
      yield* onEmptyDatabase(
        Effect.gen(function* () {
          yield* migrateUp(dir)
          writeFileSync(join(dir, "002_events.up.sql"), "CREATE TABLE deposit_events (id bigint);")
          const error = yield* Effect.flip(migrateUp(dir))
          assert.strictEqual(error._tag, "MigrationChanged")
          assert.include(error.message, "002_events.up.sql")
          const status = yield* migrationStatus(dir)
          assert.deepStrictEqual(
            status.map(({ changed }) => changed),
            [false, true, false]
          )
        })
      )
    })
  )

  it.effect("takes a file with other line ends for the same", () =>
    Effect.gen(function* () {
      const dir = yield* folderOf(files)
      yield* onEmptyDatabase(
        Effect.gen(function* () {
          yield* migrateUp(dir)
          const windows = files["001_accounts.up.sql"].replaceAll("\n", "\r\n")
          writeFileSync(join(dir, "001_accounts.up.sql"), windows)
          assert.deepStrictEqual(yield* migrateUp(dir), [])
        })
      )
    })
  )

  it.effect("refuses a database that a newer Surehook migrated", () =>
    Effect.gen(function* () {
      const dir = yield* folderOf(files)
      yield* onEmptyDatabase(
        Effect.gen(function* () {
          yield* migrateUp(dir)
          rmSync(join(dir, "010_more.up.sql"))
          const error = yield* Effect.flip(migrateUp(dir))
          assert.strictEqual(error._tag, "DatabaseNewer")
          assert.include(error.message, "10_more")
          const down = yield* Effect.flip(migrateDown({ steps: 1, destroyEvents: true, dir }))
          assert.strictEqual(down._tag, "DatabaseNewer")
          const status = yield* migrationStatus(dir)
          assert.deepInclude(status.at(-1), { version: 10, known: false })
        })
      )
    })
  )

  it.effect("goes down step by step and up again", () =>
    Effect.gen(function* () {
      const dir = yield* folderOf(files)
      yield* onEmptyDatabase(
        Effect.gen(function* () {
          yield* migrateUp(dir)
          const down = { destroyEvents: false, dir }
          assert.deepStrictEqual(versions(yield* migrateDown({ ...down, steps: 2 })), [10, 2])
          assert.isFalse(yield* tableExists("deposit_events"))
          assert.deepStrictEqual(versions(yield* migrateDown({ ...down, steps: 5 })), [1])
          assert.isFalse(yield* tableExists("accounts"))
          assert.deepStrictEqual(versions(yield* migrateUp(dir)), [1, 2, 10])
        })
      )
    })
  )

  it.effect("does not go down over deposit events, unless told that they may be destroyed", () =>
    Effect.gen(function* () {
      const dir = yield* folderOf(files)
      yield* onEmptyDatabase(
        Effect.gen(function* () {
          const sql = yield* SqlClient
          yield* migrateUp(dir)
          yield* sql`INSERT INTO deposit_events VALUES (1)`
          const error = yield* Effect.flip(migrateDown({ steps: 1, destroyEvents: false, dir }))
          assert.strictEqual(error._tag, "EventsWouldBeLost")
          assert.lengthOf(yield* sql`SELECT more FROM accounts`, 2)
          const done = yield* migrateDown({ steps: 2, destroyEvents: true, dir })
          assert.deepStrictEqual(versions(done), [10, 2])
        })
      )
    })
  )

  it.live("sees an event that is being written while it goes down", () =>
    Effect.gen(function* () {
      const dir = yield* folderOf(files)
      const { url } = yield* makeTestDatabase("template0")
      const client = clientLayer({ url, maxConnections: 1 })
      yield* Effect.provide(migrateUp(dir), client)
      const down = yield* Effect.gen(function* () {
        const writer = yield* SqlClient
        const writing = Effect.gen(function* () {
          yield* writer`INSERT INTO deposit_events VALUES (1)`
          const down = yield* migrateDown({ steps: 1, destroyEvents: false, dir }).pipe(
            Effect.flip,
            Effect.provide(client, { local: true }),
            Effect.forkDetach
          )
          yield* writer`SELECT 1 FROM pg_locks WHERE relation = 'deposit_events'::regclass AND NOT granted`.pipe(
            Effect.repeat({ until: (waiting) => waiting.length > 0 })
          )
          return down
        })
        return yield* writer.withTransaction(writing)
      }).pipe(Effect.provide(client))
      assert.strictEqual((yield* Fiber.join(down))._tag, "EventsWouldBeLost")
    })
  )

  it.effect("says which file has no usable name, and which version is there twice", () =>
    Effect.gen(function* () {
      const misnamed = yield* folderOf({ "first.up.sql": "SELECT 1" })
      const doubled = yield* folderOf({ "001_a.up.sql": "SELECT 1", "1_b.up.sql": "SELECT 1" })
      yield* onEmptyDatabase(
        Effect.gen(function* () {
          assert.include((yield* Effect.flip(migrateUp(misnamed))).message, "first.up.sql")
          assert.include((yield* Effect.flip(migrateUp(doubled))).message, "same version")
        })
      )
    })
  )

  it.effect("status changes nothing", () =>
    Effect.gen(function* () {
      const dir = yield* folderOf(files)
      yield* onEmptyDatabase(
        Effect.gen(function* () {
          const status = yield* migrationStatus(dir)
          assert.deepStrictEqual(
            status.map(({ version, applied_at }) => [version, applied_at]),
            [
              [1, null],
              [2, null],
              [10, null]
            ]
          )
          assert.isFalse(yield* tableExists("schema_migrations"))
        })
      )
    })
  )
})
