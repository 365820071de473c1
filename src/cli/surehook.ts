/** The command `surehook` and its parts. */
import { readFileSync } from "node:fs"
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Effect, Schema } from "effect"
import { Command } from "effect/cli"
import { serve } from "./serve.ts"

const Package = Schema.fromJsonString(Schema.Struct({ version: Schema.String }))

const { version } = Schema.decodeSync(Package)(
  readFileSync(new URL("../../package.json", import.meta.url), "utf8")
)

const surehook = Command.make("surehook").pipe(
  Command.withDescription("Turns webhooks of crypto deposits into credits, exactly once"),
  Command.withSubcommands([serve])
)

export const main = (): void =>
  surehook.pipe(
    Command.run({ version }),
    Effect.provide(NodeServices.layer),
    NodeRuntime.runMain({ disableErrorReporting: true })
  )
