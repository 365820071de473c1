/** Dead letters as a table, or as JSON; or what dead-lettered how many. */
import { Clock, Console, Effect } from "effect"
import type { CauseCount } from "../../deposits/dead-letter-queries.ts"
import { DeadLetters } from "../../deposits/dead-letters.ts"
import type { JobView } from "../../deposits/job-queries.ts"
import { reading } from "./command-database.ts"
import { deadLettersLayer, type FilterInput, filterOf } from "./dlq-database.ts"
import { ageText, jobJson, printable } from "./job-text.ts"
import { type Column, screen, table } from "./table.ts"

interface ListInput extends FilterInput {
  readonly byCause: boolean
  readonly limit: number
  readonly json: boolean
}

export const listDeadLetters = ({ byCause, json, limit, ...input }: ListInput) =>
  Effect.gen(function* () {
    const letters = yield* DeadLetters
    const filter = yield* filterOf(input)
    if (byCause) return yield* listCauses(yield* letters.causes(filter), json)
    const found = yield* letters.list(filter, { limit: limit + 1 })
    const jobs = found.slice(0, limit)
    if (json) return yield* Console.log(JSON.stringify({ jobs: jobs.map(jobJson) }, null, 2))
    if (jobs.length === 0) return yield* Console.error(nothing)
    yield* Console.log(table(columns(yield* Clock.currentTimeMillis), jobs, yield* screen))
    if (found.length > limit) {
      const count = yield* letters.count(filter)
      yield* Console.error(`The newest ${limit} of ${count}: --limit shows more.`)
    }
  }).pipe(Effect.provide(deadLettersLayer), reading)

const listCauses = Effect.fnUntraced(function* (causes: ReadonlyArray<CauseCount>, json: boolean) {
  if (json) return yield* Console.log(JSON.stringify({ causes }, null, 2))
  if (causes.length === 0) return yield* Console.error(nothing)
  yield* Console.log(table(causeColumns, causes, yield* screen))
})

const nothing = "There are no such dead letters."

const reasonText = ({ failure_reason }: Pick<JobView, "failure_reason">): string =>
  printable(failure_reason ?? "")

const typeText = ({ error_type }: Pick<CauseCount, "error_type">): string => error_type ?? ""

const columns = (nowMillis: number): ReadonlyArray<Column<JobView>> => [
  { title: "JOB", text: ({ id }) => id },
  {
    title: "AGE",
    text: ({ first_seen_at, moved_to_dlq_at }) =>
      ageText(moved_to_dlq_at ?? first_seen_at, nowMillis)
  },
  { title: "AMOUNT", text: ({ amount, token }) => `${amount} ${token}`, shrinksTo: 12 },
  { title: "CHAIN", text: ({ chain }) => chain, shrinksTo: 8 },
  { title: "TYPE", text: typeText },
  { title: "REASON", text: reasonText, shrinksTo: 20 }
]

const causeColumns: ReadonlyArray<Column<CauseCount>> = [
  { title: "COUNT", text: ({ count }) => String(count) },
  { title: "CHAIN", text: ({ chain }) => chain, shrinksTo: 8 },
  { title: "TYPE", text: typeText },
  { title: "REASON", text: reasonText, shrinksTo: 20 }
]
