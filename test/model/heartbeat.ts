/** What a worker of the model appends to all that it holds: the heartbeat, and the release. */
import * as a from "../machines/deposit-samples.ts"
import { advance, append } from "./database.ts"
import { made, nameOf, withHeld } from "./held.ts"
import { at, type Held, type ProtocolStep, type Setting, type State } from "./protocol.ts"

/** One append for all, in which those are left out that somebody else has moved on. */
export const appendToHeld = (
  state: State,
  worker: number,
  held: ReadonlyArray<Held>,
  { flaw }: Setting
): ReadonlyArray<ProtocolStep> => {
  const known = held.filter(({ isOvertaken }) => !isOvertaken)
  if (known.length === 0) return []
  const recorded_at = at(state.now)
  const actor = `worker:${nameOf(worker)}`
  const beat = () =>
    a.extended({ recorded_at, worker: nameOf(worker), lease_until: at(state.now + 1) })
  const beats = known.flatMap(({ job }) =>
    made(job, advance(job, `extended ${state.now}`, beat, actor))
  )
  const { db } = append(state.db, beats, flaw)
  const after = held.map((one) => {
    const made = beats.find(([from]) => from === one.job)?.[1]
    if (made === undefined) return one
    const isDone = db.jobs.some(({ row }) => row === made.job)
    return isDone ? { ...one, job: made.job } : { ...one, isOvertaken: true }
  })
  const release = () => a.released({ recorded_at })
  const releases = known.flatMap(({ job }) =>
    made(job, advance(job, `released ${state.now}`, release, actor))
  )
  return [
    {
      name: `${nameOf(worker)} extends its lease`,
      by: "system",
      to: withHeld({ ...state, db }, worker, after)
    },
    ...(db === state.db
      ? []
      : [
          {
            name: `${nameOf(worker)} extends its lease, and does not hear of the commit`,
            by: "fault" as const,
            to: { ...state, db }
          }
        ]),
    {
      name: `${nameOf(worker)} is told to stop, and gives back what it can`,
      by: "fault",
      to: withHeld({ ...state, db: append(state.db, releases, flaw).db }, worker, [])
    }
  ]
}
