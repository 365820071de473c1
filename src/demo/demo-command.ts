/** `surehook demo`: the whole thing, on this machine, in under a minute. */
import { Cause, Console, Effect, Predicate } from "effect"
import { Command, Flag } from "effect/cli"
import type { DemoOptions } from "./demo.ts"
import { chainChoices } from "./demo-chains.ts"
import { makeScreen } from "./screen.ts"

const stay = Flag.Boolean("stay").pipe(
  Flag.withDescription("Leave everything running afterwards, and say how to use it"),
  Flag.withDefault(false)
)

const chain = Flag.Literals("chain", chainChoices).pipe(
  Flag.withDescription("Which chains take part"),
  Flag.withDefault("all")
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
  "Starting local chains, an embedded Postgres and the service: a few seconds. Ctrl-C stops all."

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

export const demoCommand = Command.make("demo", { chain, stay }, run).pipe(
  Command.withDescription(
    `Credit deposits on local chains, exactly once, and watch how.

  Starts an embedded Postgres, the service and one chain of each family: EVM (anvil) and Solana
  (litesvm) execute real transactions, while Aptos and Starknet, of which no node comes from npm,
  are fronts that answer as their nodes do. Each is announced in another provider's format, good
  and bad, and every credited balance is compared with the chain. Exits 0 only if each confirmed
  deposit was credited exactly once, and nothing else was.`
  ),
  Command.withShortDescription("Watch deposits on local chains being credited exactly once"),
  Command.withExamples([
    { command: "surehook demo", description: "The whole demo, in under a minute" },
    { command: "surehook demo --chain solana", description: "One chain alone" },
    { command: "surehook demo --stay", description: "And leave the service running" }
  ])
)
