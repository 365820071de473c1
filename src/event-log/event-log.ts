/**
 * The event log in Postgres: its one INSERT and its reads.
 *
 * An event and the projection that it changes are written by one statement, so the INSERT is a
 * fragment which the writer of the projection puts into its own statement.
 */
import type { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import type { Fragment } from "effect/sql/Statement"
import type { JobId } from "../domain/ids.ts"
import { hashes, integers, jsonTexts, smallints, texts, times, uuids } from "./columns.ts"
import type { EventRecord } from "./event-record.ts"

/**
 * Appends those records whose job is in `accepted`, a query of job ids, and returns their job ids.
 * The primary key (job_id, sequence) refuses a second event at one sequence.
 */
export const insertEvents = (
  sql: PgClient.PgClient,
  records: ReadonlyArray<EventRecord>,
  accepted: Fragment
) => sql`
  INSERT INTO deposit_events (
    job_id, sequence, type, schema_version, data, from_state, to_state, actor, trace_id,
    recorded_at, previous_hash, hash)
  SELECT * FROM unnest(
    ${uuids(records.map((r) => r.job_id))},
    ${integers(records.map((r) => r.sequence))},
    ${texts(records.map((r) => r.type))},
    ${smallints(records.map((r) => r.schema_version))},
    ${jsonTexts(records.map((r) => r.data))}::jsonb[],
    ${texts(records.map((r) => r.from_state))},
    ${texts(records.map((r) => r.to_state))},
    ${texts(records.map((r) => r.actor))},
    ${texts(records.map((r) => r.trace_id))},
    ${times(records.map((r) => r.recorded_at))},
    ${hashes(records.map((r) => r.previous_hash))},
    ${hashes(records.map((r) => r.hash))}
  ) AS event (job_id, sequence, type, schema_version, data, from_state, to_state, actor, trace_id,
              recorded_at, previous_hash, hash)
  WHERE job_id IN (${accepted})
  RETURNING job_id`

type EventRow = Omit<EventRecord, "recorded_at"> & { readonly recorded_at: Date }

/** All events of a job in order; none if there is no such job. */
export const readEvents = (sql: PgClient.PgClient, jobId: JobId) =>
  sql<EventRow>`
    SELECT job_id, sequence, type, schema_version, data, from_state, to_state, actor, trace_id,
           recorded_at, encode(previous_hash, 'hex') AS previous_hash, encode(hash, 'hex') AS hash
    FROM deposit_events WHERE job_id = ${jobId} ORDER BY sequence`.pipe(
    Effect.map((rows) =>
      rows.map((row): EventRecord => ({ ...row, recorded_at: row.recorded_at.toISOString() }))
    )
  )
