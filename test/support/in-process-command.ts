/** A command in this process, because starting one takes longer than all that it does. */
import { NodeServices } from "@effect/platform-node"
import { Console, Effect, Exit, Layer, Stdio, Stream } from "effect"
import { CliOutput, Command } from "effect/cli"
import { ProcessEnv } from "../../src/config/process-env.ts"
import type { Ended } from "./command.ts"

interface Options {
  /** Of standard input, which is empty otherwise. */
  readonly stdin?: string
  /** Is told each line on standard error. */
  readonly onError?: (text: string) => void
}

/** What it says is recorded, and not printed. */
export const runInProcess = <Name extends string, Input, ContextInput, E>(
  command: Command.Command<Name, Input, ContextInput, E, NodeServices.NodeServices>,
  env: Readonly<Record<string, string>>,
  args: ReadonlyArray<string>,
  { onError = () => {}, stdin = "" }: Options = {}
): Effect.Effect<Ended> =>
  Effect.gen(function* () {
    const said = { stdout: "", stderr: "" }
    const recorder: Console.Console = Object.assign(Object.create(console), {
      log: (text: unknown) => {
        said.stdout += `${text}\n`
      },
      error: (text: unknown) => {
        said.stderr += `${text}\n`
        onError(String(text))
      }
    })
    const exit = yield* Command.runWith(command, { version: "test" })(args).pipe(
      Effect.provide(
        Layer.merge(
          Stdio.layerTest({ stdin: Stream.make(new TextEncoder().encode(stdin)) }),
          CliOutput.layer(CliOutput.defaultFormatter())
        )
      ),
      Effect.provide(NodeServices.layer),
      Effect.provideService(ProcessEnv, env),
      Effect.provideService(Console.Console, recorder),
      Effect.exit
    )
    return { code: Exit.isSuccess(exit) ? 0 : 1, ...said }
  })
