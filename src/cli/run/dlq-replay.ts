/** Replays dead letters: those that are named, or all that the filters leave, at a rate. */
import { Clock, Console, Effect, type Option } from "effect"
import { DeadLetters } from "../../deposits/dead-letters.ts"
import { refuse } from "../failure.ts"
import { changing, reading } from "./command-database.ts"
import {
  deadLettersLayer,
  type FilterInput,
  filterOf,
  idsOf,
  isFiltered,
  jobsText,
  reasonOf,
  tell
} from "./dlq-database.ts"
import { operatorName } from "./operator-name.ts"

interface ReplayInput extends FilterInput {
  readonly jobIds: ReadonlyArray<string>
  readonly all: boolean
  readonly reason: Option.Option<string>
  readonly dryRun: boolean
  readonly rate: number
  readonly limit: number
}

export const replayDeadLetters = Effect.fnUntraced(function* (input: ReplayInput) {
  const { all, dryRun, jobIds } = input
  if (jobIds.length === 0 && !all) {
    return yield* refuse(
      isFiltered(input)
        ? "Say --all to replay all that these filters leave; --dry-run counts them first."
        : "Name the jobs to replay, or say --all; --dry-run counts them first."
    )
  }
  if (jobIds.length > 0 && (all || isFiltered(input))) {
    return yield* refuse("Name jobs, or say --all with filters: both at once is not clear.")
  }
  if (!all) {
    if (dryRun) return yield* refuse("--dry-run counts what --all would replay: see `dlq show`.")
    return yield* replayNamed(input)
  }
  return yield* dryRun ? countAll(input) : replayAll(input)
})

const replayNamed = Effect.fnUntraced(function* (input: ReplayInput) {
  const ids = yield* idsOf(input.jobIds)
  const decision = { operator: yield* operatorName, reason: yield* reasonOf(input.reason) }
  const replay = Effect.flatMap(DeadLetters, (letters) => letters.replay(ids, decision))
  yield* tell(yield* replay.pipe(Effect.provide(deadLettersLayer), changing), "replayed")
})

const countAll = (input: ReplayInput) =>
  Effect.gen(function* () {
    const matched = yield* (yield* DeadLetters).count(yield* filterOf(input))
    yield* Console.log(
      matched > input.limit
        ? `${jobsText(matched)} match, of which ${input.limit} would be replayed: --limit says how many.`
        : `${jobsText(matched)} would be replayed.`
    )
  }).pipe(Effect.provide(deadLettersLayer), reading)

const replayAll = Effect.fnUntraced(function* (input: ReplayInput) {
  const decision = { operator: yield* operatorName, reason: yield* reasonOf(input.reason) }
  const { limit: max_jobs, rate } = input
  return yield* Effect.gen(function* () {
    const letters = yield* DeadLetters
    const filter = yield* filterOf(input)
    const matched = yield* letters.count(filter)
    const wanted = Math.min(matched, max_jobs)
    let done = 0
    let toldAt = yield* Clock.currentTimeMillis
    const onBatch = Effect.fnUntraced(function* (replayed: number) {
      done = replayed
      const now = yield* Clock.currentTimeMillis
      if (now - toldAt < tellEveryMillis || replayed >= wanted) return
      toldAt = now
      yield* Console.error(`${replayed} of ${jobsText(wanted)} replayed …`)
    })
    const { replayed, until } = yield* letters
      .replayAll({ ...decision, filter, max_jobs, rate, onBatch })
      .pipe(Effect.onInterrupt(() => Console.error(stoppedText(done))))
    const left = yield* letters.count({ ...filter, until })
    yield* Console.log(`${jobsText(replayed)} replayed.`)
    if (left > 0)
      yield* Console.error(`${jobsText(left)} left: the same command goes on with them.`)
  }).pipe(Effect.provide(deadLettersLayer), changing)
})

const tellEveryMillis = 1_000

const stoppedText = (done: number): string =>
  `Stopped: ${jobsText(done)} replayed. The same command goes on with the rest.`
