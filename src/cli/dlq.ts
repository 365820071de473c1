/** `surehook dlq list|show|replay|discard`: the deposits that wait for a person. */
import { Argument, Command, Flag } from "effect/cli"
import { ErrorType } from "../../machines/deposit-events.ts"
import {
  defaultMaxJobs,
  defaultRate,
  isReason,
  maxMaxJobs,
  maxNamedJobs,
  maxRate,
  reasonRule
} from "../deposits/dead-letter-limits.ts"
import { momentFromText, momentRule } from "./moment.ts"
import { onDemand } from "./on-demand.ts"

const maxListed = 1_000

const text = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar(metavar),
    Flag.withDescription(description),
    Flag.optional
  )

const moment = (name: string, description: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar("TIME"),
    Flag.withDescription(description),
    Flag.filterMap(momentFromText, () => momentRule),
    Flag.optional
  )

const count = (name: string, metavar: string, description: string, max: number) =>
  Flag.Int(name).pipe(
    Flag.withMetavar(metavar),
    Flag.withDescription(description),
    Flag.filter(
      (value) => value >= 1 && value <= max,
      () => `Expected a whole number from 1 to ${max}`
    )
  )

const filters = {
  chain: text("chain", "NAME", "Only those of this chain"),
  errorType: Flag.Literals("error-type", ErrorType.literals).pipe(
    Flag.withMetavar("TYPE"),
    Flag.withDescription("Only those that failed so"),
    Flag.optional
  ),
  source: text("source", "ID", "Only those of this source"),
  tenant: text("tenant", "ID", "Only those of this tenant"),
  since: moment("since", "Only those dead-lettered then or later: a time, or 2h, 3d"),
  until: moment("until", "Only those dead-lettered before")
}

const jobIds = Argument.String("job-id").pipe(
  Argument.withDescription("From dlq list"),
  Argument.variadic({ max: maxNamedJobs })
)

/** Asked for by the command itself, which says why it is needed. */
const reason = Flag.String("reason").pipe(
  Flag.withMetavar("TEXT"),
  Flag.withDescription("Why: it stands in the history of each job"),
  Flag.filter(isReason, () => `--reason ${reasonRule}`),
  Flag.optional
)

const json = Flag.Boolean("json").pipe(
  Flag.withDescription("Print JSON, with the names of the API"),
  Flag.withDefault(false)
)

const list = Command.make(
  "list",
  {
    ...filters,
    byCause: Flag.Boolean("by-cause").pipe(
      Flag.withDescription("Count what dead-lettered the newest 10,000 instead"),
      Flag.withDefault(false)
    ),
    limit: count("limit", "N", "At most so many", maxListed).pipe(Flag.withDefault(20)),
    json
  },
  onDemand(() => import("./run/dlq-list.ts").then(({ listDeadLetters }) => listDeadLetters))
).pipe(
  Command.withDescription("List dead letters, the newest deposits first"),
  Command.withAlias("ls"),
  Command.withExamples([
    { command: "surehook dlq list --by-cause", description: "What is wrong, and how often" },
    { command: "surehook dlq list --chain ethereum --since 2h", description: "Some of them" }
  ])
)

const show = Command.make(
  "show",
  {
    jobId: Argument.String("job-id").pipe(Argument.withDescription("From dlq list")),
    json
  },
  onDemand(() => import("./run/jobs-show.ts").then(({ showJob }) => showJob))
).pipe(Command.withDescription("Show one job, all that happened to it, and what can be done"))

const replay = Command.make(
  "replay",
  {
    jobIds,
    all: Flag.Boolean("all").pipe(
      Flag.withDescription("All that the filters leave"),
      Flag.withDefault(false)
    ),
    ...filters,
    reason,
    dryRun: Flag.Boolean("dry-run").pipe(
      Flag.withDescription("Only count them"),
      Flag.withDefault(false)
    ),
    rate: count("rate", "N", "Jobs a second, for the chain's endpoints", maxRate).pipe(
      Flag.withDefault(defaultRate)
    ),
    limit: count("limit", "N", "At most so many", maxMaxJobs).pipe(Flag.withDefault(defaultMaxJobs))
  },
  onDemand(() => import("./run/dlq-replay.ts").then(({ replayDeadLetters }) => replayDeadLetters))
).pipe(
  Command.withDescription(
    `Send dead letters back to be tried again: those that are named, or with --all all that the filters
  leave, the oldest deposits first.

  The history stays and the attempts begin anew. Nothing is credited twice. What was discarded, or
  settled without a credit, comes back too if it is named. Stop with Ctrl-C: what was replayed stays
  replayed, and the same command goes on with the rest.`
  ),
  Command.withShortDescription("Send dead letters back to be tried again"),
  Command.withExamples([
    { command: 'surehook dlq replay 0197… --reason "token added"', description: "One" },
    {
      command: "surehook dlq replay --all --chain ethereum --error-type rpc_failure --dry-run",
      description: "How many it would be"
    }
  ])
)

const discard = Command.make(
  "discard",
  { jobIds, reason },
  onDemand(() =>
    import("./run/dlq-discard.ts").then(({ discardDeadLetters }) => discardDeadLetters)
  )
).pipe(
  Command.withDescription("Give dead letters up: they are never credited, unless replayed by name")
)

export const dlq = Command.make("dlq").pipe(
  Command.withDescription("Look at dead letters, replay or discard them"),
  Command.withSubcommands([list, show, replay, discard])
)
