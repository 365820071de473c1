/** What the model's workers know: the jobs that they took, and what the chain told them. */
import { type Advance, type Job, TransitionRefused } from "../../src/deposits/job.ts"
import type { Held, State } from "./protocol.ts"

export const nameOf = (worker: number) => `w${worker + 1}`

export const withHeld = (state: State, worker: number, held: ReadonlyArray<Held>): State => ({
  ...state,
  workers: state.workers.map((one, index) => (index === worker ? held : one))
})

export const replaced = (state: State, worker: number, one: Held, by: Held | undefined): State =>
  withHeld(
    state,
    worker,
    (state.workers[worker] ?? []).flatMap((held) =>
      held === one ? (by === undefined ? [] : [by]) : [held]
    )
  )

/** The advance with the job that it is of, if the machine took the event. */
export const made = (job: Job, result: Advance | TransitionRefused) =>
  result instanceof TransitionRefused ? [] : [[job, result] as const]
