/** When failed attempts are tried again: the one schedule, driven by the test clock. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber, Random, Schema } from "effect"
import { TestClock } from "effect/testing"
import { ErrorType } from "../../machines/deposit-events.ts"
import { type FailedAttempt, nextDelay, retrySchedule } from "../../src/deposits/retry-policy.ts"

const failure = (
  error_type: FailedAttempt["error_type"],
  retryAfter?: Duration.Input
): FailedAttempt => ({
  error_type,
  retry_after: retryAfter === undefined ? null : Duration.fromInputUnsafe(retryAfter)
})

/** 0.5 is the middle of the jitter, so that delays are exact. */
const withJitter = (draw: number) =>
  Effect.provideService(Random.Random, {
    nextDoubleUnsafe: () => draw,
    nextIntUnsafe: () => 0
  })

const seconds = (duration: Duration.Duration) => Duration.toMillis(duration) / 1_000

/** Really retries an effect that always fails, and tells the seconds between its attempts. */
const observedDelays = (failed: FailedAttempt, count: number) =>
  Effect.gen(function* () {
    const attemptsAt: Array<number> = []
    const attempting = Effect.gen(function* () {
      attemptsAt.push((yield* Clock.currentTimeMillis) / 1_000)
      return yield* Effect.fail(failed)
    })
    const fiber = yield* Effect.forkChild(Effect.ignore(Effect.retry(attempting, retrySchedule)))
    while (attemptsAt.length <= count) yield* TestClock.adjust("1 hour")
    yield* Fiber.interrupt(fiber)
    return attemptsAt.slice(1, count + 1).map((time, index) => time - (attemptsAt[index] ?? 0))
  })

describe("the retry policy", () => {
  it.effect("waits 2, 4, 8 … seconds after a transient or unknown failure", () =>
    Effect.gen(function* () {
      const delays = [2, 4, 8, 16, 32, 64]
      for (const type of ["transient", "unknown"] as const) {
        assert.deepStrictEqual(yield* observedDelays(failure(type), 6), delays)
      }
    }).pipe(withJitter(0.5))
  )

  it.effect("waits 30 seconds, 1, 2, 4 … minutes after a failure of the RPC endpoint", () =>
    Effect.gen(function* () {
      const delays = yield* observedDelays(failure("rpc_failure"), 5)
      assert.deepStrictEqual(delays, [30, 60, 120, 240, 480])
    }).pipe(withJitter(0.5))
  )

  it.effect("never waits longer than half an hour by itself, however many attempts failed", () =>
    Effect.gen(function* () {
      const delays = yield* observedDelays(failure("transient"), 14)
      assert.deepStrictEqual(delays.slice(8).map(Math.round), [614, 1228, 1800, 1800, 1800, 1800])
      for (const attempt of [100, 2_000]) {
        assert.strictEqual(seconds(yield* nextDelay(attempt, failure("rpc_failure"))), 1800)
      }
    }).pipe(withJitter(0.999))
  )

  it.effect("spreads the delays by up to 20 % either way", () =>
    Effect.gen(function* () {
      const transient = failure("transient")
      const delay = nextDelay(3, transient)
      assert.closeTo(seconds(yield* delay.pipe(withJitter(0))), 6.4, 1e-9)
      assert.closeTo(seconds(yield* delay.pipe(withJitter(1))), 9.6, 1e-9)
      const drawn = yield* Effect.replicateEffect(Effect.map(delay, seconds), 50)
      assert.isAbove(new Set(drawn).size, 40)
      assert.isTrue(drawn.every((wait) => wait >= 6.4 && wait <= 9.6))
    })
  )

  it.effect("honours a longer Retry-After exactly, up to an hour, and ignores a shorter one", () =>
    Effect.gen(function* () {
      const first = (retryAfter: Duration.Input) =>
        Effect.map(nextDelay(1, failure("rpc_failure", retryAfter)), seconds)
      assert.strictEqual(yield* first("90 seconds"), 90)
      assert.strictEqual(yield* first("50 minutes"), 3_000)
      assert.strictEqual(yield* first("3 days"), 3_600)
      assert.strictEqual(yield* first("1 second"), 30)
      assert.deepStrictEqual(
        yield* observedDelays(failure("transient", "5 seconds"), 4),
        [5, 5, 8, 16]
      )
    }).pipe(withJitter(0.5))
  )

  it.effect.prop(
    "gives a job's next delay as the schedule itself would",
    {
      type: ErrorType,
      draw: Schema.Literals([0, 0.25, 0.9]),
      retryAfter: Schema.Literals([0, 7, 4_000])
    },
    ({ type, draw, retryAfter }) =>
      Effect.gen(function* () {
        const failed = failure(type, Duration.seconds(retryAfter))
        const observed = yield* observedDelays(failed, 12)
        for (const [index, delay] of observed.entries()) {
          assert.closeTo(seconds(yield* nextDelay(index + 1, failed)), delay, 1e-6)
        }
      }).pipe(withJitter(draw)),
    { arbitrary: { runs: 20 } }
  )
})
