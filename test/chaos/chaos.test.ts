/** The short form of `npm run chaos`, with a fixed seed. */
import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, References } from "effect"
import { features } from "./features.ts"
import { run } from "./harness.ts"
import { reportText } from "./report.ts"

const seed = 7
const durationMillis = 5000

const quiet = Layer.succeed(References.MinimumLogLevel, "Error")

describe("processes, database and chain that fail under load", () => {
  it.live(
    "lose no acknowledged webhook, and credit each confirmed deposit exactly once",
    () =>
      Effect.gen(function* () {
        const report = yield* run({
          seed,
          durationMillis,
          instances: 2,
          transactionsPerSecond: 10,
          leastFaultGapMillis: 150,
          mostFaultGapMillis: 400,
          mostFaultMillis: 1200,
          fullDisk: false,
          features,
          print: () => {}
        })
        const text = reportText({ seed, minutes: durationMillis / 60_000 }, report)
        assert.deepStrictEqual(report.violations, [], text)
        // That it was a test at all: every kind of fault came, and deposits went through all the same.
        assert.isAtLeast(report.injected.size, 14, text)
        assert.isAbove(report.figures.credited, 30, text)
      }).pipe(Effect.scoped, Effect.provide(Layer.merge(NodeServices.layer, quiet))),
    180_000
  )
})
