/**
 * The key of a state of the model: what two states must have in common to behave alike from there on.
 *
 * Times count only as whether a lease is over, hashes and sequences only as whether somebody's view of a
 * job is the row's. So the histories of a job that lead to the same row are one. Workers, and reconcilers,
 * are alike: which of them it is that does something is left out.
 */

import { stateName } from "../../src/deposits/deposit-state.ts"
import type { Job } from "../../src/deposits/job.ts"
import type { Stored } from "./database.ts"
import { nameOf } from "./held.ts"
import { at, type Held, type Look, type Setting, type State } from "./protocol.ts"

export const keyOf = (state: State, { flaw }: Setting): string => {
  const { db } = state
  const now = at(state.now)
  const inLedger = (id: string | null) =>
    id === null ? "" : db.ledger.findIndex((row) => row.id === id)
  const job = (row: Job): string => {
    const { lease_until, ledger_transaction_id } = row.state.context
    const lease = lease_until === null ? "" : lease_until > now ? "live" : "over"
    return `${fixedPart(row)},${lease},${inLedger(ledger_transaction_id)}`
  }
  const stored = ({ log, row }: Stored) =>
    flaw === undefined ? job(row) : `${job(row)}${log.isReplayed ? "!" : ""}`
  const view = (seen: Job): string => {
    const place = db.jobs.findIndex(({ row }) => row.id === seen.id)
    const row = db.jobs[place]?.row
    if (row?.head_hash === seen.head_hash) return `${place}=`
    const isOnDisk = db.onDisk?.[place]?.row.head_hash === seen.head_hash
    const stale = `${place}${isOnDisk ? "d" : "-"}`
    if (flaw === undefined) return stale
    // Where a fence is missing it matters how stale a view is.
    const behind = Math.min(2, Math.max(-1, (row?.sequence ?? 0) - seen.sequence))
    return `${stale}${behind}${job(seen)}`
  }
  const held = ({ answer, early, isOvertaken, job }: Held) => {
    const done = typeof early === "object" ? inLedger(early.id) : early
    const { attempt_count } = job.state.context
    return `${view(job)}:${attempt_count}:${answer}:${isOvertaken}:${flaw === undefined ? "" : done}`
  }
  /** The rows that name it, as they are and as they are on disk. */
  const leases = (name: string) =>
    `${leasedTo(name, db.jobs)}|${db.onDisk === undefined ? "" : leasedTo(name, db.onDisk)}`
  const look = (one: Look | undefined) =>
    one === undefined ? "" : `${view(one.job)}:${one.answer}`
  const ledger = db.ledger.map(
    ({ credit_number, job_id, kind, transfer }) =>
      `${kind === "credit" ? "+" : "-"}${credit_number}${job_id}${flaw === undefined ? "" : transfer}`
  )
  return [
    db.jobs.map(stored).join("/"),
    db.onDisk?.map(stored).join("/") ?? "",
    ledger.join(),
    state.chain,
    state.workers
      .map((some, worker) => `${some.map(held).join("&")} ${leases(nameOf(worker))}`)
      .sort()
      .join("/"),
    state.looks.map(look).sort().join("/"),
    state.reorgs,
    state.databaseCrashes,
    state.died ?? ""
  ].join(";")
}

const leasedTo = (name: string, jobs: ReadonlyArray<Stored>): string => {
  let text = ""
  for (const { row } of jobs) text += row.state.context.leased_by === name ? "1" : "0"
  return text
}

/** What does not depend on the time and the ledger. */
const fixedPart = (row: Job): string => {
  const known = fixedParts.get(row)
  if (known !== undefined) return known
  const { context } = row.state
  const made = [
    stateName(row.state),
    context.attempt_count,
    context.lost_worker_count,
    context.error_type,
    context.settled_because,
    context.provider_report
  ].join()
  fixedParts.set(row, made)
  return made
}
const fixedParts = new WeakMap<Job, string>()
