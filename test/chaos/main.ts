/**
 * `npm run chaos -- --minutes 10 --seed N`: faults under load, and whether all is right afterwards.
 *
 * Exit code 0 only if the checker found nothing wrong.
 */
import { randomInt } from "node:crypto"
import process from "node:process"
import { parseArgs } from "node:util"
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Console, Effect, Layer, References } from "effect"
import { features } from "./features.ts"
import { run } from "./harness.ts"
import { reportText } from "./report.ts"

const largestSeed = 2 ** 31 - 1

const usage = `Usage: npm run chaos -- [--minutes 10] [--seed N] [--instances 3] [--rate 6]

  --minutes    how long faults are injected; it takes a few more until all is at rest
  --seed       makes the schedule and the load; a random one is printed
  --instances  of the service
  --rate       transactions a second`

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    seed: { type: "string", default: `${randomInt(largestSeed)}` },
    instances: { type: "string", default: "3" },
    rate: { type: "string", default: "6" },
    help: { type: "boolean", default: false }
  }
})
const minutes = Number(values.minutes)
const seed = Number(values.seed)
const instances = Number(values.instances)
const rate = Number(values.rate)

const main = Effect.gen(function* () {
  const areRight = minutes > 0 && Number.isInteger(seed) && instances >= 1 && rate > 0
  if (values.help || !areRight) {
    yield* Console.log(usage)
    process.exitCode = values.help ? 0 : 2
    return
  }
  yield* Console.log(`seed ${seed}: ${minutes} minutes of faults on ${instances} instances`)
  const report = yield* run({
    seed,
    durationMillis: minutes * 60_000,
    instances,
    transactionsPerSecond: rate,
    leastFaultGapMillis: 500,
    mostFaultGapMillis: 3500,
    mostFaultMillis: 6000,
    fullDisk: true,
    features,
    print: (line) => console.log(line)
  })
  yield* Console.log(`\n${reportText({ seed, minutes }, report)}`)
  if (report.violations.length > 0) process.exitCode = 1
})

main.pipe(
  Effect.scoped,
  Effect.provide(NodeServices.layer),
  // The embedded Postgres would tell of each of its deaths.
  Effect.provide(Layer.succeed(References.MinimumLogLevel, "Error")),
  NodeRuntime.runMain
)
