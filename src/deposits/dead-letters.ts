/**
 * The dead letters: deposits that wait for a person, who looks at them, sends them back or gives them up.
 *
 * A replay is an event like every other: the history stays, the attempts begin anew. It credits
 * nothing by itself, so it can credit nothing twice: a worker takes the job, the chain is asked again,
 * and the ledger's unique key decides as ever.
 */
import { PgClient } from "@effect/sql-pg"
import { Clock, Context, Effect, Layer } from "effect"
import type { SqlError } from "effect/sql"
import type { JobId } from "../domain/ids.ts"
import { appendAudit } from "../event-log/audit-log.ts"
import { uuids } from "../event-log/columns.ts"
import { type DeadLetterFilter, isDeadLetter } from "./dead-letter-filter.ts"
import { maxMaxJobs, maxRate } from "./dead-letter-limits.ts"
import { type DeadLetterQueries, deadLetterQueries } from "./dead-letter-queries.ts"
import { stateName } from "./deposit-state.ts"
import { Deposits } from "./deposits.ts"
import { type Advance, advance, TransitionRefused } from "./job.ts"
import { type JobRow, jobColumns, jobFromRow } from "./job-row.ts"
import { JobSignal } from "./job-signal.ts"

/** Who decided, and why: both stand in the event and in the audit log. */
export interface Decision {
  /** `api:<token>` or `cli:<user>`. */
  readonly operator: string
  readonly reason: string
}

/** What became of a job that was named. */
export type Outcome = { readonly job_id: JobId } & (
  | { readonly outcome: "done" }
  /** Its state does not allow it. */
  | { readonly outcome: "refused"; readonly state: string }
  /** Another writer has it at this very moment. */
  | { readonly outcome: "busy" }
  | { readonly outcome: "unknown" }
)

export interface BulkReplay extends Decision {
  readonly filter: DeadLetterFilter
  readonly max_jobs: number
  /** Jobs a second. */
  readonly rate: number
  /** Is told after each batch how many were replayed up to then. */
  readonly onBatch?: (replayed: number) => Effect.Effect<void>
}

export class DeadLetters extends Context.Service<
  DeadLetters,
  DeadLetterQueries & {
    /** Back to pending, also what was settled without a credit. Outcomes in the order of the ids. */
    readonly replay: (
      ids: ReadonlyArray<JobId>,
      decision: Decision
    ) => Effect.Effect<ReadonlyArray<Outcome>, SqlError.SqlError>
    /**
     * Replays dead letters, the oldest deposits first, as fast as `rate` says. What was dead-lettered
     * after it began is not touched, so what fails again is not replayed for ever; `until` says when
     * that was. Each batch is durable on its own: whoever is interrupted simply begins again.
     */
    readonly replayAll: (
      bulk: BulkReplay
    ) => Effect.Effect<{ readonly replayed: number; readonly until: Date }, SqlError.SqlError>
    /** To failed.settled, from where only a replay brings it back. Outcomes in the order of the ids. */
    readonly discard: (
      ids: ReadonlyArray<JobId>,
      decision: Decision
    ) => Effect.Effect<ReadonlyArray<Outcome>, SqlError.SqlError>
  }
