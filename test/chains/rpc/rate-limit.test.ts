import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"
import { makeRateLimit } from "../../../src/chains/rpc/rate-limit.ts"

const Whole = (minimum: number, maximum: number) =>
  Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum, maximum })))

/** When each request went, with the number of its calls. */
const sentTimes = (rate: number, requests: ReadonlyArray<readonly [at: number, calls: number]>) =>
  Effect.gen(function* () {
    const limit = makeRateLimit(rate)
    const begin = yield* Clock.currentTimeMillis
    const fibers = yield* Effect.forEach(requests, ([at, calls]) =>
      Effect.sleep(at).pipe(
        Effect.andThen(limit.take(calls)),
        Effect.andThen(Clock.currentTimeMillis),
        Effect.map((now) => ({ at: now - begin, calls })),
        Effect.forkChild({ startImmediately: true })
      )
    )
    yield* TestClock.adjust("10 minutes")
    return yield* Fiber.joinAll(fibers)
  })

describe("an endpoint's rate limit", () => {
  it.effect.prop(
    "is kept in every second, whatever comes when",
    [Whole(1, 20), Schema.Array(Schema.Tuple([Whole(0, 3000), Whole(1, 20)]))],
    ([rate, wanted]) =>
      Effect.gen(function* () {
        const requests = wanted.map(([at, calls]) => [at, Math.min(calls, rate)] as const)
        const sent = yield* sentTimes(rate, requests)
        assert.strictEqual(sent.length, requests.length)
        for (const { at } of sent) {
          const inSecond = sent.filter((other) => other.at >= at && other.at < at + 1000)
          assert.isAtMost(
            inSecond.reduce((sum, { calls }) => sum + calls, 0),
            rate
          )
        }
      }),
    { arbitrary: { runs: 50 } }
  )

  it.effect("lets through at once what is within it, and keeps nobody longer than needed", () =>
    Effect.gen(function* () {
      const ones = Array.from({ length: 25 }, () => [0, 1] as const)
      const sent = yield* sentTimes(10, ones)
      assert.deepStrictEqual(
        sent.map(({ at }) => at),
        ones.map((_, index) => Math.floor(index / 10) * 1000)
      )
    })
  )

  it.effect("may be below one call a second", () =>
    Effect.gen(function* () {
      const sent = yield* sentTimes(0.5, [
        [0, 1],
        [0, 1],
        [0, 1]
      ])
      assert.deepStrictEqual(
        sent.map(({ at }) => at),
        [0, 2000, 4000]
      )
    })
  )

  it.effect("makes up for a request that holds more calls than it allows", () =>
    Effect.gen(function* () {
      const sent = yield* sentTimes(2, [
        [0, 5],
        [1, 1]
      ])
      assert.deepStrictEqual(
        sent.map(({ at }) => at),
        [0, 2000]
      )
    })
  )

  it.effect("counts a question's first call once, whether it pays before or when it is sent", () =>
    Effect.gen(function* () {
      const limit = makeRateLimit(3)
      const admitted = yield* Effect.all(Array.from({ length: 4 }, () => limit.admit))
      assert.deepStrictEqual(admitted, [0, 0, 0, 1000])
      // The calls of the three travel together, and wait for nothing.
      yield* limit.take(3)
      assert.strictEqual(yield* Clock.currentTimeMillis, 0)
      assert.strictEqual(yield* limit.backlogMillis, 1000)
    })
  )

  it.effect("forgets what was paid and not used, so that nothing is saved up", () =>
    Effect.gen(function* () {
      const limit = makeRateLimit(3)
      yield* Effect.all(Array.from({ length: 3 }, () => limit.admit))
      yield* TestClock.adjust("2 seconds")
      yield* limit.take(3)
      assert.strictEqual(yield* limit.backlogMillis, 1000)
    })
  )

  it.effect("gives turns in order, and each is as good as a call that may be made at once", () =>
    Effect.gen(function* () {
      const limit = makeRateLimit(1)
      yield* limit.take(1)
      const turns = yield* Effect.forEach([1, 2], () =>
        limit
          .admitInTurn(5000)
          .pipe(
            Effect.andThen(limit.take(1)),
            Effect.andThen(Clock.currentTimeMillis),
            Effect.forkChild({ startImmediately: true })
          )
      )
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* Fiber.joinAll(turns), [1000, 2000])
    })
  )

  it.effect("lets nobody go first with what another pays when its turn comes", () =>
    Effect.gen(function* () {
      const limit = makeRateLimit(1)
      yield* limit.take(1)
      yield* Effect.forkChild(limit.admitInTurn(5000), { startImmediately: true })
      const next = yield* Effect.forkChild(Effect.andThen(limit.take(1), Clock.currentTimeMillis), {
        startImmediately: true
      })
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* Fiber.join(next), 2000)
    })
  )

  it.effect("turns away who would wait for too long, and keeps no turn for them", () =>
    Effect.gen(function* () {
      const limit = makeRateLimit(1)
      yield* limit.take(7)
      assert.strictEqual(yield* limit.admitInTurn(5000), 7000)
      assert.strictEqual(yield* limit.backlogMillis, 7000)
    })
  )

  it.effect("is none where none is set", () =>
    Effect.gen(function* () {
      const limit = makeRateLimit(undefined)
      yield* limit.take(1_000_000)
      assert.strictEqual(yield* limit.admit, 0)
    })
  )
})
