/** The log of each job: no gap, an unbroken chain of hashes, states that follow, a row that agrees. */
import { createHash } from "node:crypto"
import type { DatabaseFacts, EventRow, JobRow, Violation } from "./facts.ts"
import { groupBy } from "./groups.ts"

const genesis = "0".repeat(64)

/** JSON with sorted names and nothing between (RFC 8785). */
const canonical = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  const members = Object.entries(value)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`)
  return `{${members.join(",")}}`
}

/** SHA-256 over the previous hash's bytes and what the event says. */
export const hashOf = (event: Omit<EventRow, "hash">): string => {
  const { actor, from_state, job_id, recorded_at, schema_version, sequence } = event
  const { data, previous_hash, to_state, trace_id, type } = event
  const said = {
    actor,
    data: JSON.parse(data),
    from_state,
    job_id,
    recorded_at,
    schema_version,
    sequence,
    to_state,
    trace_id,
    type
  }
  return createHash("sha256")
    .update(Buffer.from(previous_hash, "hex"))
    .update(canonical(said))
    .digest("hex")
}

const faultsOfLog = (events: ReadonlyArray<EventRow>): ReadonlyArray<string> => {
  const faults: Array<string> = []
  for (const [position, event] of events.entries()) {
    const before = events[position - 1]
    const { from_state, hash, previous_hash, sequence, type } = event
    const at = `event ${sequence} (${type})`
    if (sequence !== position + 1) {
      // What follows a gap is wrong for that reason alone.
      return [...faults, `there is a gap: ${at} stands where event ${position + 1} should`]
    }
    if (before === undefined && type !== "deposit.received") faults.push(`${at} is the first`)
    if (before !== undefined && type === "deposit.received") faults.push(`${at} is not the first`)
    if (previous_hash !== (before?.hash ?? genesis)) {
      faults.push(`${at} does not link to the hash before it`)
    }
    if (hashOf(event) !== hash) faults.push(`${at} does not have the hash of what it says`)
    if (from_state !== (before?.to_state ?? null)) {
      faults.push(`${at} goes on from ${from_state}; the one before it led to ${before?.to_state}`)
    }
  }
  return faults
}

const faultsOfRow = (job: JobRow, last: EventRow): ReadonlyArray<string> => {
  const state = job.sub_state === null ? job.status : `${job.status}.${job.sub_state}`
  const faults: Array<string> = []
  if (state !== last.to_state) {
    faults.push(`the row says ${state}; its log ends in ${last.to_state}`)
  }
  if (job.sequence !== last.sequence) {
    faults.push(`the row is at event ${job.sequence}; its log ends with event ${last.sequence}`)
  }
  if (job.head_hash !== last.hash) faults.push("the row has another hash than its last event")
  return faults
}

export const checkLogs = ({ events, jobs }: DatabaseFacts): ReadonlyArray<Violation> => {
  const logs = groupBy(
    events.toSorted((a, b) => a.sequence - b.sequence),
    ({ job_id }) => job_id
  )
  const violations: Array<Violation> = []
  for (const job of jobs) {
    const about = { job_id: job.id, tx_hash: job.tx_hash }
    const log = logs.get(job.id) ?? []
    const last = log.at(-1)
    if (last === undefined) {
      violations.push({ check: "row", ...about, what: "the row has no log" })
      continue
    }
    for (const what of faultsOfLog(log)) violations.push({ check: "log", ...about, what })
    for (const what of faultsOfRow(job, last)) violations.push({ check: "row", ...about, what })
  }
  const ids = new Set(jobs.map(({ id }) => id))
  for (const job_id of logs.keys()) {
    if (!ids.has(job_id)) violations.push({ check: "row", job_id, what: "the log has no row" })
  }
  return violations
}