>()("surehook/deposits/DeadLetters") {
  static readonly layer = Layer.effect(
    DeadLetters,
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const deposits = yield* Deposits
      const signal = yield* JobSignal

      /** Appends the event to those of these locked rows whose state allows it. */
      const move = Effect.fnUntraced(function* (
        rows: ReadonlyArray<JobRow>,
        type: keyof typeof auditActions,
        { operator, reason }: Decision
      ) {
        const recorded_at = new Date(yield* Clock.currentTimeMillis).toISOString()
        const actor = `operator:${operator}`
        const refused = new Map<JobId, string>()
        const advances: Array<Advance> = []
        for (const row of rows) {
          const made = advance(jobFromRow(row), { type, recorded_at, operator, reason }, actor)
          if (made instanceof TransitionRefused) refused.set(row.id, made.state)
          else advances.push(made)
        }
        const moved = yield* deposits.append(advances)
        yield* appendAudit(
          sql,
          rows
            .filter(({ id }) => moved.has(id))
            .map((row) => ({
              action: auditActions[type],
              actor,
              tenant_id: row.tenant_id,
              job_id: row.id,
              reason,
              details: { from_state: stateName(jobFromRow(row).state) }
            }))
        )
        return { moved, refused }
      })

      /** Rows that others have are passed over: whoever waited would hold up all of the batch. */
      const moveNamed = (
        ids: ReadonlyArray<JobId>,
        type: keyof typeof auditActions,
        decision: Decision
      ) =>
        Effect.gen(function* () {
          const rows = yield* sql<JobRow>`
            SELECT ${jobColumns(sql)} FROM funding_event_jobs WHERE id = ANY(${uuids(ids)})
            ORDER BY id
            FOR UPDATE SKIP LOCKED`
          const { moved, refused } = yield* move(rows, type, decision)
          const known = yield* sql<{ id: JobId }>`
            SELECT id FROM funding_event_jobs WHERE id = ANY(${uuids(ids)})`
          const isKnown = new Set(known.map(({ id }) => id))
          return ids.map((job_id): Outcome => {
            const state = refused.get(job_id)
            if (moved.has(job_id)) return { job_id, outcome: "done" }
            if (state !== undefined) return { job_id, outcome: "refused", state }
            return { job_id, outcome: isKnown.has(job_id) ? "busy" : "unknown" }
          })
        }).pipe(deposits.transaction)

      const named = (type: keyof typeof auditActions) =>
        Effect.fnUntraced(function* (ids: ReadonlyArray<JobId>, decision: Decision) {
          const outcomes: Array<Outcome> = []
          const different = [...new Set(ids)]
          for (let start = 0; start < different.length; start += maxBatch) {
            const batch = different.slice(start, start + maxBatch)
            outcomes.push(...(yield* moveNamed(batch, type, decision)))
            if (type === "dlq.replayed") yield* signal.announce
          }
          return outcomes
        })

      const replayBatch = (bulk: BulkReplay, after: JobId | undefined, size: number) =>
        Effect.gen(function* () {
          const rows = yield* sql<JobRow>`
            SELECT ${jobColumns(sql)} FROM funding_event_jobs
            WHERE ${isDeadLetter(sql, bulk.filter, { after })}
            ORDER BY id
            LIMIT ${size}
            FOR UPDATE SKIP LOCKED`
          const { moved } = yield* move(rows, "dlq.replayed", bulk)
          return { count: moved.size, last: rows.at(-1)?.id, isEnd: rows.length < size }
        }).pipe(deposits.transaction)

      const replayAll: DeadLetters["Service"]["replayAll"] = Effect.fnUntraced(function* (wanted) {
        const { max_jobs, rate } = wanted
        if (!isWithin(max_jobs, maxMaxJobs) || !isWithin(rate, maxRate)) {
          return yield* Effect.die(new Error(`a bulk replay of ${max_jobs} jobs, ${rate} a second`))
        }
        const now = new Date(yield* Clock.currentTimeMillis)
        const { until = now } = wanted.filter
        const bulk = { ...wanted, filter: { ...wanted.filter, until: until < now ? until : now } }
        let replayed = 0
        let after: JobId | undefined
        while (replayed < max_jobs) {
          const began = yield* Clock.currentTimeMillis
          // What is replayed within a second comes at once.
          const size = Math.min(maxBatch, rate, max_jobs - replayed)
          const { count, isEnd, last } = yield* replayBatch(bulk, after, size)
          replayed += count
          after = last
          if (count > 0) yield* signal.announce
          yield* bulk.onBatch?.(replayed) ?? Effect.void
          if (isEnd) break
          // Also after the last batch: who comes again at once is no faster than the rate.
          const pause = began + (count * 1_000) / rate - (yield* Clock.currentTimeMillis)
          if (pause > 0) yield* Effect.sleep(pause)
        }
        return { replayed, until: bulk.filter.until }
      })

      return DeadLetters.of({
        ...deadLetterQueries(sql),
        replay: named("dlq.replayed"),
        replayAll,
        discard: named("dlq.discarded")
      })
    })
  )
}

/** Jobs in one transaction. */
const maxBatch = 500

const auditActions = { "dlq.replayed": "replay_dlq", "dlq.discarded": "discard_dlq" } as const

const isWithin = (value: number, max: number): boolean =>
  Number.isInteger(value) && value >= 1 && value <= max
