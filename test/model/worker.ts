/** The steps of the model's workers: `src/workers/batch.ts`, with its memory and its transactions. */
import type { Job } from "../../src/deposits/job.ts"
import * as a from "../machines/deposit-samples.ts"
import { advance, append, rowOf } from "./database.ts"
import { appendToHeld } from "./heartbeat.ts"
import { made, nameOf, replaced, withHeld } from "./held.ts"
import { at, type Held, type ProtocolStep, type Setting, type State } from "./protocol.ts"
import { type Answer, creditEarly, settle } from "./settling.ts"

export const workerSteps = (state: State, setting: Setting): ReadonlyArray<ProtocolStep> =>
  state.workers.flatMap((held, worker) =>
    held.length === 0
      ? claim(state, worker, setting)
      : [
          ...held.flatMap((one) => ask(state, worker, one, setting)),
          ...settleFound(state, worker, held, setting),
          ...held.flatMap((one) => askWhetherOurs(state, worker, one, setting)),
          ...appendToHeld(state, worker, held, setting),
          {
            name: `${nameOf(worker)} is lost`,
            by: "fault",
            to: withHeld(state, worker, [])
          }
        ]
  )

const names = (jobs: ReadonlyArray<Job>) => jobs.map(({ id }) => id).join(" and ")

/**
 * `Deposits.claim`: BEGIN; SELECT due rows FOR UPDATE SKIP LOCKED; append; COMMIT. Which of the due rows
 * depends on what others hold locked. A worker that does not hear of its claim is a worker lost.
 */
const claim = (
  state: State,
  worker: number,
  { bounds, flaw }: Setting
): ReadonlyArray<ProtocolStep> => {
  const due = state.db.jobs.flatMap(({ row }) =>
    row.state.status === "pending" || row.state.sub_state === "scheduled" ? [row] : []
  )
  const batches = due.map((row) => [row])
  if (bounds.batches && due.length > 1) batches.push(due)
  return batches.map((rows): ProtocolStep => {
    const advances = rows.flatMap((row) => {
      const event = () =>
        a.started({
          recorded_at: at(state.now),
          attempt: row.state.context.attempt_count + 1,
          worker: nameOf(worker),
          lease_until: at(state.now + 1)
        })
      return made(row, advance(row, `started ${state.now}`, event, nameOf(worker)))
    })
    const { db } = append(state.db, advances, flaw, "not durable")
    const held = advances.map(
      ([, { job }]): Held => ({
        job,
        answer: undefined,
        early: undefined,
        isOvertaken: false
      })
    )
    return {
      name: `${nameOf(worker)} claims ${names(rows)}`,
      by: "system",
      to: withHeld({ ...state, db }, worker, held)
    }
  })
}

/** `Validator.verify`: what the chain says now. */
const ask = (
  state: State,
  worker: number,
  one: Held,
  { bounds }: Setting
): ReadonlyArray<ProtocolStep> => {
  if (one.answer !== undefined) return []
  const told = (answer: Answer, by: ProtocolStep["by"]): ProtocolStep => ({
    name: `${nameOf(worker)} asks the chain about ${one.job.id}: ${answer}`,
    by,
    to: replaced(state, worker, one, { ...one, answer })
  })
  return [told(state.chain, "system"), ...(bounds.outages ? [told("no answer", "fault")] : [])]
}

/** `Settlement.settle` of all that is known. Who does not hear of the commit does the same again. */
const settleFound = (
  state: State,
  worker: number,
  held: ReadonlyArray<Held>,
  { flaw }: Setting
): ReadonlyArray<ProtocolStep> => {
  const found = held.flatMap((one) =>
    one.answer === undefined || one.isOvertaken ? [] : [{ ...one, answer: one.answer }]
  )
  if (found.length === 0) return []
  const name = `${nameOf(worker)} settles ${names(found.map(({ job }) => job))}`
  if (flaw !== undefined) {
    for (const one of held) {
      if (one.answer === undefined || one.early !== undefined || one.isOvertaken) continue
      const done = creditEarly(state.db, { ...one, answer: one.answer }, flaw)
      if (done === undefined) continue
      const to = replaced({ ...state, db: done.db }, worker, one, { ...one, early: done.early })
      return [{ name: `${name}, first what concerns the credit`, by: "system", to }]
    }
  }
  const result = settle(state.db, state.now, `worker:${nameOf(worker)}`, found, flaw)
  if ("died" in result) {
    return [{ name, by: "system", to: { ...state, died: result.died } }]
  }
  const { db, lost } = result
  const left = held.flatMap((one) =>
    one.answer === undefined || one.isOvertaken
      ? [one]
      : lost.includes(one.job)
        ? [{ ...one, isOvertaken: true }]
        : []
  )
  const heard: ProtocolStep = {
    name: lost.length === 0 ? name : `${name}, and hears that it has lost ${names(lost)}`,
    by: "system",
    to: withHeld({ ...state, db }, worker, left)
  }
  return db === state.db
    ? [heard]
    : [
        heard,
        { name: `${name}, and does not hear of the commit`, by: "fault", to: { ...state, db } }
      ]
}

/** `Deposits.heldBy`: … WHERE status = 'processing' AND leased_by = $worker, and in the same attempt. */
const askWhetherOurs = (
  state: State,
  worker: number,
  one: Held,
  { flaw }: Setting
): ReadonlyArray<ProtocolStep> => {
  if (!one.isOvertaken) return []
  const row = rowOf(state.db, one.job.id)
  const { context, status } = row?.state ?? one.job.state
  const isOurs =
    status === "processing" &&
    (flaw === "a late worker takes over whatever is being processed" ||
      (context.leased_by === nameOf(worker) &&
        context.attempt_count === one.job.state.context.attempt_count))
  const name = `${nameOf(worker)} asks whether ${one.job.id} is still its own`
  const by = row === undefined || !isOurs ? undefined : { ...one, job: row, isOvertaken: false }
  return [
    {
      name: by === undefined ? `${name}, and lets go` : `${name}, and goes on`,
      by: "system",
      to: replaced(state, worker, one, by)
    }
  ]
}
