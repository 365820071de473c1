/** The end of a demo that must wait: what for, why, and for how long still. */
import { Clock, Duration, Effect } from "effect"
import type { EventRecord } from "../event-log/event-record.ts"
import { isSettled, type Newest } from "./journal.ts"
import { numberText } from "./live-view.ts"
import { jobsOf, type Played } from "./play.ts"
import type { Stage } from "./stage.ts"

const statusInterval = Duration.millis(250)
/** An `rpc_failure` is tried again after 30 s ± 20 %. */
const patience = Duration.seconds(60)

const why = "a failed RPC is left alone for 30 s ± 20 %"

/** The failed job that is tried again next. */
const nextRetry = (newest: Newest) => {
  const dueAt = (event: EventRecord) => Date.parse(`${event.data.next_retry_at}`)
  const [first] = [...newest.values()]
    .filter(({ to_state }) => to_state === "failed.scheduled")
    .toSorted((a, b) => dueAt(a) - dueAt(b))
  return first === undefined ? undefined : { job_id: first.job_id, dueAt: dueAt(first) }
}

const waitText = ({ journal, subjectOf }: Stage) =>
  Effect.gen(function* () {
    const retry = nextRetry(yield* journal.newest)
    if (retry === undefined) return ""
    const millis = retry.dueAt - (yield* Clock.currentTimeMillis)
    const seconds = Math.max(0, Math.ceil(millis / 1000))
    const { number } = subjectOf(retry.job_id)
    return `${numberText(number)} is tried again in ${seconds} s: ${why}`
  })

/** Keeps the changing line true. */
export const showWaiting = (stage: Stage): Effect.Effect<never> =>
  waitText(stage).pipe(
    Effect.flatMap(stage.screen.status),
    Effect.andThen(Effect.sleep(statusInterval)),
    Effect.forever
  )

export const awaitTheRest = Effect.fnUntraced(function* (
  stage: Stage,
  played: ReadonlyArray<Played>
) {
  const answers = played.flatMap(({ sent }) => sent.flatMap((one) => one.answers))
  const jobs = [...jobsOf(answers)]
  const isDone = (newest: Newest) =>
    jobs.every((job_id) => {
      const event = newest.get(job_id)
      return event !== undefined && isSettled(event)
    })
  if (isDone(yield* stage.journal.newest)) return
  const text = yield* waitText(stage)
  if (text !== "") yield* stage.notice(`all else is done; ${text}`)
  yield* stage.journal.waitUntil(isDone, patience)
})
