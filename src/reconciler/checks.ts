/**
 * The jobs that a pass looks at, in Postgres: which, when, and who has them now.
 *
 * Any number of instances take from it at once. Who takes a check moves its due time ahead, which is
 * its lease: an instance that dies with it leaves it to be due again. That two look at one job all the
 * same, because the first was slow, harms nothing: of two events at one sequence one is refused.
 */
import type { PgClient } from "@effect/sql-pg"
import { Duration, Effect } from "effect"
import { maxLostWorkers } from "../../machines/deposit.ts"
import type { Job } from "../deposits/job.ts"
import { type JobRow, jobColumns, jobFromRow } from "../deposits/job-row.ts"
import type { JobId } from "../domain/ids.ts"
import { uuids } from "../event-log/columns.ts"

/** New ones in a pass, of each sort; more are for the next pass. */
const maxNewChecks = 10_000
/** Far longer than a batch of looks takes. */
const checkLease = Duration.minutes(5)
/** What has not come back after so long does not by itself; an operator can still replay it. */
const givenUpAfter = Duration.days(30)

export interface Check {
  readonly job: Job
  /** Since when the chain does not show what was credited, in milliseconds since 1970; null while it does. */
  readonly missingSince: number | null
}

export interface Outcome {
  readonly id: JobId
  /** When it is looked at again, in milliseconds since 1970. */
  readonly dueAt: number
  readonly missingSince: number | null
  /** The chain gave a clear answer: what a scan had found is done with. */
  readonly isConclusive: boolean
}

/** Which jobs a pass may do something about: the same in SQL and in words. */
const needsCheck = (sql: PgClient.PgClient, stuckBefore: Date, seenAfter: Date) => ({
  // Older than the threshold and not settled. A worker's live lease is respected.
  // Who has lost a worker is left to the workers, who count that.
  stuck: sql`(status = 'pending' OR sub_state = 'scheduled') AND first_seen_at <= ${stuckBefore}
    AND lost_worker_count = 0`,
  // Dead-lettered by bad luck, not by the chain's word, and no danger to who looks at it.
  unlucky: sql`status = 'dlq' AND error_type IS DISTINCT FROM 'permanent'
    AND lost_worker_count < ${maxLostWorkers} AND first_seen_at > ${seenAfter}`,
  watched: sql`sub_state = 'watching'`,
  mayComeBack: sql`settled_because IN ('not_seen', 'reversed', 'reverted')
    AND first_seen_at > ${seenAfter}`
})

/** Whatever has ended these, but for an operator and for their own danger. */
const onChainAfterAll = (sql: PgClient.PgClient, ids: ReadonlyArray<JobId>) => sql`
  id = ANY(${uuids(ids)}) AND lost_worker_count < ${maxLostWorkers}
  AND (status = 'dlq' OR (sub_state = 'settled' AND settled_because IS DISTINCT FROM 'discarded'))`

