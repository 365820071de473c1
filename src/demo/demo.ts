/**
 * The demo: a Postgres, chains and the service, and providers that send what providers send. It
 * succeeds only if each confirmed deposit is credited exactly once.
 */
import { randomBytes } from "node:crypto"
import process from "node:process"
import { Clock, Duration, Effect, Exit, FileSystem, Schema } from "effect"
import { FetchHttpClient } from "effect/http"
import type { DemoChain } from "./demo-chain.ts"
import { type ChainChoice, startChains } from "./demo-chains.ts"
import { startService } from "./demo-service.ts"
import { expectationOf } from "./expect.ts"
import { observe } from "./observe.ts"
import { type Played, play } from "./play.ts"
import { reportLines } from "./report.ts"
import type { Screen } from "./screen.ts"
import { makeStage, type Stage } from "./stage.ts"
import { invite } from "./stay.ts"
import { differences } from "./verdict.ts"
import { awaitTheRest } from "./waiting.ts"

export interface DemoOptions {
  readonly stay: boolean
  readonly chain: ChainChoice
}

/** It could not be shown that each confirmed deposit is credited exactly once, and nothing else. */
export class DemoFailed extends Schema.TaggedError<DemoFailed>()("DemoFailed", {
  message: Schema.String
}) {}

export const runDemo = Effect.fnUntraced(
  function* (screen: Screen, { chain, stay }: DemoOptions) {
    const startedAt = yield* Clock.currentTimeMillis
    const stage = yield* start(screen, chain, stay)
    yield* Effect.raceFirst(perform(stage, startedAt, stay), stage.journal.follow)
  },
  (demo, screen) => Effect.onInterrupt(demo, () => screen.print("Stopping …")),
  Effect.scoped,
  Effect.provide(FetchHttpClient.layer)
)

const start = Effect.fnUntraced(function* (screen: Screen, choice: ChainChoice, stay: boolean) {
  const fs = yield* FileSystem.FileSystem
  const apiToken = `demo_${randomBytes(18).toString("base64url")}`
  yield* screen.status("the chains start …")
  const chains = yield* startChains(choice)

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
  const service = yield* startService({ apiToken, chains, folder, logFile, stay }).pipe(
    Effect.catchTag("EmbeddedPostgresError", ({ message }) =>
      // Never the database that DATABASE_URL happens to name: it may hold real deposits.
      Effect.fail(new DemoFailed({ message: `${message} The demo itself needs the embedded one.` }))
    )
  )
  yield* screen.status("")
  yield* screen.print(
    `The service listens on ${service.url}. Each line is an event of its log, at its time in UTC.\n`
  )
  return yield* makeStage({ apiToken, chains, service, screen })
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
    for (const chain of stage.chains) {
      yield* stage.notice(chain.title)
      for (const scenario of chain.scenarios) {
        const subject = { number: played.length + 1, name: scenario.name }
        played.push(yield* play(stage, chain, subject, scenario))
        if (stage.screen.isWatched) yield* Effect.sleep(pauseAfter(chain))
      }
    }
    yield* awaitTheRest(stage, played)
    return played
  }).pipe(Effect.scoped, Effect.ensuring(stage.screen.status("")))

/** A person reads along: long where each line is new, and short where it is the same on another chain. */
const pauseAfter = ({ kind }: DemoChain): Duration.Duration =>
  Duration.millis(kind === "evm" ? 800 : 300)
