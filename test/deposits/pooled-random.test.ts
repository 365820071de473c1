/** Bytes from the pool are given out once. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { SecureRandom } from "effect/crypto"
import { pooledRandomLayer } from "../../src/deposits/pooled-random.ts"

it.effect("never gives the same bytes twice, across many refills of the pool", () =>
  Effect.gen(function* () {
    const random = yield* SecureRandom.SecureRandom
    const ids = yield* Effect.forEach(Array.from({ length: 5000 }), () => random.uuidV7())
    assert.strictEqual(new Set(ids.map((id) => id.slice(14))).size, ids.length)
  }).pipe(Effect.provide(pooledRandomLayer))
)
