/** Whether a reconciliation is late, with time in the test's hands and a reconciler that is a script. */
import { assert, it } from "@effect/vitest"
import { Duration, Effect, Layer, Ref } from "effect"
import { TestClock } from "effect/testing"
import { makeReadiness, unreadyParts } from "../../src/api/readiness.ts"
import { Manager } from "../../src/manager/manager.ts"
import { ReconciliationHealth } from "../../src/manager/reconciliation-health.ts"
import { Workers } from "../../src/workers/workers.ts"
import { TestDatabase } from "../support/postgres.ts"
import { confirmAll, validatorOf } from "../support/scripted-validator.ts"

/** Of a process without any. */
const noWorkers = Layer.succeed(Workers, {
  start: Effect.void,
  shutdown: () => Effect.succeed(true),
  isRunning: Effect.succeed(false),
  health: Effect.succeed({ expected: 0, alive: 0, restarts: 0 })
})

it.effect(
  "a reconciliation is late an hour after the last, or the start, and turns nobody away",
  () =>
    Effect.gen(function* () {
      const lastCompleted = yield* Ref.make<number | null>(null)
      const reconciler = Layer.succeed(ReconciliationHealth, {
        isEnabled: true,
        lateAfter: Duration.hours(1),
        lastCompletedAt: Ref.get(lastCompleted)
      })
      yield* Effect.gen(function* () {
        yield* (yield* Manager).start
        const readiness = yield* makeReadiness
        const reconciliation = Effect.map(readiness, (parts) => {
          assert.deepStrictEqual(unreadyParts(parts), [])
          return parts.reconciliation
        })
        assert.deepStrictEqual(yield* reconciliation, { status: "ok", last_completed_at: null })
        yield* TestClock.adjust("61 minutes")
        assert.strictEqual((yield* reconciliation).status, "late")
        yield* Ref.set(lastCompleted, Duration.toMillis("61 minutes"))
        const last_completed_at = "1970-01-01T01:01:00.000Z"
        assert.deepStrictEqual(yield* reconciliation, { status: "ok", last_completed_at })
        yield* TestClock.adjust("60 minutes")
        assert.deepStrictEqual(yield* reconciliation, { status: "ok", last_completed_at })
        yield* TestClock.adjust("1 milli")
        assert.deepStrictEqual(yield* reconciliation, { status: "late", last_completed_at })
      }).pipe(
        Effect.provide([
          reconciler,
          Manager.layerOf([]),
          noWorkers,
          validatorOf(confirmAll, Effect.succeed([])),
          TestDatabase.layer
        ])
      )
    })
)
