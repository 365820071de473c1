/** Looking at dead letters: in pages, counted, and by what brought them there. */
import type { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import type { SqlError } from "effect/sql"
import type { JobId } from "../domain/ids.ts"
import { type DeadLetterFilter, isDeadLetter } from "./dead-letter-filter.ts"
import { type JobView, type ViewRow, viewColumns, viewOf } from "./job-queries.ts"

/** What dead-lettered how many. */
export interface CauseCount {
  readonly chain: string
  readonly error_type: string | null
  /** Its beginning. */
  readonly failure_reason: string | null
  readonly count: number
}

export interface DeadLetterQueries {
  /** The newest deposits first; those after `before`, the last of the page before. */
  readonly list: (
    filter: DeadLetterFilter,
    page: { readonly before?: JobId | undefined; readonly limit: number }
  ) => Effect.Effect<ReadonlyArray<JobView>, SqlError.SqlError>
  readonly count: (filter: DeadLetterFilter) => Effect.Effect<number, SqlError.SqlError>
  /** The most frequent causes among the newest dead letters. */
  readonly causes: (
    filter: DeadLetterFilter
  ) => Effect.Effect<ReadonlyArray<CauseCount>, SqlError.SqlError>
}

export const deadLetterQueries = (sql: PgClient.PgClient): DeadLetterQueries => ({
  list: (filter, { before, limit }) =>
    sql<ViewRow>`
      SELECT ${viewColumns(sql)} FROM funding_event_jobs
      WHERE ${isDeadLetter(sql, filter, { before })}
      ORDER BY id DESC
      LIMIT ${limit}`.pipe(Effect.map((rows) => rows.map(viewOf))),
  count: (filter) =>
    sql<{ count: number }>`
      SELECT count(*)::integer AS count FROM funding_event_jobs
      WHERE ${isDeadLetter(sql, filter)}`.pipe(Effect.map(([row]) => row?.count ?? 0)),
  causes: (filter) =>
    sql<CauseCount>`
      SELECT chain, error_type, left(failure_reason, ${maxCauseLength}) AS failure_reason,
             count(*)::integer AS count
      FROM (
        SELECT chain, error_type, failure_reason FROM funding_event_jobs
        WHERE ${isDeadLetter(sql, filter)}
        ORDER BY id DESC
        LIMIT ${maxCounted}
      ) AS newest
      GROUP BY 1, 2, 3
      ORDER BY count DESC, 1, 2, 3
      LIMIT ${maxCauses}`
})

/** More causes than a person reads, found among so many dead letters. */
const maxCauses = 20
const maxCounted = 10_000
const maxCauseLength = 200
