/**
 * A deposit job in memory, and the making of its next event.
 *
 * `advance` is the only place where events are made, and it asks the machine first: an event that
 * the machine does not accept never reaches the log.
 */
import { Schema } from "effect"
import { depositMachineVersion } from "../../machines/deposit.ts"
import type { DepositReceived, DepositTransition } from "../../machines/deposit-events.ts"
import type { JobId } from "../domain/ids.ts"
import { chainEvent, type EventRecord, genesisHash } from "../event-log/event-record.ts"
import { storable } from "../event-log/storable.ts"
import { begin, type DepositState, stateName, step } from "./deposit-state.ts"

export interface Job {
  readonly id: JobId
  /** The number of its events; the next event has this plus one. */
  readonly sequence: number
  /** The hash of its newest event. */
  readonly head_hash: string
  readonly trace_parent: string | null
  readonly state: DepositState
}

/** An event that is ready to be appended, and the job as it will be then. */
export interface Advance {
  readonly record: EventRecord
  readonly job: Job
}

export class TransitionRefused extends Schema.TaggedError<TransitionRefused>()(
  "TransitionRefused",
  { job_id: Schema.String, event_type: Schema.String, state: Schema.String }
) {
  override get message() {
    return `deposit ${this.job_id} is ${this.state}: ${this.event_type} cannot happen to it now`
  }
}

const traceParentPattern = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/

/** A W3C traceparent's trace id, if it is one. */
const traceId = (traceParent: string | null): string | null =>
  (traceParent === null ? null : traceParentPattern.exec(traceParent)?.[1]) ?? null

const contentOf = (event: DepositReceived | DepositTransition) => {
  const { type, recorded_at, ...data } = event
  return { type, recorded_at, data, schema_version: depositMachineVersion }
}

/** The first event of a new job. */
export const receive = (
  id: JobId,
  event: DepositReceived,
  actor: string,
  trace_parent: string | null
): Advance => {
  const fact = storable(event)
  const state = begin(fact)
  const record = chainEvent(genesisHash, {
    ...contentOf(fact),
    job_id: id,
    sequence: 1,
    from_state: null,
    to_state: stateName(state),
    actor,
    trace_id: traceId(trace_parent)
  })
  return { record, job: { id, sequence: 1, head_hash: record.hash, trace_parent, state } }
}

/** The next event of a job, or TransitionRefused as a value if the machine does not accept it. */
export const advance = (
  job: Job,
  event: DepositTransition,
  actor: string
): Advance | TransitionRefused => {
  // Before the machine sees it, so that the state is the fold of what will stand in the log.
  const fact = storable(event)
  const state = step(job.state, fact)
  if (state === undefined) {
    return new TransitionRefused({
      job_id: job.id,
      event_type: fact.type,
      state: stateName(job.state)
    })
  }
  const record = chainEvent(job.head_hash, {
    ...contentOf(fact),
    job_id: job.id,
    sequence: job.sequence + 1,
    from_state: stateName(job.state),
    to_state: stateName(state),
    actor,
    trace_id: traceId(job.trace_parent)
  })
  return { record, job: { ...job, sequence: record.sequence, head_hash: record.hash, state } }
}
