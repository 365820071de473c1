/** The end of a demo in which some deposits still wait for the chain. */
import { Duration, Effect } from "effect"
import { isSettled, type Newest } from "./journal.ts"
import { jobsOf, type Played } from "./play.ts"
import type { Stage } from "./stage.ts"

const patience = Duration.seconds(60)

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
  yield* stage.notice("all else is done; some deposits still wait for the chain")
  yield* stage.journal.waitUntil(isDone, patience)
})
