/** `surehook config check`: is what the service would start with right? */
import { Command } from "effect/cli"
import { onDemand } from "./on-demand.ts"

const check = Command.make(
  "check",
  {},
  onDemand(() =>
    import("./run/config-check.ts").then(
      ({ checkConfig }) =>
        () =>
          checkConfig
    )
  )
).pipe(
  Command.withDescription(
    "Check surehook.yaml and the environment: print what was understood, or every fault"
  )
)

export const config = Command.make("config").pipe(
  Command.withDescription("Check the configuration"),
  Command.withSubcommands([check])
)
