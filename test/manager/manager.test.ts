/** The manager over real workers, and over parts that do what no real one does on command. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Duration, Effect, Exit, Fiber, Layer, Ref, Scope } from "effect"
import { TestClock } from "effect/testing"
import { Deposits } from "../../src/deposits/deposits.ts"
import type { ManagedPart } from "../../src/manager/managed-part.ts"
import { Manager, managerLayer } from "../../src/manager/manager.ts"
import { newJobs, readJobs, received } from "../deposits/jobs.ts"
import { confirmAll, confirmed, type Script } from "../support/scripted-validator.ts"
import { passTimeUntil } from "../workers/passing-time.ts"
import {
  hasStatus,
  idsOf,
  makeWorkers,
  onlyChain,
  test,
  typesOf,
  type WorkersOptions
} from "../workers/running-workers.ts"

const managerOf = (parts: ReadonlyArray<ManagedPart>) =>
  Effect.map(Layer.build(Manager.layerOf(parts)), (context) => Context.get(context, Manager))

/** A manager of nothing but workers, and these. */
const overWorkers = (script: Script, options: WorkersOptions = {}) =>
  Effect.gen(function* () {
    const workers = yield* makeWorkers(script, options)
    const manager = yield* managerOf([{ name: "workers", isEnabled: true, ...workers }])
    return { manager, workers }
  })

describe("a manager over workers", () => {
  test(
    "runs one set of them, however often it is started",
    Effect.gen(function* () {
      const deposits = yield* Deposits
      const claimants = yield* Ref.make<ReadonlySet<string>>(new Set())
      const watched = Layer.succeed(Deposits, {
        ...deposits,
        claim: (options) =>
          Effect.andThen(
            Ref.update(claimants, (names) => new Set([...names, options.worker])),
            deposits.claim(options)
          )
      })
      const { manager, workers } = yield* overWorkers(confirmAll).pipe(Effect.provide(watched))
      assert.isFalse(yield* manager.isRunning)
      yield* Effect.all([manager.start, manager.start, manager.start], {
        concurrency: "unbounded"
      })
      yield* manager.start
      const jobs = yield* newJobs(Array.from({ length: 25 }, () => received()))
      yield* passTimeUntil(idsOf(jobs), hasStatus("completed"))
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* Ref.get(claimants)).size, 2)
      assert.deepStrictEqual(yield* workers.health, { expected: 2, alive: 2, restarts: 0 })
      assert.isTrue(yield* manager.isRunning)
    })
  )

  test(
    "lets them finish what they hold when it is shut down, says so, and can start again",
    Effect.gen(function* () {
      const asked = yield* Deferred.make<void>()
      const answer = yield* Deferred.make<void>()
      const { manager, workers } = yield* overWorkers((claim) =>
        Deferred.succeed(asked, undefined).pipe(
          Effect.andThen(Deferred.await(answer)),
          Effect.as(confirmed(claim))
        )
      )
      yield* manager.start
      const [held] = yield* newJobs([received()])
      if (held === undefined) return assert.fail()
      yield* passTimeUntil([held.id], hasStatus("processing"))
      yield* Deferred.await(asked)
      const stopping = yield* Effect.forkChild(manager.shutdown(Duration.seconds(20)))
      yield* TestClock.adjust("19 seconds")
      assert.strictEqual(yield* manager.state, "stopping")
      assert.isFalse(yield* manager.isRunning)
      yield* Deferred.succeed(answer, undefined)
      assert.isTrue(yield* Fiber.join(stopping))
      const [done] = yield* readJobs([held.id])
      assert.strictEqual(done?.state.status, "completed")
      assert.isTrue(yield* manager.shutdown(Duration.seconds(20)), "nothing is left to do")
      assert.strictEqual((yield* workers.health).alive, 0)

      yield* manager.start
      const [next] = yield* newJobs([received()])
      if (next === undefined) return assert.fail()
      yield* passTimeUntil([next.id], hasStatus("completed"))
    })
  )

  test(
    "makes them release what they hold, at no attempt's cost, if it gives them too little time",
    Effect.gen(function* () {
      const { manager, workers } = yield* overWorkers(() => Effect.never)
      yield* manager.start
      const [job] = yield* newJobs([received({}, { max_attempts: 1 })])
      if (job === undefined) return assert.fail()
      yield* passTimeUntil([job.id], hasStatus("processing"))
      const stopping = yield* Effect.forkChild(manager.shutdown(Duration.seconds(3)))
      yield* TestClock.adjust("2900 millis")
      assert.strictEqual((yield* readJobs([job.id]))[0]?.state.status, "processing")
      yield* TestClock.adjust("200 millis")
      assert.isFalse(yield* Fiber.join(stopping))
      const [released] = yield* readJobs([job.id])
      assert.strictEqual(released?.state.status, "pending")
      assert.strictEqual(released?.state.context.attempt_count, 0)
      assert.strictEqual((yield* typesOf(job.id)).at(-1), "processing.released")
      assert.isFalse(yield* workers.isRunning)
      assert.strictEqual((yield* workers.health).alive, 0)
    })
  )

  test(
    "sees a worker that died, and that it came back",
    Effect.gen(function* () {
      const mayDie = yield* Ref.make(true)
      const claimable = Effect.flatMap(Ref.getAndSet(mayDie, false), (dies) =>
        dies ? Effect.die(new Error("dies")) : onlyChain
      )
      const { manager, workers } = yield* overWorkers(confirmAll, { claimable })
      yield* manager.start
      yield* TestClock.adjust("500 millis")
      assert.deepStrictEqual(yield* workers.health, { expected: 2, alive: 1, restarts: 0 })
      assert.isTrue(yield* manager.isRunning, "the other works on")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* workers.health, { expected: 2, alive: 2, restarts: 1 })
    })
  )

  test(
    "sees that they were stopped behind its back",
    Effect.gen(function* () {
      const { manager, workers } = yield* overWorkers(confirmAll)
      yield* manager.start
      yield* workers.shutdown(Duration.seconds(1))
      assert.isFalse(yield* manager.isRunning)
      assert.deepStrictEqual(yield* manager.parts, [{ name: "workers", status: "dead" }])
      yield* manager.start
      assert.deepStrictEqual(yield* manager.parts, [{ name: "workers", status: "ok" }])
    })
  )
})

