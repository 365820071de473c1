/**
 * One look at a transaction for all the claims about it.
 *
 * Who asks while a look is under way shares it. What is final is remembered for a while; what can
 * still change (not found, not final) never is.
 */
import { Cache, Duration, Effect, Exit } from "effect"

const rememberedFor = Duration.minutes(5)
/** A look holds a receipt of a few KiB. */
const maxRemembered = 2_000

export const makeSharedLook = <Key, A, E>(
  look: (key: Key) => Effect.Effect<A, E>,
  isFinal: (seen: A) => boolean
): Effect.Effect<(key: Key) => Effect.Effect<A, E>> =>
  Effect.map(
    Cache.makeWith(look, {
      capacity: maxRemembered,
      timeToLive: (exit) =>
        Exit.isSuccess(exit) && isFinal(exit.value) ? rememberedFor : Duration.zero
    }),
    (cache) => (key) => Cache.get(cache, key)
  )
