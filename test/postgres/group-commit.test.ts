/** Group commit: concurrent writes share a commit, and none answers for another. */
import { PgClient } from "@effect/sql-pg"
import { assert, layer } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Ref } from "effect"
import type { SqlError } from "effect/sql"
import { makeGroupCommit } from "../../src/postgres/group-commit.ts"
import { TestDatabase } from "../support/postgres.ts"

const limits = { maxBatch: 100, maxWaiting: 1000, committers: 1 }

/** Writes numbers; the table refuses negative ones. */
const openTable = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  yield* sql`DROP TABLE IF EXISTS numbers`
  yield* sql`CREATE TABLE numbers (value integer CHECK (value >= 0))`
  const batches = yield* Ref.make<ReadonlyArray<number>>([])
  return {
    batches: Ref.get(batches),
    values: Effect.map(sql<{ value: number }>`SELECT value FROM numbers ORDER BY value`, (rows) =>
      rows.map(({ value }) => value)
    ),
    commit: (
      items: ReadonlyArray<number>
    ): Effect.Effect<ReadonlyArray<string>, SqlError.SqlError> =>
      Ref.update(batches, (all) => [...all, items.length]).pipe(
        Effect.andThen(sql`INSERT INTO numbers SELECT unnest(${[...items]}::integer[])`),
        Effect.as(items.map((item) => `wrote ${item}`))
      )
  }
})

layer(TestDatabase.layer)("a group commit", (it) => {
  it.effect("answers each with its own result, after few commits", () =>
    Effect.gen(function* () {
      const table = yield* openTable
      const group = yield* makeGroupCommit({ ...limits, commit: table.commit })
      const numbers = Array.from({ length: 250 }, (_, index) => index)
      const results = yield* Effect.forEach(numbers, group.submit, { concurrency: "unbounded" })
      assert.deepStrictEqual(
        results,
        numbers.map((number) => `wrote ${number}`)
      )
      const batches = yield* table.batches
      assert.isAtMost(batches.length, 10)
      assert.isAtMost(Math.max(...batches), limits.maxBatch)
      assert.deepStrictEqual(yield* table.values, numbers)
    })
  )

  it.effect(
    "cuts a batch where it would be too heavy, and turns away what is too much to wait",
    () =>
      Effect.gen(function* () {
        const table = yield* openTable
        const group = yield* makeGroupCommit({
          ...limits,
          commit: table.commit,
          weightOf: (number) => number,
          maxBatchWeight: 10,
          maxWaitingWeight: 60
        })
        // The first is under way alone; the others gather behind it.
        const numbers = [1, 4, 5, 6, 30, 2]
        const all = yield* Effect.forkChild(
          Effect.forEach(numbers, group.submit, { concurrency: "unbounded" })
        )
        yield* Effect.yieldNow
        const full = yield* Effect.flip(group.submit(50))
        assert.strictEqual(full._tag, "GroupCommitFull")
        yield* Fiber.join(all)
        assert.deepStrictEqual(
          yield* table.values,
          numbers.toSorted((a, b) => a - b)
        )
        const batches = yield* table.batches
        assert.isAtLeast(batches.length, 4)
        // Nobody is turned away for being heavy where nobody waits.
        assert.strictEqual(yield* group.submit(70), "wrote 70")
      })
  )

  it.effect("fails the member that the database refuses, and writes the others", () =>
    Effect.gen(function* () {
      const table = yield* openTable
      const group = yield* makeGroupCommit({ ...limits, commit: table.commit })
      const exits = yield* Effect.forEach(
        [1, -2, 3],
        (number) => Effect.exit(group.submit(number)),
        {
          concurrency: "unbounded"
        }
      )
      assert.deepStrictEqual(exits.map(Exit.isSuccess), [true, false, true])
      assert.deepStrictEqual(yield* table.values, [1, 3])
    })
  )

  it.effect("answers also when the commit dies, and serves the next", () =>
    Effect.gen(function* () {
      const table = yield* openTable
      const broken = yield* Ref.make(true)
      const group = yield* makeGroupCommit({
        ...limits,
        commit: (items: ReadonlyArray<number>) =>
          Effect.flatMap(Ref.getAndSet(broken, false), (isBroken) =>
            isBroken ? Effect.die("a bug") : table.commit(items)
          )
      })
      assert.isTrue(Exit.isFailure(yield* Effect.exit(group.submit(1))))
      assert.strictEqual(yield* group.submit(2), "wrote 2")
    })
  )

  it.effect("turns away who comes when the queue is full", () =>
    Effect.gen(function* () {
      const table = yield* openTable
      const gate = yield* Deferred.make<void>()
      const entered = yield* Deferred.make<void>()
      const group = yield* makeGroupCommit({
        maxBatch: 1,
        maxWaiting: 2,
        committers: 1,
        commit: (items: ReadonlyArray<number>) =>
          Deferred.succeed(entered, undefined).pipe(
            Effect.andThen(Deferred.await(gate)),
            Effect.andThen(table.commit(items))
          )
      })
      const first = yield* Effect.forkChild(group.submit(0), { startImmediately: true })
      yield* Deferred.await(entered)
      const waiting = yield* Effect.forEach([1, 2], (number) =>
        Effect.forkChild(group.submit(number), { startImmediately: true })
      )
      const turnedAway = yield* Effect.flip(group.submit(3))
      assert.strictEqual(turnedAway._tag, "GroupCommitFull")
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.joinAll([first, ...waiting])
      assert.deepStrictEqual(yield* table.values, [0, 1, 2])
    })
  )

  it.effect("serves who still waits when its scope closes", () =>
    Effect.gen(function* () {
      const table = yield* openTable
      const submitted = yield* Effect.scoped(
        Effect.gen(function* () {
          const group = yield* makeGroupCommit({ ...limits, maxBatch: 1, commit: table.commit })
          return yield* Effect.forEach([1, 2, 3, 4], (number) =>
            Effect.forkDetach(group.submit(number), { startImmediately: true })
          )
        })
      )
      const results = yield* Effect.forEach(submitted, Fiber.join)
      assert.deepStrictEqual(results, ["wrote 1", "wrote 2", "wrote 3", "wrote 4"])
      assert.deepStrictEqual(yield* table.values, [1, 2, 3, 4])
    })
  )
})
