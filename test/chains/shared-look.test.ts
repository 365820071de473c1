import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { makeSharedLook } from "../../src/chains/shared-look.ts"

interface Key {
  readonly hash: string
  readonly depth: number
}

/** A look that answers when told to, and how often it was made. */
const looks = (isFinal: boolean) =>
  Effect.gen(function* () {
    let made = 0
    const gate = yield* Deferred.make<void>()
    const look = yield* makeSharedLook(
      ({ hash }: Key) =>
        Effect.suspend(() => {
          made++
          return Effect.as(Deferred.await(gate), `${hash} ${made}`)
        }),
      () => isFinal
    )
    return { look, open: Deferred.succeed(gate, undefined), made: () => made }
  })

const key = (hash: string, depth = 1): Key => ({ hash, depth })

describe("a look at a transaction", () => {
  it.effect("is made once for all who ask while it is under way", () =>
    Effect.gen(function* () {
      const { look, open, made } = yield* looks(false)
      const asking = yield* Effect.forEach(["0x1", "0x1", "0x2", "0x1"], (hash) =>
        Effect.forkChild(look(key(hash)), { startImmediately: true })
      )
      yield* Effect.forkChild(look(key("0x1", 12)), { startImmediately: true })
      yield* open
      assert.deepStrictEqual(yield* Fiber.joinAll(asking), ["0x1 1", "0x1 1", "0x2 2", "0x1 1"])
      assert.strictEqual(made(), 3, "one for each transaction and depth")
    })
  )

  it.effect("that one gave up goes on for the others", () =>
    Effect.gen(function* () {
      const { look, open, made } = yield* looks(false)
      const [first, second] = yield* Effect.forEach([1, 2] as const, () =>
        Effect.forkChild(look(key("0x1")), { startImmediately: true })
      )
      if (first !== undefined) yield* Fiber.interrupt(first)
      yield* open
      assert.strictEqual(second && (yield* Fiber.join(second)), "0x1 1")
      assert.strictEqual(made(), 1)
    })
  )

  it.effect("is remembered for five minutes if it is final, and never else", () =>
    Effect.gen(function* () {
      const final = yield* looks(true)
      yield* final.open
      yield* final.look(key("0x1"))
      yield* TestClock.adjust("299 seconds")
      assert.strictEqual(yield* final.look(key("0x1")), "0x1 1")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* final.look(key("0x1")), "0x1 2")

      const open = yield* looks(false)
      yield* open.open
      yield* open.look(key("0x1"))
      assert.strictEqual(yield* open.look(key("0x1")), "0x1 2")
    })
  )

  it.effect("that failed is never remembered", () =>
    Effect.gen(function* () {
      let made = 0
      const look = yield* makeSharedLook(
        (_: string) => Effect.suspend(() => Effect.fail(++made)),
        () => true
      )
      assert.deepStrictEqual([yield* Effect.flip(look("a")), yield* Effect.flip(look("a"))], [1, 2])
    })
  )

  it.effect("is forgotten when too many others came after it", () =>
    Effect.gen(function* () {
      const { look, open, made } = yield* looks(true)
      yield* open
      for (let index = 0; index <= 2000; index++) yield* look(key(`0x${index}`))
      yield* look(key("0x2000"))
      assert.strictEqual(made(), 2001)
      yield* look(key("0x0"))
      assert.strictEqual(made(), 2002)
    })
  )
})