export const makeChecks = (sql: PgClient.PgClient) => {
  const conditions = (nowMillis: number, threshold: Duration.Duration) =>
    needsCheck(
      sql,
      new Date(nowMillis - Duration.toMillis(threshold)),
      new Date(nowMillis - Duration.toMillis(givenUpAfter))
    )

  return {
    /** Notes the jobs that need a look and are not noted yet. */
    enlist: Effect.fnUntraced(function* (nowMillis: number, threshold: Duration.Duration) {
      const now = new Date(nowMillis)
      for (const condition of Object.values(conditions(nowMillis, threshold))) {
        yield* sql`
          INSERT INTO reconciliation_checks (job_id, due_at)
          SELECT id, ${now} FROM funding_event_jobs
          WHERE ${condition}
            AND NOT EXISTS (SELECT FROM reconciliation_checks WHERE job_id = funding_event_jobs.id)
          LIMIT ${maxNewChecks}
          ON CONFLICT (job_id) DO NOTHING`
      }
    }),

    /** Takes up to `limit` that are due; those that need no look any more are forgotten. */
    take: (nowMillis: number, threshold: Duration.Duration, limit: number) =>
      Effect.gen(function* () {
        const taken = yield* sql<{
          job_id: JobId
          missing_since: Date | null
          is_on_chain: boolean
        }>`
          UPDATE reconciliation_checks
          SET due_at = ${new Date(nowMillis + Duration.toMillis(checkLease))},
              lost_count = lost_count + 1
          WHERE job_id IN (
            SELECT job_id FROM reconciliation_checks
            WHERE due_at <= ${new Date(nowMillis)} AND lost_count < ${maxLostWorkers}
            ORDER BY due_at LIMIT ${limit}
            FOR UPDATE SKIP LOCKED)
          RETURNING job_id, missing_since, is_on_chain`
        if (taken.length === 0) return { isEmpty: true, checks: [] }
        const rows = yield* sql<JobRow>`
          SELECT ${jobColumns(sql)} FROM funding_event_jobs
          WHERE id = ANY(${uuids(taken.map(({ job_id }) => job_id))})
            AND (${sql.or([
              ...Object.values(conditions(nowMillis, threshold)),
              onChainAfterAll(
                sql,
                taken.flatMap(({ is_on_chain, job_id }) => (is_on_chain ? [job_id] : []))
              )
            ])})`
        const missingSince = new Map(taken.map((one) => [one.job_id, one.missing_since]))
        const wanted = new Set(rows.map(({ id }) => id))
        yield* sql`
          DELETE FROM reconciliation_checks
          WHERE job_id = ANY(${uuids([...missingSince.keys()].filter((id) => !wanted.has(id)))})`
        return {
          isEmpty: false,
          checks: rows.map(
            (row): Check => ({
              job: jobFromRow(row),
              missingSince: missingSince.get(row.id)?.getTime() ?? null
            })
          )
        }
      }).pipe(sql.withTransaction),

    /** How many are not looked at any more, because each look at them was the last of its process. */
    abandoned: (nowMillis: number) =>
      Effect.map(
        sql<{ count: number }>`
          SELECT count(*)::integer AS count FROM reconciliation_checks
          WHERE lost_count >= ${maxLostWorkers} AND due_at <= ${new Date(nowMillis)}`,
        ([row]) => row?.count ?? 0
      ),

    /** Those of these that were not looked at to the end, by who lives to tell: that is no fault of theirs. */
    giveBack: (nowMillis: number, ids: ReadonlyArray<JobId>) => sql`
      UPDATE reconciliation_checks SET lost_count = lost_count - 1, due_at = ${new Date(nowMillis)}
      WHERE job_id = ANY(${uuids(ids)}) AND lost_count > 0`,

    /** Writes when it is looked at again. */
    settle: ({ dueAt, id, isConclusive, missingSince }: Outcome) =>
      sql`
            INSERT INTO reconciliation_checks (job_id, due_at, missing_since)
            VALUES (${id}, ${new Date(dueAt)}, ${missingSince === null ? null : new Date(missingSince)})
            ON CONFLICT (job_id) DO UPDATE
              SET due_at = excluded.due_at, missing_since = excluded.missing_since,
                  is_on_chain = reconciliation_checks.is_on_chain AND ${!isConclusive},
                  lost_count = 0`,

    /** The chain shows the transfers of these: whoever looks next looks now. */
    hasten: (nowMillis: number, ids: ReadonlyArray<JobId>) =>
      ids.length === 0
        ? Effect.void
        : sql`
            INSERT INTO reconciliation_checks (job_id, due_at, is_on_chain)
            SELECT id, ${new Date(nowMillis)}, true FROM unnest(${uuids(ids)}) AS found (id)
            ON CONFLICT (job_id) DO UPDATE
              SET due_at = least(reconciliation_checks.due_at, excluded.due_at), is_on_chain = true`
  }
}

export type Checks = ReturnType<typeof makeChecks>
