/**
 * The command `surehook`: its parts, and how it starts and ends.
 *
 * Only names, flags and help are here and in the files beside this one. What a command does is in
 * `run/` and is loaded when it is asked for, so that help comes at once.
 */
import { readFileSync } from "node:fs"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { runMain } from "@effect/platform-node/NodeRuntime"
import { layer as nodeServices } from "@effect/platform-node/NodeServices"
import { Console, Effect, Layer, Runtime, Schema } from "effect"
import { CliConfig, CliOutput, Command, Flag, GlobalFlag } from "effect/cli"
import { demoCommand } from "../demo/demo-command.ts"
import { addresses } from "./addresses.ts"
import { config } from "./config.ts"
import { dlq } from "./dlq.ts"
import { jobs } from "./jobs.ts"
import { migrate } from "./migrate.ts"
import { reconcile } from "./reconcile.ts"
import { send } from "./send.ts"
import { serve } from "./serve.ts"

const home = new URL("../../", import.meta.url)

const Package = Schema.fromJsonString(Schema.Struct({ version: Schema.String }))

const { version } = Schema.decodeSync(Package)(readFileSync(new URL("package.json", home), "utf8"))

const description = `Turns webhooks of crypto deposits into credits, exactly once.

  In your shell, as one word that works from every folder (in ~/.bashrc or ~/.zshrc):
    surehook() { npm --prefix '${fileURLToPath(home).replace(/.$/, "")}' run --silent surehook -- "$@"; }
  Completions:
    surehook --completions bash >> ~/.bashrc
    surehook --completions zsh > ~/.zsh/completions/_surehook   (a folder of your fpath)
    surehook --completions fish > ~/.config/fish/completions/surehook.fish`

const surehook = Command.make("surehook").pipe(
  Command.withDescription(description),
  Command.withSubcommands([
    serve,
    demoCommand,
    send,
    jobs,
    dlq,
    addresses,
    reconcile,
    config,
    migrate
  ])
)

/** Wrong usage: what is wrong and where to read on, not pages of help that hide it. */
const presenter: CliOutput.Presenter = {
  present: (event) =>
    event._tag === "InvalidInvocation"
      ? Console.error(
          [
            ...event.errors.map(({ message }) => message),
            "",
            `Usage: ${event.helpDoc.usage}`,
            `Help:  ${event.commandPath.join(" ")} --help`
          ].join("\n")
        )
      : CliOutput.defaultPresenter.present(event)
}

// The level of the logs is LOG_LEVEL, beside the other settings.
const builtIns = [
  GlobalFlag.Help,
  GlobalFlag.Version,
  { ...GlobalFlag.Completions, flag: Flag.withMetavar(GlobalFlag.Completions.flag, "SHELL") }
]

const commandLine = Layer.mergeAll(
  nodeServices,
  CliConfig.layer({ builtIns }),
  CliOutput.layerPresenter(presenter),
  CliOutput.layer(CliOutput.defaultFormatter({ globalFlags: "summary" }))
)

export const main = (): void =>
  surehook.pipe(
    Command.run({ version }),
    Effect.provide(commandLine),
    runMain({
      disableErrorReporting: true,
      // A service that was told to stop and did so has done its work: see run/serve.ts.
      teardown: (exit, onExit) =>
        Runtime.defaultTeardown(exit, (code) =>
          onExit(code === interrupted && process.exitCode === 0 ? 0 : code)
        )
    })
  )

/** The exit code of a command that a signal ended. */
const interrupted = 130
