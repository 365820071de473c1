/**
 * The events of all deposits in one order, for readers that follow the log and remember how far.
 *
 * Positions are given out when an event is written, and become visible when its transaction
 * commits, which may be later than the commit of a higher one. A reader that went by position
 * alone would skip it:
 *
 *     writer A   position 1 ────────────────────────────── COMMIT
 *     writer B         position 2 ── COMMIT
 *     reader                              reads 2, remembers 2, and never sees 1
 *
 * Hence the order is (transaction_id, position), and nothing is shown of a transaction that is not
 * older than every transaction still running: what is not visible yet can only come behind it.
 * The price: a transaction that stays open, in any database of the server, holds the feed back.
 */
import type { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import type { SqlError } from "effect/sql"
import type { EventRecord } from "./event-record.ts"

/** A place in the feed. Decimal texts: both are 64 bits wide, and a JavaScript number is not. */
export interface FeedCursor {
  readonly transaction_id: string
  readonly position: string
}

export interface FeedEvent extends FeedCursor {
  readonly event: EventRecord
}

/** Before the first event. */
export const feedStart: FeedCursor = { transaction_id: "0", position: "0" }

type FeedRow = FeedCursor &
  Omit<EventRecord, "recorded_at"> & {
    readonly recorded_at: Date
  }

/** Up to `limit` events after `after`; none if nothing new is settled yet, so ask again later. */
export const readFeed = (
  sql: PgClient.PgClient,
  after: FeedCursor,
  limit: number
): Effect.Effect<ReadonlyArray<FeedEvent>, SqlError.SqlError> =>
  sql<FeedRow>`
    SELECT transaction_id::text, position::text,
           job_id, sequence, type, schema_version, data, from_state, to_state, actor, trace_id,
           recorded_at, encode(previous_hash, 'hex') AS previous_hash, encode(hash, 'hex') AS hash
    FROM deposit_events
    WHERE (transaction_id, position)
        > (${after.transaction_id}::text::xid8, ${after.position}::text::bigint)
      AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())
    -- Qualified: the bare names would be those of the texts above, and sort as such.
    ORDER BY deposit_events.transaction_id, deposit_events.position
    LIMIT ${limit}`.pipe(
    Effect.map((rows) =>
      rows.map(
        ({ transaction_id, position, ...event }): FeedEvent => ({
          transaction_id,
          position,
          event: { ...event, recorded_at: event.recorded_at.toISOString() }
        })
      )
    )
  )
