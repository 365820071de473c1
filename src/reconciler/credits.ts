/** The credits that stand of jobs that are watched, as their events tell of them. */
import type { PgClient } from "@effect/sql-pg"
import { Effect, Schema } from "effect"
import type { JobId } from "../domain/ids.ts"
import { uuids } from "../event-log/columns.ts"

const CreditedData = Schema.Struct({
  ledger_transaction_id: Schema.String,
  on_chain_transfer_index: Schema.String,
  amount: Schema.String,
  block_number: Schema.Int,
  block_hash: Schema.String
})
export type StandingCredit = typeof CreditedData.Type

const decode = Schema.decodeUnknownEffect(CreditedData)

/** The newest credit of each. */
export const standingCredits = Effect.fnUntraced(function* (
  sql: PgClient.PgClient,
  ids: ReadonlyArray<JobId>
) {
  if (ids.length === 0) return new Map<JobId, StandingCredit>()
  const rows = yield* sql<{ job_id: JobId; data: unknown }>`
    SELECT DISTINCT ON (job_id) job_id, data FROM deposit_events
    WHERE job_id = ANY(${uuids(ids)}) AND type = 'deposit.credited'
    ORDER BY job_id, sequence DESC`
  return new Map(
    yield* Effect.forEach(rows, ({ data, job_id }) =>
      Effect.map(Effect.orDie(decode(data)), (credit) => [job_id, credit] as const)
    )
  )
})
