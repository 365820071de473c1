/**
 * The tables of the model, and the atomic operations on them. Each says which SQL it stands for; a
 * transaction of several is a function from one database to the next, so that it happens as a whole or
 * not at all. Jobs and events are made by the code that runs, not by the model.
 */
import { Result } from "effect"
import type { DepositTransition } from "../../machines/deposit-events.ts"
import { type DepositState, fold, step } from "../../src/deposits/deposit-state.ts"
import {
  type Advance,
  type Job,
  advance as makeAdvance,
  type TransitionRefused
} from "../../src/deposits/job.ts"
import { eventFromRecord } from "../../src/deposits/recorded-event.ts"
import type { JobId } from "../../src/domain/ids.ts"
import type { EventRecord } from "../../src/event-log/event-record.ts"

/** What is broken on purpose, to see that the explorer finds it. */
export type Flaw =
  | "nothing tells a late writer from the one whose turn it is"
  | "only the sequence is compared, and not the hash"
  | "the credit is committed before its event"
  | "it looks first whether a transfer is credited, and there is no unique key"
  | "a late worker takes over whatever is being processed"
  | "every credit of a transfer has the same number"
  | "a credit's number counts credits, and not reversals"
  | "a replayed deposit gets a ledger key of its own"

/** The events of one job, folded as they came. */
export interface Log {
  readonly sequence: number
  readonly hash: string
  /** The fold by the real machine; undefined if it refused an event. */
  readonly state: DepositState | undefined
  readonly isReplayed: boolean
  readonly fault: string | undefined
}

/** A row of `funding_event_jobs`, and the rows of `deposit_events` that are its history. */
export interface Stored {
  readonly row: Job
  readonly log: Log
}

/** A row of `ledger_transactions` with the entry that it makes on the deposit's account. */
export interface LedgerRow {
  readonly id: string
  readonly transfer: string
  readonly kind: "credit" | "reversal"
  readonly credit_number: number
  readonly job_id: JobId
  readonly reverses_id: string | null
  readonly amount: bigint
}

export interface Database {
  readonly jobs: ReadonlyArray<Stored>
  readonly ledger: ReadonlyArray<LedgerRow>
  /** The jobs as the disk has them, if claims were committed that did not wait for it. */
  readonly onDisk: ReadonlyArray<Stored> | undefined
}

/**
 * `advance`, which is pure, remembered for each job that it was asked of: an exploration asks the same a
 * hundred times. `what` and the actor say which event it is.
 */
export const advance = (
  job: Job,
  what: string,
  event: () => DepositTransition,
  actor: string
): Advance | TransitionRefused => {
  const made = advances.get(job) ?? new Map<string, Advance | TransitionRefused>()
  advances.set(job, made)
  const key = `${actor} ${what}`
  const known = made.get(key) ?? makeAdvance(job, event(), actor)
  made.set(key, known)
  return known
}
const advances = new WeakMap<Job, Map<string, Advance | TransitionRefused>>()

/** The first event of a job: `INSERT INTO funding_event_jobs`, `INSERT INTO deposit_events`. */
export const storedFirst = ({ job, record }: Advance): Stored => {
  const first = fold([Result.getOrThrow(eventFromRecord(record))])
  const state = "state" in first ? first.state : undefined
  return { row: job, log: { ...record, state, isReplayed: false, fault: undefined } }
}

/**
 * Whether a row is still at the event upon which somebody decided.
 *
 *     lock    … FROM funding_event_jobs JOIN unnest(…) USING (id, sequence, head_hash) … FOR UPDATE
 *     append  … JOIN next ON next.id = job.id AND next.previous_hash = job.head_hash … FOR NO KEY UPDATE
 */
export const isAt = (db: Database, job: Job, flaw: Flaw | undefined): boolean => {
  if (flaw === "nothing tells a late writer from the one whose turn it is") return true
  const row = rowOf(db, job.id)
  if (row?.sequence !== job.sequence) return false
  return (
    flaw === "only the sequence is compared, and not the hash" || row.head_hash === job.head_hash
  )
}

export const rowOf = (db: Database, id: JobId): Job | undefined =>
  db.jobs.find(({ row }) => row.id === id)?.row

/** `Deposits.lock`: those that are still at this event. */
export const lock = (db: Database, jobs: ReadonlyArray<Job>, flaw: Flaw | undefined) =>
  jobs.filter((job) => isAt(db, job, flaw))

/**
 * `Deposits.append`: one statement that updates the rows and inserts the events, of those jobs only that
 * are still where the event was decided. Its commit waits for the disk, and all that was committed before
 * is on disk with it; that of a claim does not (`synchronous_commit = off`).
 */
export const append = (
  db: Database,
  advances: ReadonlyArray<readonly [from: Job, made: Advance]>,
  flaw: Flaw | undefined,
  commit: "durable" | "not durable" = "durable"
): { readonly db: Database; readonly appended: number } => {
  const ours = advances.filter(([from]) => isAt(db, from, flaw))
  const jobs = db.jobs.map((stored) => {
    const made = ours.find(([from]) => from.id === stored.row.id)?.[1]
    return made === undefined ? stored : { row: made.job, log: logWith(stored.log, made.record) }
  })
  const onDisk = commit === "durable" ? undefined : (db.onDisk ?? db.jobs)
  return {
    db: ours.length === 0 ? db : { ...db, jobs, onDisk },
    appended: ours.length
  }
}

/** The log with one more entry, read back and folded as an auditor would. */
const logWith = (log: Log, record: EventRecord): Log => {
  const known = logs.get(record)
  if (known?.before === log) return known.after
  const event = Result.getOrThrow(eventFromRecord(record))
  const state =
    log.state === undefined || event.type === "deposit.received"
      ? undefined
      : step(log.state, event)
  const after: Log = {
    sequence: record.sequence,
    hash: record.hash,
    state,
    isReplayed: log.isReplayed || record.type === "dlq.replayed",
    fault: log.fault ?? faultOf(log, record, state)
  }
  logs.set(record, { before: log, after })
  return after
}
const logs = new WeakMap<EventRecord, { readonly before: Log; readonly after: Log }>()

const faultOf = (log: Log, record: EventRecord, state: DepositState | undefined) => {
  const what = `event ${record.sequence} (${record.type}) of ${record.job_id}`
  if (record.sequence !== log.sequence + 1) return `${what} follows event ${log.sequence}`
  if (record.previous_hash !== log.hash) return `${what} was decided upon another history`
  return state === undefined ? `${what} is one that the machine refuses there` : undefined
}