/** A part that does nothing: a fake. It writes down what it is told, and ends after so many seconds. */
const partOf = (
  name: string,
  told: Ref.Ref<ReadonlyArray<string>>,
  options: { readonly isEnabled?: boolean; readonly seconds?: number; readonly dies?: boolean } = {}
): ManagedPart => {
  const write = (what: string) => Ref.update(told, (before) => [...before, `${what} ${name}`])
  const { isEnabled = true, seconds = 0, dies = false } = options
  return {
    name,
    isEnabled,
    isRunning: Effect.succeed(true),
    start: write("start"),
    shutdown: (timeout) =>
      write(`${Duration.toSeconds(timeout)} s for`).pipe(
        Effect.andThen(dies ? Effect.die(new Error("a bug")) : Effect.sleep(seconds * 1000)),
        Effect.andThen(write("end")),
        Effect.as(true)
      )
  }
}

describe("a manager over several parts", () => {
  it.effect("starts them in order and stops them at the same time, within the one timeout", () =>
    Effect.gen(function* () {
      const told = yield* Ref.make<ReadonlyArray<string>>([])
      const manager = yield* managerOf([
        partOf("slow", told, { seconds: 9 }),
        partOf("off", told, { isEnabled: false }),
        partOf("quick", told, { seconds: 1 })
      ])
      yield* manager.start
      assert.deepStrictEqual(yield* Ref.get(told), ["start slow", "start quick"])
      const begin = yield* Effect.forkChild(manager.shutdown(Duration.seconds(10)))
      yield* TestClock.adjust("9 seconds")
      assert.isTrue(yield* Fiber.join(begin))
      assert.deepStrictEqual((yield* Ref.get(told)).slice(2), [
        "10 s for slow",
        "10 s for quick",
        "end quick",
        "end slow"
      ])
      assert.deepStrictEqual(yield* manager.parts, [
        { name: "slow", status: "stopped" },
        { name: "off", status: "disabled" },
        { name: "quick", status: "stopped" }
      ])
    }).pipe(Effect.scoped)
  )

  it.effect("stops the others also if one fails to stop, and says that not all was finished", () =>
    Effect.gen(function* () {
      const told = yield* Ref.make<ReadonlyArray<string>>([])
      const manager = yield* managerOf([
        partOf("broken", told, { dies: true }),
        partOf("slow", told, { seconds: 1 })
      ])
      yield* manager.start
      const stopping = yield* Effect.forkChild(manager.shutdown(Duration.seconds(10)))
      yield* TestClock.adjust("1 second")
      assert.isFalse(yield* Fiber.join(stopping))
      assert.include(yield* Ref.get(told), "end slow")
    }).pipe(Effect.scoped)
  )

  it.effect("runs them for as long as the service is up, and leaves them 20 s at its end", () =>
    Effect.gen(function* () {
      const told = yield* Ref.make<ReadonlyArray<string>>([])
      const scope = yield* Scope.make()
      const layer = managerLayer.pipe(Layer.provide(Manager.layerOf([partOf("one", told)])))
      yield* Layer.buildWithScope(layer, scope)
      assert.deepStrictEqual(yield* Ref.get(told), ["start one"])
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* Ref.get(told), ["start one", "20 s for one", "end one"])
    })
  )
})
