/** `surehook demo`: the whole thing, on this machine, in under a minute. */
import { Cause, Console, Effect, Predicate } from "effect"
import { Command, Flag } from "effect/cli"
import type { DemoOptions } from "./demo.ts"
import { makeScreen } from "./screen.ts"

const stay = Flag.Boolean("stay").pipe(
  Flag.withDescription("Leave everything running afterwards, and say how to use it"),
  Flag.withDefault(false)
)

/** A failure that was told already. */
class DemoEnded extends Error {
  override readonly name = "DemoEnded"
}

const textOf = (cause: Cause.Cause<unknown>): string => {
  const error = cause.reasons.find(Cause.isFailReason)?.error
  return Predicate.hasProperty(error, "message") ? `${error.message}` : Cause.pretty(cause)
}

/** An expected failure is one clear line; a defect keeps its trace. */
const tellFailure = <A, E, R>(demo: Effect.Effect<A, E, R>) =>
  Effect.catchCause(demo, (cause) =>
    Cause.hasInterruptsOnly(cause)
      ? Effect.interrupt
      : Effect.andThen(Console.error(textOf(cause)), Effect.fail(new DemoEnded()))
  )

const firstLine =
  "Starting a local EVM chain (anvil), an embedded Postgres and the service: a few seconds. Ctrl-C stops all."

const run = (options: DemoOptions) =>
  Effect.gen(function* () {
    const screen = yield* makeScreen
    yield* screen.print(firstLine)
    // Loaded now and not before: that takes a moment, in which the line stands there already.
    const { runDemo } = yield* Effect.promise(() => import("./demo.ts"))
    yield* Effect.raceFirst(runDemo(screen, options), screen.gone).pipe(
      Effect.onInterrupt(() => screen.print("Everything is stopped."))
    )
  }).pipe(Effect.scoped, tellFailure)

export const demoCommand = Command.make("demo", { stay }, run).pipe(
  Command.withDescription(
    `Credit real deposits on a local chain, exactly once, and watch how.

  Starts an embedded Postgres, an EVM chain (anvil) and the service, sends the webhooks that
  providers send, good and bad, and compares every credited balance with the chain. Exits 0 only
  if each confirmed deposit was credited exactly once, and nothing else was.`
  ),
  Command.withShortDescription("Watch real deposits on a local chain being credited exactly once"),
  Command.withExamples([
    { command: "surehook demo", description: "The whole demo, in under a minute" },
    { command: "surehook demo --stay", description: "And leave the service running" }
  ])
)
