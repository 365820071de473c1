/** The steps of those who hold no lease: sweeper, reconcilers, operator and provider. */
import { maxLostWorkers } from "../../machines/deposit.ts"
import { type Job, TransitionRefused } from "../../src/deposits/job.ts"
import * as a from "../machines/deposit-samples.ts"
import { advance, append, type Database } from "./database.ts"
import { at, type Look, type ProtocolStep, type Setting, type State } from "./protocol.ts"
import { settle, takeBack } from "./settling.ts"

type EventOf = Parameters<typeof advance>[2]

/**
 * Reads a row, locks it and appends to it, in one transaction: `SELECT … FOR UPDATE`, then `append`. No
 * step if the machine refuses.
 */
const upon = (
  state: State,
  row: Job,
  event: EventOf,
  name: string,
  by: ProtocolStep["by"],
  flaw: Setting["flaw"]
): ReadonlyArray<ProtocolStep> => {
  const made = advance(row, `${state.now}`, event, name)
  if (made instanceof TransitionRefused) return []
  return [{ name, by, to: { ...state, db: append(state.db, [[row, made]], flaw).db } }]
}

/** `Deposits.expireLeases`, of which a batch is the same as one after the other. */
export const sweeperSteps = (state: State, { flaw }: Setting): ReadonlyArray<ProtocolStep> =>
  state.db.jobs.flatMap(({ row }) => {
    const { lease_until, leased_by: worker } = row.state.context
    if (lease_until === null || lease_until > at(state.now)) return []
    const event = () => a.expired({ recorded_at: at(state.now), worker, lease_until })
    return upon(state, row, event, `the sweeper takes ${row.id} back`, "system", flaw)
  })

export const operatorSteps = (
  state: State,
  { bounds, flaw }: Setting
): ReadonlyArray<ProtocolStep> =>
  bounds.operator
    ? state.db.jobs.flatMap(({ row }) => {
        const recorded_at = at(state.now)
        return [
          ...upon(
            state,
            row,
            () => a.replayed({ recorded_at }),
            `the operator replays ${row.id}`,
            "operator",
            flaw
          ),
          ...upon(
            state,
            row,
            () => a.discarded({ recorded_at }),
            `the operator discards ${row.id}`,
            "fault",
            flaw
          )
        ]
      })
    : []

export const providerSteps = (
  state: State,
  { bounds, flaw }: Setting
): ReadonlyArray<ProtocolStep> =>
  bounds.provider
    ? state.db.jobs.flatMap(({ row }) =>
        (["confirmed", "removed"] as const).flatMap((report) =>
          upon(
            state,
            row,
            () => a.reported({ recorded_at: at(state.now), report }),
            `the provider says of ${row.id}: ${report}`,
            "fault",
            flaw
          )
        )
      )
    : []

/** `needsCheck`, and besides whose lease is over, which the machine would let it have. */
const needsLook = ({ state: { context, status, sub_state } }: Job, now: string): boolean =>
  status === "pending" ||
  sub_state === "scheduled" ||
  (status === "dlq" &&
    context.error_type !== "permanent" &&
    context.lost_worker_count < maxLostWorkers) ||
  sub_state === "watching" ||
  context.settled_because === "not_seen" ||
  context.settled_because === "reversed" ||
  (context.lease_until !== null && context.lease_until <= now)

/**
 * Each reads a row and asks the chain, which is one step: what it does about it counts only if the row is
 * still the same, so it could as well have read it when it asked. Then it acts, in one transaction. That it
 * waits before it rejects or reverses only makes less possible than here.
 */
export const reconcilerSteps = (state: State, setting: Setting): ReadonlyArray<ProtocolStep> =>
  state.looks.flatMap((look, index): ReadonlyArray<ProtocolStep> => {
    const name = `reconciler ${index + 1}`
    const withLook = (db: Database, next: Look | undefined): State => ({
      ...state,
      db,
      looks: state.looks.map((one, place) => (place === index ? next : one))
    })
    if (look !== undefined) return [act(state, name, look, withLook, setting)]
    return state.db.jobs.flatMap(({ row }): ReadonlyArray<ProtocolStep> => {
      if (!needsLook(row, at(state.now)) || isLeft(row, state.chain)) return []
      return [
        {
          name: `${name} looks at ${row.id}: ${state.chain}`,
          by: "system",
          to: withLook(state.db, { job: row, answer: state.chain })
        }
      ]
    })
  })

const isGone = (answer: Look["answer"]) => answer === "not found" || answer === "reverted"

/** `judgement.ts` leaves it as it is: no such look makes a difference. */
const isLeft = ({ state: { sub_state } }: Job, answer: Look["answer"]): boolean =>
  sub_state === "watching"
    ? answer !== "final" && !isGone(answer)
    : answer === "not deep enough" || (sub_state === "settled" && isGone(answer))

const act = (
  state: State,
  actor: string,
  { answer, job }: Look,
  withLook: (db: Database, next: Look | undefined) => State,
  { flaw }: Setting
): ProtocolStep => {
  const { db, now } = state
  const did = (what: string, result: { readonly db: Database } | { readonly died: string }) => ({
    name: `${actor} ${what}`,
    by: "system" as const,
    to:
      "died" in result
        ? { ...withLook(db, undefined), died: result.died }
        : withLook(result.db, undefined)
  })
  const appended = (what: string, event: EventOf) => {
    const made = advance(job, `${what} ${now}`, event, actor)
    return did(what, made instanceof TransitionRefused ? { db } : append(db, [[job, made]], flaw))
  }
  const recorded_at = at(now)
  if (job.state.sub_state === "watching") {
    if (answer === "final")
      return appended(`finalizes ${job.id}`, () => a.finalized({ recorded_at }))
    return did(`takes back the credit of ${job.id}`, takeBack(db, now, actor, job, flaw))
  }
  if (answer === "deep enough" || answer === "final") {
    return did(`credits ${job.id}`, recover(db, now, actor, { answer, job }, flaw))
  }
  const because = answer === "reverted" ? "reverted" : "not_seen"
  return appended(`rejects ${job.id}`, () => a.rejected({ recorded_at, because }))
}

/** `reconciliation.confirmed` and what the settlement makes of it: one transaction. */
const recover = (
  db: Database,
  now: number,
  actor: string,
  { answer, job }: Look,
  flaw: Setting["flaw"]
) => {
  const confirmed = () =>
    a.confirmed({
      recorded_at: at(now),
      attempt: job.state.context.attempt_count + 1,
      worker: actor,
      lease_until: at(now + 1)
    })
  const made = advance(job, `confirmed ${now}`, confirmed, actor)
  if (made instanceof TransitionRefused) return { db }
  const { appended, db: taken } = append(db, [[job, made]], flaw)
  return appended === 0 ? { db } : settle(taken, now, actor, [{ job: made.job, answer }], flaw)
}
