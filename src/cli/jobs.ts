/** `surehook jobs list|show`: what became of deposits, read from the database. */
import { Argument, Command, Flag } from "effect/cli"
import { onDemand } from "./on-demand.ts"

const maxLimit = 1_000

const json = Flag.Boolean("json").pipe(
  Flag.withDescription("Print JSON, with the names of the API"),
  Flag.withDefault(false)
)

const list = Command.make(
  "list",
  {
    status: Flag.Literals("status", ["pending", "processing", "failed", "dlq", "completed"]).pipe(
      Flag.withMetavar("STATUS"),
      Flag.withDescription("Only jobs in this status"),
      Flag.optional
    ),
    chain: Flag.String("chain").pipe(
      Flag.withMetavar("NAME"),
      Flag.withDescription("Only jobs of this chain"),
      Flag.optional
    ),
    txHash: Flag.String("tx-hash").pipe(
      Flag.withMetavar("HASH"),
      Flag.withDescription("Only jobs of this transaction"),
      Flag.optional
    ),
    limit: Flag.Int("limit").pipe(
      Flag.withMetavar("N"),
      Flag.withDescription("At most so many"),
      Flag.filter(
        (limit) => limit >= 1 && limit <= maxLimit,
        () => `Expected a whole number from 1 to ${maxLimit}`
      ),
      Flag.withDefault(20)
    ),
    json
  },
  onDemand(() => import("./run/jobs-list.ts").then(({ listJobs }) => listJobs))
).pipe(
  Command.withDescription("List deposit jobs, the newest first"),
  Command.withAlias("ls"),
  Command.withExamples([
    { command: "surehook jobs list --status dlq", description: "What needs a person" },
    {
      command: "surehook jobs list --limit 1000 --json",
      description: "For a script, such as jq '.jobs[].id'"
    }
  ])
)

const show = Command.make(
  "show",
  {
    jobId: Argument.String("job-id").pipe(
      Argument.withDescription("From the answer to the webhook, or from jobs list")
    ),
    json
  },
  onDemand(() => import("./run/jobs-show.ts").then(({ showJob }) => showJob))
).pipe(Command.withDescription("Show one deposit job and everything that happened to it"))

export const jobs = Command.make("jobs").pipe(
  Command.withDescription("Look at deposit jobs"),
  Command.withSubcommands([list, show])
)
