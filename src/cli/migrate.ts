/** `surehook migrate up|down|status`: the schema of the database. */
import { Command, Flag } from "effect/cli"
import { onDemand } from "./on-demand.ts"

const up = Command.make(
  "up",
  {},
  onDemand(() =>
    import("./run/migrate.ts").then(
      ({ up }) =>
        () =>
          up
    )
  )
).pipe(
  Command.withDescription(
    "Apply the migrations that are missing (the service does so at its start)"
  )
)

const down = Command.make(
  "down",
  {
    steps: Flag.Int("steps").pipe(
      Flag.withMetavar("N"),
      Flag.withDescription("How many migrations to undo"),
      Flag.filter(
        (steps) => steps >= 1,
        () => "Expected a whole number from 1 on"
      ),
      Flag.withDefault(1)
    ),
    destroyEvents: Flag.Boolean("destroy-events").pipe(
      Flag.withDescription("Undo them even if that destroys the history of deposits for ever"),
      Flag.withDefault(false)
    )
  },
  onDemand(() => import("./run/migrate.ts").then(({ down }) => down))
).pipe(
  Command.withDescription("Undo the last migrations, newest first; refused while there are events")
)

const status = Command.make(
  "status",
  {},
  onDemand(() =>
    import("./run/migrate.ts").then(
      ({ status }) =>
        () =>
          status
    )
  )
).pipe(Command.withDescription("Show which migrations are applied, pending, changed or unknown"))

export const migrate = Command.make("migrate").pipe(
  Command.withDescription("Bring the database's schema up or down, or show where it is"),
  Command.withSubcommands([up, down, status])
)
