/**
 * How far each watched chain was scanned, and who scans it now: one instance at a time a chain, by a
 * lease and not by a leader.
 */
import type { PgClient } from "@effect/sql-pg"
import { Clock, Duration, Effect } from "effect"
import type { ChainName } from "../domain/chain.ts"

const scanLease = Duration.minutes(5)
/** While it scans: a range may take longer than the lease. */
const extensionsPerLease = 3

export interface ScanCursor {
  /** All blocks up to this one were final when they were read. */
  readonly scannedTo: number
  /** All up to this one were read. */
  readonly readTo: number
  /** When all that were not final were read from the first to the last, in milliseconds since 1970. */
  readonly readAgainAt: number
}

export interface ScanProgress {
  readonly scannedTo: number
  readonly readTo: number
  /** Undefined: as it was. */
  readonly readAgainAt?: number | undefined
}

export const makeScanCursors = (sql: PgClient.PgClient) => ({
  /** `never` if the chain was never scanned; undefined if another instance scans it. */
  claim: Effect.fnUntraced(function* (chain: ChainName, by: string) {
    const now = yield* Clock.currentTimeMillis
    const until = new Date(now + Duration.toMillis(scanLease))
    const [row] = yield* sql<{ scanned_to: string; read_to: string; read_again_at: Date }>`
      INSERT INTO scan_cursors (
        chain, scanned_to, read_to, read_again_at, claimed_by, claimed_until, updated_at)
      VALUES (${chain}, ${neverScanned}, ${neverScanned}, ${new Date(0)}, ${by}, ${until},
              ${new Date(now)})
      ON CONFLICT (chain) DO UPDATE
        SET claimed_by = excluded.claimed_by, claimed_until = excluded.claimed_until
        WHERE scan_cursors.claimed_until IS NULL OR scan_cursors.claimed_until <= ${new Date(now)}
          OR scan_cursors.claimed_by = ${by}
      RETURNING scanned_to::text, read_to::text, read_again_at`
    if (row === undefined) return undefined
    const [scannedTo, readTo] = [Number(row.scanned_to), Number(row.read_to)]
    return scannedTo === neverScanned
      ? ("never" as const)
      : ({ scannedTo, readTo, readAgainAt: row.read_again_at.getTime() } satisfies ScanCursor)
  }),

  /** False if another instance has taken the chain over in the meantime. */
  advance: Effect.fnUntraced(function* (
    chain: ChainName,
    by: string,
    { readAgainAt, readTo, scannedTo }: ScanProgress
  ) {
    const now = yield* Clock.currentTimeMillis
    const readAgain = readAgainAt === undefined ? null : new Date(readAgainAt)
    const rows = yield* sql`
      UPDATE scan_cursors
      SET scanned_to = greatest(scanned_to, ${scannedTo}), read_to = ${readTo},
          read_again_at = coalesce(${readAgain}::timestamptz, read_again_at),
          updated_at = ${new Date(now)},
          claimed_until = ${new Date(now + Duration.toMillis(scanLease))}
      WHERE chain = ${chain} AND claimed_by = ${by}
      RETURNING chain`
    return rows.length === 1
  }),

  /** Keeps the claim for as long as it runs. */
  hold: (chain: ChainName, by: string) =>
    Clock.currentTimeMillis.pipe(
      Effect.flatMap(
        (now) => sql`
          UPDATE scan_cursors
          SET claimed_until = ${new Date(now + Duration.toMillis(scanLease))}
          WHERE chain = ${chain} AND claimed_by = ${by}`
      ),
      // The next one tries again.
      Effect.ignore,
      Effect.delay(Duration.times(scanLease, 1 / extensionsPerLease)),
      Effect.forever
    ),

  release: (chain: ChainName, by: string) => sql`
    UPDATE scan_cursors SET claimed_by = NULL, claimed_until = NULL
    WHERE chain = ${chain} AND claimed_by = ${by}`
})

const neverScanned = -1
