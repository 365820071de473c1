/** Secure random bytes for ids, drawn from the system in bulk: a call for each id costs more than the id. */
import { randomFillSync } from "node:crypto"
import { Layer } from "effect"
import { SecureRandom } from "effect/crypto"

const poolBytes = 4096

const makePool = () => {
  const pool = new Uint8Array(poolBytes)
  let next = poolBytes
  return (size: number): Uint8Array => {
    if (size > poolBytes) return randomFillSync(new Uint8Array(size))
    if (next + size > poolBytes) {
      randomFillSync(pool)
      next = 0
    }
    const bytes = pool.slice(next, next + size)
    // Given out once, and not kept.
    pool.fill(0, next, next + size)
    next += size
    return bytes
  }
}

export const pooledRandomLayer: Layer.Layer<SecureRandom.SecureRandom> = Layer.sync(
  SecureRandom.SecureRandom,
  () => SecureRandom.make(makePool())
)
