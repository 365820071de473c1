/**
 * Which due jobs a worker gets: as many of each tenant, so that nobody's backlog holds up the others.
 *
 *     1. the tenants that have work, from the one after the last that was served, round and round
 *     2. of each its share of the batch: the highest priority first, then the longest due
 *     3. what is left of the batch to those who have more
 *
 * A job that has lost a worker is claimed alone: if it is what kills them, it takes no other with it.
 */
import type { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import type { SqlError } from "effect/sql"
import type { Fragment } from "effect/sql/Statement"
import type { ChainName } from "../domain/chain.ts"
import type { JobId } from "../domain/ids.ts"
import { texts, uuids } from "../event-log/columns.ts"
import { type JobRow, jobColumns } from "./job-row.ts"

/** In one claim; those after them are served by the next. */
const maxTenantsPerClaim = 1_000

export interface DueWork {
  readonly chains: ReadonlyArray<ChainName>
  readonly now: Date
  readonly limit: number
}

export const makeFairClaim = (sql: PgClient.PgClient) => {
  /** Where the next round begins: after this tenant, or with it. */
  let turn = { tenant: "", isIncluded: false }

  const begin = turn

  const hasWork = sql.literal("(status = 'pending' OR sub_state = 'scheduled')")

  /** The distinct tenants of the index: one descent for each, and no walk along all of its entries. */
  const tenantsFrom = ({ isIncluded, tenant }: typeof turn) => sql`
    SELECT tenant_id FROM (
      WITH RECURSIVE next_tenant AS (
        (SELECT tenant_id FROM funding_event_jobs
         WHERE ${hasWork} AND ${isIncluded ? sql`tenant_id >= ${tenant}` : sql`tenant_id > ${tenant}`}
         ORDER BY tenant_id LIMIT 1)
        UNION ALL
        SELECT (SELECT tenant_id FROM funding_event_jobs
                WHERE ${hasWork} AND tenant_id > before.tenant_id ORDER BY tenant_id LIMIT 1)
        FROM next_tenant AS before WHERE before.tenant_id IS NOT NULL
      )
      SELECT tenant_id FROM next_tenant WHERE tenant_id IS NOT NULL LIMIT ${maxTenantsPerClaim}
    ) AS found`

  /** Due jobs of the tenant of this row, in the order of the index, but for those that others hold. */
  const dueJobs = ({ chains, now }: DueWork, but: ReadonlyArray<JobId>, limit: Fragment) => sql`
    SELECT ${jobColumns(sql)} FROM funding_event_jobs
    WHERE tenant_id = tenant.served AND ${hasWork}
      AND coalesce(next_retry_at, first_seen_at) <= ${now}
      AND chain = ANY(${texts(chains)})
      AND id <> ALL(${uuids(but)})
    ORDER BY priority DESC, coalesce(next_retry_at, first_seen_at)
    LIMIT ${limit}
    FOR UPDATE SKIP LOCKED`

  const sharesOfAll = (work: DueWork) => sql<JobRow & { readonly share: number }>`
    WITH tenant AS MATERIALIZED (
      SELECT tenant_id AS served FROM (
        ${tenantsFrom(turn)}
        UNION ALL
        SELECT tenant_id FROM (${tenantsFrom(begin)}) AS found_first
        WHERE ${turn.isIncluded ? sql`tenant_id < ${turn.tenant}` : sql`tenant_id <= ${turn.tenant}`}
      ) AS in_turn
    ), share AS MATERIALIZED (
      SELECT greatest(1, ceil(${work.limit}::numeric / count(*)))::integer AS jobs FROM tenant
    )
    SELECT job.*, (SELECT jobs FROM share) AS share FROM tenant
    CROSS JOIN LATERAL (${dueJobs(work, [], sql`(SELECT jobs FROM share)`)}) AS job
    LIMIT ${work.limit}`

  const moreOf = (tenantIds: ReadonlyArray<string>, work: DueWork, taken: ReadonlyArray<JobId>) => {
    const left = work.limit - taken.length
    return sql<JobRow>`
      SELECT job.* FROM unnest(${texts(tenantIds)}) AS tenant (served)
      CROSS JOIN LATERAL (${dueJobs(work, taken, sql`${left}`)}) AS job
      LIMIT ${left}`
  }

  /** None of those that were asked has anything due: after the last of them, if there may be more. */
  const turnAfterNone = Effect.suspend(
    () => sql<{ last: string | null; count: number }>`
      SELECT max(tenant_id) AS last, count(*)::integer AS count
      FROM (${tenantsFrom(turn)}) AS asked`
  ).pipe(
    Effect.map(([row]) =>
      row?.last != null && row.count === maxTenantsPerClaim
        ? { tenant: row.last, isIncluded: false }
        : begin
    )
  )

  /** Locks the rows that it gives. The caller has begun a transaction. */
  return Effect.fnUntraced(function* (
    work: DueWork
  ): Effect.fn.Return<ReadonlyArray<JobRow>, SqlError.SqlError> {
    const shares = yield* sharesOfAll(work)
    if (shares.length === 0) {
      turn = yield* turnAfterNone
      return []
    }
    const counts = Map.groupBy(shares, ({ tenant_id }) => tenant_id)
    const mayHaveMore = [...counts].flatMap(([tenant, rows]) =>
      rows.length >= (rows[0]?.share ?? 0) ? [tenant] : []
    )
    const rows =
      shares.length === work.limit || mayHaveMore.length === 0
        ? shares
        : [
            ...shares,
            ...(yield* moreOf(
              mayHaveMore,
              work,
              shares.map(({ id }) => id)
            ))
          ]
    const claimed = withoutSuspects(rows)
    // It was not first in its tenant's share, or its tenant was not the first: next time it is.
    const left = claimed.length < rows.length && rows.find(isSuspect)
    turn =
      left && !claimed.includes(left)
        ? { tenant: left.tenant_id, isIncluded: true }
        : { tenant: shares.at(-1)?.tenant_id ?? "", isIncluded: false }
    return claimed
  })
}

const isSuspect = ({ lost_worker_count }: JobRow): boolean => lost_worker_count > 0

/** A suspect that comes first goes alone. Else the others go, and it comes first one day. */
const withoutSuspects = (rows: ReadonlyArray<JobRow>): ReadonlyArray<JobRow> => {
  const [first] = rows
  return first !== undefined && isSuspect(first) ? [first] : rows.filter((row) => !isSuspect(row))
}
