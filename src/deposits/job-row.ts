/**
 * The row of a job in `funding_event_jobs`: the projection of its state.
 *
 * The machine's context has the columns' names, so this is only a change of types: numeric to
 * canonical decimal text, timestamptz to ISO text.
 */
import type { PgClient } from "@effect/sql-pg"
import type { DepositContext } from "../../machines/deposit.ts"
import type { JobId } from "../domain/ids.ts"
import { hashes, integers, texts, times, uuids } from "../event-log/columns.ts"
import type { Status } from "./deposit-state.ts"
import type { Advance, Job } from "./job.ts"

type TimeColumn =
  | "last_attempt_at"
  | "next_retry_at"
  | "completed_at"
  | "moved_to_dlq_at"
  | "lease_until"

export type JobRow = Omit<DepositContext, TimeColumn | "first_seen_at"> & {
  readonly [C in TimeColumn]: Date | null
} & {
  readonly id: JobId
  readonly status: Status
  readonly sub_state: string | null
  readonly sequence: number
  readonly head_hash: string
  readonly first_seen_at: Date
  readonly trace_parent: string | null
}

/** What a query must select to get a JobRow. */
export const jobColumns = (sql: PgClient.PgClient) =>
  sql.literal(`
    id, tenant_id, environment, source, chain, tx_hash, token, trim_scale(amount)::text AS amount,
    to_address, transfer_index, status, sub_state, sequence, encode(head_hash, 'hex') AS head_hash,
    priority, attempt_count, max_attempts, lost_worker_count, last_error, error_type, failure_reason,
    settled_because, first_seen_at,
    last_attempt_at, next_retry_at, completed_at, moved_to_dlq_at, lease_until, leased_by,
    provider_report, ledger_transaction_id, trace_parent`)

const iso = (time: Date | null): string | null => time?.toISOString() ?? null

export const jobFromRow = (row: JobRow): Job => ({
  id: row.id,
  sequence: row.sequence,
  head_hash: row.head_hash,
  trace_parent: row.trace_parent,
  state: {
    status: row.status,
    sub_state: row.sub_state,
    context: {
      tenant_id: row.tenant_id,
      environment: row.environment,
      source: row.source,
      chain: row.chain,
      tx_hash: row.tx_hash,
      token: row.token,
      amount: row.amount,
      to_address: row.to_address,
      transfer_index: row.transfer_index,
      priority: row.priority,
      max_attempts: row.max_attempts,
      lost_worker_count: row.lost_worker_count,
      attempt_count: row.attempt_count,
      last_error: row.last_error,
      error_type: row.error_type,
      failure_reason: row.failure_reason,
      settled_because: row.settled_because,
      first_seen_at: row.first_seen_at.toISOString(),
      last_attempt_at: iso(row.last_attempt_at),
      next_retry_at: iso(row.next_retry_at),
      completed_at: iso(row.completed_at),
      moved_to_dlq_at: iso(row.moved_to_dlq_at),
      lease_until: iso(row.lease_until),
      leased_by: row.leased_by,
      provider_report: row.provider_report,
      ledger_transaction_id: row.ledger_transaction_id
    }
  }
})

/**
 * Updates the rows of those jobs whose newest event is still the one before, and returns their ids.
 *
 * The sequence alone would not do: a database that lost its last commits in a crash, or fell back
 * to a replica, gives a number a second time. The hash says that the history is the same.
 *
 * The rows are locked in the order of their ids, so that two batches that share jobs wait for each
 * other instead of deadlocking. An UPDATE alone would lock them in whatever order it is planned.
 */
export const updateRows = (sql: PgClient.PgClient, advances: ReadonlyArray<Advance>) => {
  const jobs = advances.map(({ job }) => job)
  const contexts = jobs.map((job) => job.state.context)
  return sql`
    WITH next AS (
      SELECT * FROM unnest(
        ${uuids(jobs.map((job) => job.id))},
        ${texts(jobs.map((job) => job.state.status))},
        ${texts(jobs.map((job) => job.state.sub_state))},
        ${integers(jobs.map((job) => job.sequence))},
        ${hashes(jobs.map((job) => job.head_hash))},
        ${hashes(advances.map(({ record }) => record.previous_hash))},
        ${integers(contexts.map((c) => c.attempt_count))},
        ${texts(contexts.map((c) => c.last_error))},
        ${texts(contexts.map((c) => c.error_type))},
        ${texts(contexts.map((c) => c.failure_reason))},
        ${times(contexts.map((c) => c.last_attempt_at))},
        ${times(contexts.map((c) => c.next_retry_at))},
        ${times(contexts.map((c) => c.completed_at))},
        ${times(contexts.map((c) => c.moved_to_dlq_at))},
        ${times(contexts.map((c) => c.lease_until))},
        ${texts(contexts.map((c) => c.leased_by))},
        ${texts(contexts.map((c) => c.provider_report))},
        ${uuids(contexts.map((c) => c.ledger_transaction_id))},
        ${integers(contexts.map((c) => c.lost_worker_count))},
        ${texts(contexts.map((c) => c.settled_because))}
      ) AS next (id, status, sub_state, sequence, head_hash, previous_hash, attempt_count, last_error,
                 error_type, failure_reason, last_attempt_at, next_retry_at, completed_at,
                 moved_to_dlq_at, lease_until, leased_by, provider_report,
                 ledger_transaction_id, lost_worker_count, settled_because)
    ), locked AS (
      SELECT job.id FROM funding_event_jobs AS job
      JOIN next ON next.id = job.id AND next.previous_hash = job.head_hash
      ORDER BY job.id
      FOR NO KEY UPDATE OF job
    )
    UPDATE funding_event_jobs AS job SET
      status = next.status, sub_state = next.sub_state, sequence = next.sequence,
      head_hash = next.head_hash, attempt_count = next.attempt_count,
      last_error = next.last_error, error_type = next.error_type,
      failure_reason = next.failure_reason, last_attempt_at = next.last_attempt_at,
      next_retry_at = next.next_retry_at, completed_at = next.completed_at,
      moved_to_dlq_at = next.moved_to_dlq_at, lease_until = next.lease_until,
      leased_by = next.leased_by, provider_report = next.provider_report,
      ledger_transaction_id = next.ledger_transaction_id,
      lost_worker_count = next.lost_worker_count, settled_because = next.settled_because
    FROM next JOIN locked USING (id)
    WHERE job.id = next.id AND job.head_hash = next.previous_hash
    RETURNING job.id`
}
