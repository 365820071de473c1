import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { makeQuickRetry } from "../../../src/chains/rpc/quick-retry.ts"

/** What fails the first `failures` times, each after so many milliseconds; when it was tried. */
const attempts = (failures: number, eachMillis: number, mayPass = true) =>
  Effect.gen(function* () {
    const quickly = makeQuickRetry(yield* Effect.scope)
    const triedAt: Array<number> = []
    const attempt = Effect.gen(function* () {
      triedAt.push(yield* Clock.currentTimeMillis)
      yield* Effect.sleep(eachMillis)
      if (triedAt.length <= failures) return yield* Effect.fail(new Error("reset"))
    })
    const fiber = yield* Effect.forkChild(Effect.exit(quickly(attempt, () => mayPass)), {
      startImmediately: true
    })
    yield* TestClock.adjust("1 minute")
    return { triedAt, exit: (yield* Fiber.join(fiber))._tag }
  }).pipe(Effect.scoped)

describe("what fails quickly", () => {
  it.effect("is tried twice more, after short pauses with jitter, and no more", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* attempts(2, 0)).exit, "Success")
      const { triedAt, exit } = yield* attempts(3, 0)
      assert.strictEqual(exit, "Failure")
      const [first = 0, second = 0, third = 0, ...others] = triedAt
      assert.deepStrictEqual(others, [])
      assert.isTrue(second - first >= 50 && second - first <= 150, `${second - first} ms`)
      assert.isTrue(third - second >= 150 && third - second <= 450, `${third - second} ms`)
    })
  )

  it.effect("is not tried again if it would fail again", () =>
    Effect.gen(function* () {
      assert.lengthOf((yield* attempts(1, 0, false)).triedAt, 1)
    })
  )

  it.effect("is told from what was slow to fail, and would be again", () =>
    Effect.gen(function* () {
      assert.lengthOf((yield* attempts(1, 1000)).triedAt, 2)
      assert.lengthOf((yield* attempts(1, 1001)).triedAt, 1)
    })
  )
})
