/** Which dead letters are meant: the conditions that lists, counts and bulk replays share. */
import type { PgClient } from "@effect/sql-pg"
import type { ErrorType } from "../../machines/deposit-events.ts"
import type { JobId } from "../domain/ids.ts"
import { texts } from "../event-log/columns.ts"

/** What is not given excludes nothing. */
export interface DeadLetterFilter {
  /** Only these: what the caller may see. */
  readonly tenants?: ReadonlyArray<string> | undefined
  readonly environment?: string | undefined
  readonly source?: string | undefined
  readonly chain?: string | undefined
  readonly token?: string | undefined
  readonly error_type?: ErrorType | undefined
  /** Dead-lettered then or later. */
  readonly since?: Date | undefined
  /** Dead-lettered before. */
  readonly until?: Date | undefined
}

/** Served by the index of the ids of all dead letters. */
export const isDeadLetter = (
  sql: PgClient.PgClient,
  filter: DeadLetterFilter,
  range: { readonly before?: JobId | undefined; readonly after?: JobId | undefined } = {}
) => {
  const { chain, environment, error_type, since, source, tenants, token, until } = filter
  return sql.and([
    sql`status = 'dlq'`,
    ...(tenants === undefined ? [] : [sql`tenant_id = ANY(${texts(tenants)})`]),
    ...(environment === undefined ? [] : [sql`environment = ${environment}`]),
    ...(source === undefined ? [] : [sql`source = ${source}`]),
    ...(chain === undefined ? [] : [sql`chain = ${chain}`]),
    ...(token === undefined ? [] : [sql`token = ${token}`]),
    ...(error_type === undefined ? [] : [sql`error_type = ${error_type}`]),
    ...(since === undefined ? [] : [sql`moved_to_dlq_at >= ${since}`]),
    ...(until === undefined ? [] : [sql`moved_to_dlq_at < ${until}`]),
    ...(range.before === undefined ? [] : [sql`id < ${range.before}`]),
    ...(range.after === undefined ? [] : [sql`id > ${range.after}`])
  ])
}
