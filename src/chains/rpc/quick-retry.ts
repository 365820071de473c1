/**
 * Tries again what failed quickly, after a short pause: a reset connection, a node that has just
 * been taken out of its load balancer. For who has no other endpoint to go to.
 *
 *     fails ── 50 to 150 ms ──▶ fails ── 150 to 450 ms ──▶ fails for good
 *
 * Questions whose calls failed in one request share one pause, so that their calls travel in one
 * request again: were each to draw a pause of its own, one failed request would become hundreds,
 * and the circuit would count each.
 */
import { Clock, Deferred, Effect, Random, Result, type Scope } from "effect"

const pausesMillis = [100, 300]
const jitter = 0.5
/** What took longer than this is not tried again here: the next time would take as long. */
const maxFailingMillis = 1000

export const makeQuickRetry = (scope: Scope.Scope) => {
  const pauses = new WeakMap<object, Deferred.Deferred<void>>()

  const pauseAfter = (error: object, millis: number) =>
    Effect.gen(function* () {
      const shared = pauses.get(error)
      if (shared !== undefined) return yield* Deferred.await(shared)
      const pause = Deferred.makeUnsafe<void>()
      pauses.set(error, pause)
      const jittered = yield* Random.nextBetween(millis * (1 - jitter), millis * (1 + jitter))
      yield* Effect.sleep(jittered).pipe(
        Effect.andThen(Deferred.succeed(pause, undefined)),
        Effect.forkIn(scope)
      )
      yield* Deferred.await(pause)
    })

  return <A, E extends object>(
    attempt: Effect.Effect<A, E>,
    mayPass: (error: E) => boolean
  ): Effect.Effect<A, E> => {
    const from = (turn: number): Effect.Effect<A, E> =>
      Effect.gen(function* () {
        const begun = yield* Clock.currentTimeMillis
        const result = yield* Effect.result(attempt)
        if (Result.isSuccess(result)) return result.success
        const error = result.failure
        const pause = pausesMillis[turn]
        const took = (yield* Clock.currentTimeMillis) - begun
        if (pause === undefined || took > maxFailingMillis || !mayPass(error)) {
          return yield* Effect.fail(error)
        }
        yield* pauseAfter(error, pause)
        return yield* from(turn + 1)
      })
    return from(0)
  }
}
