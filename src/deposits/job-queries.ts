/** Reading jobs, for people and programs that look and change nothing. */
import { PgClient } from "@effect/sql-pg"
import { Context, Effect, Layer, type Schema } from "effect"
import type { SqlError } from "effect/sql"
import type { DepositContext } from "../../machines/deposit.ts"
import { JobId } from "../domain/ids.ts"
import type { Status } from "./deposit-state.ts"
import { type JobRow, jobColumns, jobFromRow } from "./job-row.ts"

/** A job with the names of its columns; times as ISO 8601 text. */
export interface JobView extends DepositContext {
  readonly id: JobId
  readonly status: Status
  readonly sub_state: string | null
  readonly sequence: number
  readonly transfer_key: string
  readonly webhook_payload: Schema.Json
  readonly trace_parent: string | null
}

export interface JobFilter {
  readonly status?: Status | undefined
  readonly chain?: string | undefined
  readonly tx_hash?: string | undefined
  readonly limit: number
}

export class JobQueries extends Context.Service<
  JobQueries,
  {
    readonly find: (id: JobId) => Effect.Effect<JobView | undefined, SqlError.SqlError>
    /** The newest first. */
    readonly list: (filter: JobFilter) => Effect.Effect<ReadonlyArray<JobView>, SqlError.SqlError>
  }
>()("surehook/deposits/JobQueries") {
  static readonly layer = Layer.effect(
    JobQueries,
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const columns = viewColumns(sql)

      return JobQueries.of({
        find: (id) =>
          sql<ViewRow>`SELECT ${columns} FROM funding_event_jobs WHERE id = ${id}`.pipe(
            Effect.map(([row]) => (row === undefined ? undefined : viewOf(row)))
          ),
        list: ({ status, chain, tx_hash, limit }) => {
          const conditions = [
            ...(status === undefined ? [] : [sql`status = ${status}`]),
            ...(chain === undefined ? [] : [sql`chain = ${chain}`]),
            ...(tx_hash === undefined ? [] : [sql`tx_hash = ${tx_hash}`])
          ]
          // Ids are made of the time, so this is the order of arrival.
          return sql<ViewRow>`
            SELECT ${columns} FROM funding_event_jobs
            WHERE ${sql.and(conditions)}
            ORDER BY id DESC
            LIMIT ${limit}`.pipe(Effect.map((rows) => rows.map(viewOf)))
        }
      })
    })
  )
}

/** What a query must select to get a ViewRow. */
export const viewColumns = (sql: PgClient.PgClient) =>
  sql`${jobColumns(sql)}, transfer_key, webhook_payload`

export type ViewRow = JobRow & {
  readonly transfer_key: string
  readonly webhook_payload: Schema.Json
}

export const viewOf = (row: ViewRow): JobView => {
  const { id, sequence, trace_parent, state } = jobFromRow(row)
  return {
    ...state.context,
    id: JobId.make(id),
    status: state.status,
    sub_state: state.sub_state,
    sequence,
    transfer_key: row.transfer_key,
    webhook_payload: row.webhook_payload,
    trace_parent
  }
}
