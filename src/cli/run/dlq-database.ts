/** What the commands about dead letters have in common: the service, the filters, the answers. */
import { Clock, Console, Effect, Layer, Option } from "effect"
import type { ErrorType } from "../../../machines/deposit-events.ts"
import type { DeadLetterFilter } from "../../deposits/dead-letter-filter.ts"
import { DeadLetters, type Outcome } from "../../deposits/dead-letters.ts"
import { Deposits } from "../../deposits/deposits.ts"
import { JobSignal } from "../../deposits/job-signal.ts"
import { pooledRandomLayer } from "../../deposits/pooled-random.ts"
import { jobIdFromText } from "../../domain/ids.ts"
import { refuse } from "../failure.ts"
import type { Moment } from "../moment.ts"

export const deadLettersLayer = DeadLetters.layer.pipe(
  Layer.provide([Deposits.layer, JobSignal.layerTelling]),
  Layer.provide(pooledRandomLayer)
)

export interface FilterInput {
  readonly chain: Option.Option<string>
  readonly errorType: Option.Option<ErrorType>
  readonly source: Option.Option<string>
  readonly tenant: Option.Option<string>
  readonly since: Option.Option<Moment>
  readonly until: Option.Option<Moment>
}

export const isFiltered = (input: FilterInput): boolean =>
  [input.chain, input.errorType, input.source, input.tenant, input.since, input.until].some(
    ({ _tag }) => _tag === "Some"
  )

export const filterOf = (input: FilterInput): Effect.Effect<DeadLetterFilter> =>
  Effect.map(Clock.currentTimeMillis, (now) => {
    const at = (moment: Option.Option<Moment>) =>
      Option.getOrUndefined(Option.map(moment, (dateAt) => dateAt(now)))
    return {
      chain: Option.getOrUndefined(input.chain),
      error_type: Option.getOrUndefined(input.errorType),
      source: Option.getOrUndefined(input.source),
      tenants: Option.getOrUndefined(Option.map(input.tenant, (id) => [id])),
      since: at(input.since),
      until: at(input.until)
    }
  })

export const idsOf = (texts: ReadonlyArray<string>) =>
  Effect.forEach(texts, (text) => {
    const id = jobIdFromText(text)
    return id === undefined
      ? refuse(
          `${text} is not a job id, which looks like 0197b3a0-5c1e-7000-8000-0123456789ab: \`dlq list\` shows them.`
        )
      : Effect.succeed(id)
  })

export const reasonOf = (reason: Option.Option<string>) =>
  Option.isSome(reason)
    ? Effect.succeed(reason.value)
    : refuse('Say why with --reason "…": it stands in the history of each job.')

/** "3 jobs". */
export const jobsText = (count: number): string => `${count} ${count === 1 ? "job" : "jobs"}`

/** Says what became of each that was named, and fails if any was left out. */
export const tell = Effect.fnUntraced(function* (
  outcomes: ReadonlyArray<Outcome>,
  done: "replayed" | "discarded"
) {
  const failed = outcomes.filter(({ outcome }) => outcome !== "done")
  const count = outcomes.length - failed.length
  if (count > 0) yield* Console.log(`${jobsText(count)} ${done}.`)
  if (failed.length > 0) yield* refuse(failed.map((one) => whyNot(one, done)).join("\n"))
})

const whyNot = (outcome: Outcome, done: string): string => {
  switch (outcome.outcome) {
    case "refused":
      return `${outcome.job_id} is ${outcome.state}, and cannot be ${done}.`
    case "busy":
      return `${outcome.job_id} was not ${done}: something else happens to it at this moment. Try again.`
    default:
      return `There is no job ${outcome.job_id} in this database.`
  }
}
