/**
 * What `src/settlement` writes in one transaction, over the model's tables: the findings of a worker, and
 * the reversal of a credit.
 */
import type { DepositTransition } from "../../machines/deposit-events.ts"
import { type Advance, type Job, TransitionRefused } from "../../src/deposits/job.ts"
import * as a from "../machines/deposit-samples.ts"
import {
  advance,
  append,
  type Database,
  type Flaw,
  isAt,
  type LedgerRow,
  lock
} from "./database.ts"
import { credit, reverse } from "./ledger.ts"
import { at } from "./protocol.ts"

/** What the chain says of the transfer when it is asked, or that it could not be asked. */
export type Answer =
  | "not found"
  | "reverted"
  | "not deep enough"
  | "deep enough"
  | "final"
  | "no answer"

export interface Found {
  readonly job: Job
  readonly answer: Answer
  /** With a flaw: what was done about the credit before the transaction of the event. */
  readonly early?: LedgerRow | "not credited" | undefined
}

export type Settled =
  | { readonly db: Database; readonly lost: ReadonlyArray<Job> }
  | { readonly died: string }

const isConfirmed = (answer: Answer) => answer === "deep enough" || answer === "final"

/** The ledger transaction that this job would get now. */
export const creditId = (job: Job) => `credit ${job.id}${job.sequence}${job.head_hash.slice(0, 8)}`

const isReplayed = (db: Database, job: Job): boolean =>
  db.jobs.some(({ log, row }) => row.id === job.id && log.isReplayed)

/** The same order as in `settlement.ts`: lock, credit, append, and all or nothing of it. */
export const settle = (
  db: Database,
  now: number,
  actor: string,
  found: ReadonlyArray<Found>,
  flaw: Flaw | undefined
): Settled => {
  const ours = new Set(
    lock(
      db,
      found.map(({ job }) => job),
      flaw
    )
  )
  let after = db
  const advances: Array<readonly [Job, Advance]> = []
  for (const { answer, early, job } of found) {
    if (!ours.has(job)) continue
    let by: LedgerRow | undefined
    if (isConfirmed(answer)) {
      if (early === undefined || early === "not credited") {
        const credited = credit(after, creditId(job), job.id, isReplayed(db, job), flaw)
        if ("died" in credited) return credited
        after = credited.db
        by = credited.by
      } else by = early
    }
    const made = eventOf(job, answer, now, by, actor)
    if (made instanceof TransitionRefused) return { died: made.message }
    advances.push([job, made])
  }
  const { appended, db: settled } = append(after, advances, flaw)
  if (appended !== advances.length) return { died: "locked deposits were moved on" }
  return { db: settled, lost: found.flatMap(({ job }) => (ours.has(job) ? [] : [job])) }
}

/** With the flaw of an early credit, in a transaction of its own; else there is nothing to do early. */
export const creditEarly = (
  db: Database,
  { answer, job }: Found,
  flaw: Flaw
): { readonly db: Database; readonly early: Found["early"] } | undefined => {
  if (!isConfirmed(answer)) return undefined
  if (flaw === "the credit is committed before its event") {
    if (!isAt(db, job, flaw)) return undefined
    const made = credit(db, creditId(job), job.id, isReplayed(db, job), flaw)
    return "died" in made ? undefined : { db: made.db, early: made.by }
  }
  if (flaw !== "it looks first whether a transfer is credited, and there is no unique key") {
    return undefined
  }
  const before = db.ledger.findLast(({ kind }) => kind === "credit")
  const stands = before !== undefined && !db.ledger.some((row) => row.reverses_id === before.id)
  return { db, early: stands ? before : "not credited" }
}

const eventOf = (
  job: Job,
  answer: Answer,
  now: number,
  by: LedgerRow | undefined,
  actor: string
): Advance | TransitionRefused => {
  const recorded_at = at(now)
  const as = (what: string, event: () => DepositTransition) =>
    advance(job, `${what} ${now}`, event, actor)
  if (by !== undefined) {
    return by.job_id === job.id && by.id === creditId(job)
      ? as(`credited ${answer}`, () =>
          a.credited({
            recorded_at,
            ledger_transaction_id: by.id,
            finality: answer === "final" ? "final" : "watching"
          })
        )
      : as(`already credited ${by.id}`, () =>
          a.alreadyCredited({
            recorded_at,
            ledger_transaction_id: by.id,
            credited_by_job_id: by.job_id
          })
        )
  }
  if (answer === "not deep enough") {
    return as(answer, () => a.awaited({ recorded_at, look_again_at: recorded_at }))
  }
  const error_type =
    answer === "reverted" ? "permanent" : answer === "no answer" ? "rpc_failure" : "transient"
  const failed = (next_retry_at: string | null) =>
    as(`${answer} ${next_retry_at}`, () =>
      a.failed({ recorded_at, error_type, error: answer, next_retry_at })
    )
  const asLast = failed(null)
  return asLast instanceof TransitionRefused ? failed(recorded_at) : asLast
}

/** `WatchedCredits.reverse`. The database as it was, if another writer was faster. */
export const takeBack = (
  db: Database,
  now: number,
  actor: string,
  job: Job,
  flaw: Flaw | undefined
): { readonly db: Database } | { readonly died: string } => {
  const id = `reversal ${job.id}${job.sequence}${job.head_hash.slice(0, 8)}`
  const credited = job.state.context.ledger_transaction_id ?? ""
  const made = advance(
    job,
    `reversed ${now}`,
    () =>
      a.reversed({
        recorded_at: at(now),
        reversing_ledger_transaction_id: id,
        reversed_ledger_transaction_id: credited
      }),
    actor
  )
  if (made instanceof TransitionRefused) return { db }
  if (!isAt(db, job, flaw)) return { db }
  const reversed = reverse(db, id, credited)
  if (reversed === undefined) return { died: `the credit of ${job.id} was reversed before` }
  return { db: append(reversed, [[job, made]], flaw).db }
}
