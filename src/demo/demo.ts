/**
 * The demo: a Postgres, a chain and the service, all of them real, and a provider that sends what
 * providers send. It succeeds only if each confirmed deposit is credited exactly once.
 */
import process from "node:process"
import { Clock, Duration, Effect, Exit, FileSystem, Schema } from "effect"
import { FetchHttpClient } from "effect/http"
import { makeSecrets } from "./demo-config.ts"
import { startService } from "./demo-service.ts"
import { expectationOf } from "./expect.ts"
import { startLocalChain } from "./local-chain.ts"
import { observe } from "./observe.ts"
import { type Played, play } from "./play.ts"
import { reportLines } from "./report.ts"
import { scenarios } from "./scenarios.ts"
import type { Screen } from "./screen.ts"
import { makeStage, type Stage } from "./stage.ts"
import { invite } from "./stay.ts"
import { differences } from "./verdict.ts"
import { awaitTheRest } from "./waiting.ts"

/** A person reads along. */
const pauseBetweenScenarios = Duration.millis(800)

export interface DemoOptions {
  readonly stay: boolean
}

/** It could not be shown that each confirmed deposit is credited exactly once, and nothing else. */
export class DemoFailed extends Schema.TaggedError<DemoFailed>()("DemoFailed", {
  message: Schema.String
}) {}

export const runDemo = Effect.fnUntraced(
  function* (screen: Screen, { stay }: DemoOptions) {
    const startedAt = yield* Clock.currentTimeMillis
    const stage = yield* start(screen, stay)
    yield* Effect.raceFirst(perform(stage, startedAt, stay), stage.journal.follow)
  },
  (demo, screen) => Effect.onInterrupt(demo, () => screen.print("Stopping …")),
  Effect.scoped,
  Effect.provide(FetchHttpClient.layer)
)

const start = Effect.fnUntraced(function* (screen: Screen, stay: boolean) {
  const fs = yield* FileSystem.FileSystem
  const secrets = makeSecrets()
  yield* screen.status("the chain starts …")
  const chain = yield* startLocalChain

  yield* screen.status("Postgres and the service start …")
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "surehook-demo-" })
  const logFile = `${folder}.log`
  yield* Effect.addFinalizer((exit) =>
    Exit.isSuccess(exit) || Exit.hasInterrupts(exit)
      ? Effect.ignore(fs.remove(logFile, { force: true }))
      : Effect.when(
          screen.print(`The service's log is in ${logFile}`),
          Effect.orElseSucceed(fs.exists(logFile), () => false)
        )
  )
  const service = yield* startService({ secrets, chain, folder, logFile, stay }).pipe(
    Effect.catchTag("EmbeddedPostgresError", ({ message }) =>
      // Never the database that DATABASE_URL happens to name: it may hold real deposits.
      Effect.fail(new DemoFailed({ message: `${message} The demo itself needs the embedded one.` }))
    )
  )
  yield* screen.status("")
  yield* screen.print(
    `The service listens on ${service.url}. Each line is an event of its log, at its time in UTC.\n`
  )
  return yield* makeStage({ chain, service, secrets, screen })
})

const perform = Effect.fnUntraced(function* (stage: Stage, startedAt: number, stay: boolean) {
  const { screen } = stage
  const played = yield* playAll(stage)
  const expected = expectationOf(played)
  const outcome = yield* observe(stage, played)
  const wrong = differences(expected, outcome)
  for (const line of reportLines(screen, played, expected, outcome)) yield* screen.print(line)

  const seconds = Math.round(((yield* Clock.currentTimeMillis) - startedAt) / 1000)
  const failure = new DemoFailed({
    message: [`✗ The demo failed after ${seconds} s:`, ...wrong.map((one) => `  ${one}`)].join("\n")
  })
  const hasFailed = wrong.length > 0
  if (hasFailed && !stay) return yield* failure
  const success = `✓ Each of the ${expected.confirmed.length} confirmed deposits was credited exactly once, and nothing else was. (${seconds} s)`
  yield* screen.print(hasFailed ? failure.message : screen.paint(success, "green", "bold"))
  if (stay) yield* staying(stage, hasFailed)
})

const staying = (stage: Stage, hasFailed: boolean) =>
  Effect.andThen(invite(stage), Effect.never).pipe(
    Effect.onInterrupt(() =>
      Effect.sync(() => {
        // To be stopped is how it ends, and not how it fails.
        if (!hasFailed) process.exitCode = 0
      })
    )
  )

const playAll = (stage: Stage) =>
  Effect.gen(function* () {
    const played: Array<Played> = []
    for (const scenario of scenarios) {
      if (played.length > 0) yield* Effect.sleep(pauseBetweenScenarios)
      const subject = { number: played.length + 1, name: scenario.name }
      played.push(yield* play(stage, subject, scenario))
    }
    yield* awaitTheRest(stage, played)
    return played
  }).pipe(Effect.scoped, Effect.ensuring(stage.screen.status("")))
