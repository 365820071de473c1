/** Awaiting a state that real servers bring about: looks until it is so, and says what it was instead. */
import { assert } from "@effect/vitest"
import { Clock, Duration, Effect } from "effect"

const lookEvery = Duration.millis(25)

export const awaitState = <A, E, R>(
  what: string,
  look: Effect.Effect<A, E, R>,
  isSo: (seen: A) => boolean,
  limit: Duration.Input = "20 seconds"
): Effect.Effect<A, E, R> =>
  Effect.gen(function* () {
    const deadline =
      (yield* Clock.currentTimeMillis) + Duration.toMillis(Duration.fromInputUnsafe(limit))
    while (true) {
      const seen = yield* look
      if (isSo(seen)) return seen
      if ((yield* Clock.currentTimeMillis) > deadline) {
        return assert.fail(`${what} did not come about; at the end it was ${JSON.stringify(seen)}`)
      }
      yield* Effect.sleep(lookEvery)
    }
  })
