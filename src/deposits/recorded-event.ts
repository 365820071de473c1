/**
 * An entry of the log as the machine's event again.
 *
 * Entries are never rewritten. When an event's data changes its shape, the version in
 * `machines/deposit.ts` is raised, and what older entries lack is filled in here.
 */
import { Result, Schema } from "effect"
import { depositMachineVersion } from "../../machines/deposit.ts"
import { DepositEvent } from "../../machines/deposit-events.ts"
import type { EventRecord } from "../event-log/event-record.ts"

/** The entry is not one that this version of the service can have written. */
export class UnreadableEvent extends Schema.TaggedError<UnreadableEvent>()("UnreadableEvent", {
  job_id: Schema.String,
  sequence: Schema.Int,
  reason: Schema.String
}) {
  override get message() {
    return `event ${this.sequence} of deposit ${this.job_id} cannot be read: ${this.reason}`
  }
}

const decode = Schema.decodeUnknownResult(DepositEvent)

export const eventFromRecord = (
  record: EventRecord
): Result.Result<DepositEvent, UnreadableEvent> => {
  const unreadable = (reason: string) =>
    new UnreadableEvent({ job_id: record.job_id, sequence: record.sequence, reason })
  if (record.schema_version > depositMachineVersion) {
    return Result.fail(unreadable("a newer version of the service wrote it"))
  }
  const { type, recorded_at, data } = record
  return Result.mapError(
    decode({ ...data, ...filledIn(record), type, recorded_at }),
    ({ message }) => unreadable(message)
  )
}

/** The first version that counts the workers that a deposit loses. */
const countingVersion = 3

const filledIn = ({ schema_version, type }: EventRecord) =>
  type === "lease.expired" && schema_version < countingVersion ? { is_counted: false } : {}
