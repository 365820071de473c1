/** The signal goes from one process to another, here from one pool of connections to another. */
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { JobSignal } from "../../src/deposits/job-signal.ts"
import { layer as clientLayer } from "../../src/postgres/client.ts"
import { TestDatabase } from "../support/postgres.ts"

const openSignal = Effect.gen(function* () {
  const { url } = yield* TestDatabase
  const context = yield* Layer.build(
    Layer.fresh(JobSignal.layer.pipe(Layer.provide(clientLayer({ url, maxConnections: 3 }))))
  )
  return Context.get(context, JobSignal)
})

layer(TestDatabase.layerUrl, { excludeTestServices: true })("a signal", (it) => {
  it.effect("wakes who waits in another process", () =>
    Effect.gen(function* () {
      const [here, there] = [yield* openSignal, yield* openSignal]
      // It also wakes when it begins to listen; only then is it known to hear.
      yield* yield* there.next
      const next = yield* there.next
      yield* here.announce
      yield* next
    }).pipe(Effect.scoped, Effect.timeout("20 seconds"))
  )

  it.effect("of a command is heard at once, and keeps none of its connections", () =>
    Effect.gen(function* () {
      const { url } = yield* TestDatabase
      const there = yield* openSignal
      yield* yield* there.next
      const next = yield* there.next
      const telling = JobSignal.layerTelling.pipe(
        Layer.provide(clientLayer({ url, maxConnections: 1 }))
      )
      yield* Effect.flatMap(JobSignal, ({ announce }) => announce).pipe(
        Effect.provide(Layer.fresh(telling))
      )
      yield* next
    }).pipe(Effect.scoped, Effect.timeout("20 seconds"))
  )

  it.effect("that comes while one looks for work is not missed", () =>
    Effect.gen(function* () {
      const signal = yield* openSignal
      const next = yield* signal.next
      yield* signal.wake
      yield* next
      const after = yield* signal.next
      assert.notStrictEqual(after, next)
    }).pipe(Effect.scoped, Effect.timeout("20 seconds"))
  )
})
