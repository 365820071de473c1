import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { askInTurn } from "../../../src/chains/rpc/hedging.ts"

/** After so many milliseconds it answers with its name, or fails with it. */
interface Candidate {
  readonly name: string
  readonly after: number
  readonly fails?: boolean
}

/** Who was asked when, what came of it, and how long it took. */
const ask = (candidates: ReadonlyArray<Candidate>, needed = 1) =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const asked: Array<readonly [name: string, at: number]> = []
    const ended: Array<string> = []
    const fiber = yield* askInTurn({
      candidates,
      scope,
      missing: (answers) => Math.max(needed - answers.length, 0),
      ask: ({ name, after, fails }) =>
        Effect.gen(function* () {
          asked.push([name, yield* Clock.currentTimeMillis])
          yield* Effect.sleep(after)
          ended.push(name)
          return fails === true ? yield* Effect.fail(name) : name
        })
    }).pipe(
      Effect.flatMap((replies) =>
        Effect.map(Clock.currentTimeMillis, (at) => ({ ...replies, at }))
      ),
      Effect.forkChild({ startImmediately: true })
    )
    yield* TestClock.adjust("1 minute")
    return { ...(yield* Fiber.join(fiber)), asked, ended }
  }).pipe(Effect.scoped)

describe("a question", () => {
  it.effect("is put to the first alone while it answers in time", () =>
    Effect.gen(function* () {
      const { asked, answers, at } = yield* ask([
        { name: "a", after: 999 },
        { name: "b", after: 1 }
      ])
      assert.deepStrictEqual(asked, [["a", 0]])
      assert.deepStrictEqual(answers, ["a"])
      assert.strictEqual(at, 999)
    })
  )

  it.effect("is put to the next when one is silent for a second, and so on", () =>
    Effect.gen(function* () {
      const { asked, answers, at, ended } = yield* ask([
        { name: "a", after: 10_000 },
        { name: "b", after: 5000 },
        { name: "c", after: 10 }
      ])
      assert.deepStrictEqual(asked, [
        ["a", 0],
        ["b", 1000],
        ["c", 2000]
      ])
      assert.deepStrictEqual(answers, ["c"])
      assert.strictEqual(at, 2010)
      assert.deepStrictEqual(ended, ["c", "b", "a"], "the silent are heard to their end")
    })
  )

  it.effect("that was put to a second is answered by the first if that is quicker after all", () =>
    Effect.gen(function* () {
      const { answers, at } = yield* ask([
        { name: "a", after: 1500 },
        { name: "b", after: 900 }
      ])
      assert.deepStrictEqual(answers, ["a"])
      assert.strictEqual(at, 1500)
    })
  )

  it.effect("goes on at once when one fails, also while another is silent", () =>
    Effect.gen(function* () {
      const { asked, answers, failures } = yield* ask([
        { name: "a", after: 10_000 },
        { name: "b", after: 10, fails: true },
        { name: "c", after: 10 }
      ])
      assert.deepStrictEqual(asked, [
        ["a", 0],
        ["b", 1000],
        ["c", 1010]
      ])
      assert.deepStrictEqual([answers, failures], [["c"], ["b"]])
    })
  )

  it.effect("waits for the silent when all others have failed", () =>
    Effect.gen(function* () {
      const late = yield* ask([
        { name: "a", after: 9000 },
        { name: "b", after: 10, fails: true }
      ])
      assert.deepStrictEqual([late.answers, late.at], [["a"], 9000])
      const never = yield* ask([
        { name: "a", after: 9000, fails: true },
        { name: "b", after: 10, fails: true }
      ])
      assert.deepStrictEqual([never.answers, never.failures], [[], ["b", "a"]])
    })
  )

  it.effect("that needs two answers is put to two at once, and to a third only in need", () =>
    Effect.gen(function* () {
      const both = yield* ask(
        [
          { name: "a", after: 10 },
          { name: "b", after: 20 },
          { name: "c", after: 1 }
        ],
        2
      )
      assert.deepStrictEqual(both.answers, ["a", "b"])
      const one = yield* ask(
        [
          { name: "a", after: 10 },
          { name: "b", after: 20, fails: true },
          { name: "c", after: 1 }
        ],
        2
      )
      assert.deepStrictEqual(one.asked.at(-1)?.[0], "c")
      assert.deepStrictEqual(one.answers, ["a", "c"])
    })
  )

  it.effect(
    "ends with the bug of who was asked, and does not hide it behind another's answer",
    () =>
      Effect.gen(function* () {
        const scope = yield* Effect.scope
        const exit = yield* askInTurn({
          candidates: ["a", "b"],
          scope,
          missing: (answers) => 1 - answers.length,
          ask: (name) => (name === "a" ? Effect.die("a bug") : Effect.succeed(name))
        }).pipe(Effect.exit)
        assert.strictEqual(exit._tag, "Failure")
      }).pipe(Effect.scoped)
  )
})
