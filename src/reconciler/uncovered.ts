/**
 * Jobs that ended because another job had credited their transfer, and whose credit was taken back since.
 *
 * They are looked at on chain for their own sake then: of two claims about one transfer, the one whose
 * credit was reversed may never fit again (an index that a reorganisation has changed), and the other may.
 * Found from the reversals, pass by pass, so that one which was being settled at that very moment is found too.
 */
import type { PgClient } from "@effect/sql-pg"
import { Clock, Effect } from "effect"
import { Deposits } from "../deposits/deposits.ts"
import { type Advance, advance, TransitionRefused } from "../deposits/job.ts"
import { type JobRow, jobColumns, jobFromRow } from "../deposits/job-row.ts"

/** In one pass. */
const maxUncovered = 500

type Uncovered = JobRow & { readonly reversed_job_id: string }

export const makeUncover = Effect.fnUntraced(function* (sql: PgClient.PgClient) {
  const deposits = yield* Deposits

  const select = sql<Uncovered>`
    SELECT job.*, reversed_job_id FROM (
      SELECT tx_hash AS reversed_tx_hash, reverses_id, job_id AS reversed_job_id
      FROM ledger_transactions WHERE reverses_id IS NOT NULL
    ) AS reversal
    CROSS JOIN LATERAL (
      SELECT ${jobColumns(sql)} FROM funding_event_jobs
      WHERE tx_hash = reversed_tx_hash AND ledger_transaction_id = reverses_id
        AND status = 'completed'
      FOR NO KEY UPDATE SKIP LOCKED
    ) AS job
    LIMIT ${maxUncovered}`

  /** Returns how many there were. */
  return (actor: string) =>
    Effect.gen(function* () {
      const recorded_at = new Date(yield* Clock.currentTimeMillis).toISOString()
      const rows = yield* select
      const advances = rows.flatMap((row): ReadonlyArray<Advance> => {
        if (row.ledger_transaction_id === null) return []
        const made = advance(
          jobFromRow(row),
          {
            type: "credit.reversed",
            recorded_at,
            ledger_transaction_id: row.ledger_transaction_id,
            credited_by_job_id: row.reversed_job_id,
            reason: "a reorganisation took the transfer away"
          },
          actor
        )
        return made instanceof TransitionRefused ? [] : [made]
      })
      const appended = yield* deposits.append(advances)
      return appended.size
    }).pipe(deposits.transaction)
})
