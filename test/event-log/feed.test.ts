/** The feed: every event once, in one order, also those that commit late. */
import { randomUUID } from "node:crypto"
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Random, type Scope } from "effect"
import { type FeedCursor, feedStart, readFeed } from "../../src/event-log/feed.ts"
import { TestDatabase } from "../support/postgres.ts"

/** An event of a job of its own, whose type names it. */
const write = Effect.fnUntraced(function* (type: string) {
  const sql = yield* PgClient.PgClient
  yield* sql`
    INSERT INTO deposit_events (
      job_id, sequence, type, schema_version, data, to_state, actor, recorded_at,
      previous_hash, hash)
    VALUES (${randomUUID()}::uuid, 1, ${type}, 1, ${"{}"}::jsonb, 'pending', 'test',
            '2026-01-02T03:04:05.678Z', decode(${"00".repeat(32)}, 'hex'),
            decode(${"ab".repeat(32)}, 'hex'))`
})

/** Writes in a transaction that stays open until it is told to commit. */
const openWrite = Effect.fnUntraced(function* (type: string) {
  const sql = yield* PgClient.PgClient
  const written = yield* Deferred.make<void>()
  const mayCommit = yield* Deferred.make<void>()
  const fiber = yield* Effect.forkScoped(
    sql.withTransaction(
      write(type).pipe(
        Effect.andThen(Deferred.succeed(written, undefined)),
        Effect.andThen(Deferred.await(mayCommit))
      )
    )
  )
  yield* Deferred.await(written)
  return {
    commit: Deferred.succeed(mayCommit, undefined).pipe(Effect.andThen(Fiber.join(fiber))),
    rollBack: Fiber.interrupt(fiber)
  }
})

/**
 * A reader that remembers how far it is. Reads until it has `count` events more: any transaction
 * that is open on the server, also of another test's database, holds the feed back for a while.
 */
const follow = Effect.fnUntraced(function* (limit = 100) {
  const sql = yield* PgClient.PgClient
  let cursor: FeedCursor = feedStart
  return Effect.fnUntraced(function* (count: number) {
    const types: Array<string> = []
    do {
      const page = yield* readFeed(sql, cursor, limit)
      cursor = page.at(-1) ?? cursor
      types.push(...page.map(({ event }) => event.type))
    } while (types.length < count)
    return types
  })
})

const onDatabase = <A, E>(test: Effect.Effect<A, E, PgClient.PgClient | Scope.Scope>) =>
  Effect.scoped(Effect.provide(test, TestDatabase.layer))

describe("the feed", () => {
  it.effect("does not skip an event that commits after a later one was read", () =>
    onDatabase(
      Effect.gen(function* () {
        const next = yield* follow()
        yield* write("before")
        const late = yield* openWrite("late")
        yield* write("early")
        const whileOpen = yield* next(1)
        yield* late.commit
        assert.deepStrictEqual(whileOpen, ["before"])
        assert.deepStrictEqual(yield* next(2), ["late", "early"])
        assert.deepStrictEqual(yield* next(0), [])
      })
    )
  )

  it.effect("goes on past a transaction that was rolled back", () =>
    onDatabase(
      Effect.gen(function* () {
        const next = yield* follow()
        const undone = yield* openWrite("undone")
        yield* write("kept")
        yield* undone.rollBack
        assert.deepStrictEqual(yield* next(1), ["kept"])
      })
    )
  )

  it.effect("gives every event once, in the same order, whatever the size of a page", () =>
    onDatabase(
      Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        yield* sql.withTransaction(Effect.forEach(["a", "b", "c"], write))
        yield* write("d")
        yield* sql.withTransaction(Effect.forEach(["e", "f"], write))
        for (const limit of [1, 2, 4, 100]) {
          const next = yield* follow(limit)
          assert.deepStrictEqual(yield* next(6), ["a", "b", "c", "d", "e", "f"])
          assert.deepStrictEqual(yield* next(0), [])
        }
      })
    )
  )

  it.effect("loses nothing while many writers commit at random moments", () =>
    onDatabase(
      Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        const types = Array.from({ length: 60 }, (_, index) => `event ${index}`)
        const writers = yield* Effect.forkScoped(
          Effect.forEach(
            types,
            (type) =>
              sql.withTransaction(
                Effect.gen(function* () {
                  yield* write(type)
                  const millis = yield* Random.nextIntBetween(0, 20)
                  yield* sql`SELECT pg_sleep(${millis / 1000}::float8)`
                })
              ),
            { concurrency: 6, discard: true }
          )
        )
        const next = yield* follow(7)
        const seen = yield* next(types.length)
        yield* Fiber.join(writers)
        assert.deepStrictEqual(seen.toSorted(), types.toSorted())
        assert.deepStrictEqual(yield* next(0), [])
      })
    )
  )
})
