import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"

/**
 * Lets the test's clock go on while real servers answer, about ten times as fast as the real one: for
 * what pauses, and for what waits until somebody has been silent for long enough.
 */
export const inTime = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    while (fiber.pollUnsafe() === undefined) {
      yield* TestClock.withLive(Effect.sleep("2 millis"))
      yield* TestClock.adjust("20 millis")
    }
    return yield* Fiber.join(fiber)
  })
