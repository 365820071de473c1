/**
 * How far each watched chain was scanned, and who scans it now: one instance at a time a chain, by a
 * lease and not by a leader.
 */
import type { PgClient } from "@effect/sql-pg"
import { Clock, Duration, Effect } from "effect"
import type { ChainName } from "../domain/chain.ts"

/** Extended after each range of blocks, which takes seconds. */
const scanLease = Duration.minutes(5)

export interface ScanCursor {
  /** Undefined if the chain was never scanned. */
  readonly scannedTo: number | undefined
}

export const makeScanCursors = (sql: PgClient.PgClient) => ({
  /** Undefined if another instance scans the chain. */
  claim: Effect.fnUntraced(function* (chain: ChainName, by: string) {
    const now = yield* Clock.currentTimeMillis
    const until = new Date(now + Duration.toMillis(scanLease))
    const [row] = yield* sql<{ scanned_to: string }>`
      INSERT INTO scan_cursors (chain, scanned_to, claimed_by, claimed_until, updated_at)
      VALUES (${chain}, ${neverScanned}, ${by}, ${until}, ${new Date(now)})
      ON CONFLICT (chain) DO UPDATE
        SET claimed_by = excluded.claimed_by, claimed_until = excluded.claimed_until
        WHERE scan_cursors.claimed_until IS NULL OR scan_cursors.claimed_until <= ${new Date(now)}
          OR scan_cursors.claimed_by = ${by}
      RETURNING scanned_to::text`
    if (row === undefined) return undefined
    const scannedTo = Number(row.scanned_to)
    return {
      scannedTo: scannedTo === neverScanned ? undefined : scannedTo
    } satisfies ScanCursor
  }),

  /** False if another instance has taken the chain over in the meantime. */
  advance: Effect.fnUntraced(function* (chain: ChainName, by: string, scannedTo: number) {
    const now = yield* Clock.currentTimeMillis
    const rows = yield* sql`
      UPDATE scan_cursors
      SET scanned_to = greatest(scanned_to, ${scannedTo}), updated_at = ${new Date(now)},
          claimed_until = ${new Date(now + Duration.toMillis(scanLease))}
      WHERE chain = ${chain} AND claimed_by = ${by}
      RETURNING chain`
    return rows.length === 1
  }),

  release: (chain: ChainName, by: string) => sql`
    UPDATE scan_cursors SET claimed_by = NULL, claimed_until = NULL
    WHERE chain = ${chain} AND claimed_by = ${by}`
})

const neverScanned = -1
