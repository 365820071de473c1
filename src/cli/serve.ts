/** `surehook serve`: runs the service until it is told to stop. */
import { Command } from "effect/cli"
import { onDemand } from "./on-demand.ts"

export const serve = Command.make(
  "serve",
  {},
  onDemand(() =>
    import("./run/serve.ts").then(
      ({ runService }) =>
        () =>
          runService
    )
  )
).pipe(
  Command.withDescription(
    `Run the service: webhooks, workers and the API.

  It reads surehook.yaml (or what SUREHOOK_CONFIG names) and the environment, and logs to standard
  output. Without DATABASE_URL it starts a Postgres of its own. Ctrl-C or SIGTERM stops it, after
  its workers have finished what they hold.`
  ),
  Command.withShortDescription("Run the service: webhooks, workers and the API")
)
