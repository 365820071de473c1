/**
 * Reads the blocks of a watched chain that were not read yet, and finds the deposits in them that no
 * webhook told of.
 *
 *     ── read, and final then ──┬──────── read, not final then ────────┬── new ──┐
 *                               │                                      │         │
 *                          scanned_to            final              read_to    latest
 *
 * What was not final is read again in each pass. Where that is far (on Starknet a proof takes hours), only
 * its newest part is, and all of it once an hour.
 *
 * The first scan of a chain begins where the chain is final then: what was before is for a backfill,
 * `surehook reconcile --from-block N --to-block M`.
 */
import type { PgClient } from "@effect/sql-pg"
import { Clock, Duration, Effect } from "effect"
import { Addresses } from "../addresses/addresses.ts"
import { type BlockRange, type ChainScanner, Scanners } from "../chains/scanner.ts"
import type { ChainConfig } from "../config/chain-config.ts"
import type { Checks } from "./checks.ts"
import { type Found, makeMissedDeposits } from "./missed-deposits.ts"
import type { ScanReport } from "./pass-report.ts"
import { makeScanCursors, type ScanCursor } from "./scan-cursors.ts"

/** In one pass of one chain; the next goes on there. */
const maxRangesPerPass = 1_000
/** So much that is not final is read again in each pass. */
const maxRangesReadAgain = 10
const readAllAgainEvery = Duration.hours(1)

export const makeChainScan = Effect.fnUntraced(function* (sql: PgClient.PgClient, checks: Checks) {
  const addresses = yield* Addresses
  const { watched } = yield* Scanners
  const receiveMissed = yield* makeMissedDeposits(sql)
  const cursors = makeScanCursors(sql)

  const scanRange = Effect.fnUntraced(function* (
    chain: ChainConfig,
    scanner: ChainScanner,
    range: BlockRange,
    known: Effect.Success<ReturnType<Addresses["Service"]["onChain"]>>
  ) {
    if (known.size === 0) return { transfers: 0, missed: 0, ended: [] } satisfies Found
    const found = yield* receiveMissed(chain, yield* scanner.scan(range, known))
    yield* checks.hasten(yield* Clock.currentTimeMillis, found.ended)
    return found
  })

  /** The ranges of blocks one after the other; `onRange` says whether to go on. */
  const scanAll = <E>(
    chain: ChainConfig,
    scanner: ChainScanner,
    range: BlockRange,
    onRange: (read: BlockRange) => Effect.Effect<boolean, E>
  ) =>
    Effect.gen(function* () {
      const report = emptyReport(chain)
      const known = yield* addresses.onChain(chain.name)
      let from = range.from
      for (let count = 0; from <= range.to && count < maxRangesPerPass; count++) {
        const to = Math.min(from + scanner.maxBlocks - 1, range.to)
        const result = yield* Effect.result(scanRange(chain, scanner, { from, to }, known))
        if (result._tag === "Failure") {
          report.error = result.failure.message
          break
        }
        report.from_block ??= from
        report.to_block = to
        report.transfers += result.success.transfers
        report.missed += result.success.missed
        if (!(yield* onRange({ from, to }))) break
        from = to + 1
      }
      return report
    })

  return {
    /** What is new on the chain. Undefined if another instance does it. */
    scanNew: (chain: ChainConfig, scanner: ChainScanner, actor: string) =>
      Effect.gen(function* () {
        const cursor = yield* cursors.claim(chain.name, actor)
        if (cursor === undefined) return undefined
        const scan = Effect.gen(function* () {
          const { final, latest } = yield* scanner.heads
          const now = yield* Clock.currentTimeMillis
          const begun =
            cursor === "never" ? { scannedTo: final, readTo: final, readAgainAt: 0 } : cursor
          yield* cursors.advance(chain.name, actor, begun)
          const from = firstBlock(begun, scanner.maxBlocks, latest, now)
          const readsAll = from === begun.scannedTo + 1
          return yield* scanAll(chain, scanner, { from, to: latest }, ({ to }) =>
            cursors.advance(chain.name, actor, {
              // What was left out this time may have changed since it was read.
              scannedTo: readsAll ? Math.min(to, final) : begun.scannedTo,
              // An endpoint may be behind the one that was asked the last time.
              readTo: Math.max(to, begun.readTo),
              readAgainAt: readsAll && to === latest ? now : undefined
            })
          )
        })
        return yield* scan.pipe(
          Effect.catch((error) =>
            Effect.succeed({ ...emptyReport(chain), error: error.message } satisfies ScanReport)
          ),
          Effect.ensuring(Effect.ignore(cursors.release(chain.name, actor)))
        )
      }),

    /** These blocks, whether they were read before or not. The place where scans go on stays. */
    backfill: (chain: ChainConfig, scanner: ChainScanner, range: BlockRange) =>
      scanAll(chain, scanner, range, () => Effect.succeed(true)),

    watched
  }
})

const firstBlock = (
  { readAgainAt, readTo, scannedTo }: ScanCursor,
  maxBlocks: number,
  latest: number,
  now: number
): number => {
  const isFar = latest - scannedTo > maxRangesReadAgain * maxBlocks
  const isFresh = now - readAgainAt < Duration.toMillis(readAllAgainEvery)
  return isFar && isFresh
    ? Math.max(scannedTo, readTo - maxRangesReadAgain * maxBlocks) + 1
    : scannedTo + 1
}

const emptyReport = ({
  name
}: ChainConfig): { -readonly [K in keyof ScanReport]: ScanReport[K] } => ({
  chain: name,
  from_block: null,
  to_block: null,
  transfers: 0,
  missed: 0,
  error: null
})
