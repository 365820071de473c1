/**
 * Reads the blocks of a watched chain that were not read yet, and finds the deposits in them that no
 * webhook told of.
 *
 *     ── read, and final then ──┬── read again each time ──┐
 *                               │                          │
 *                          scanned_to       final        latest
 *
 * The first scan of a chain begins where the chain is final then: what was before is for a backfill,
 * `surehook reconcile --from-block N --to-block M`.
 */
import type { PgClient } from "@effect/sql-pg"
import { Clock, Effect } from "effect"
import { Addresses } from "../addresses/addresses.ts"
import { type BlockRange, type ChainScanner, Scanners } from "../chains/scanner.ts"
import type { ChainConfig } from "../config/chain-config.ts"
import type { Checks } from "./checks.ts"
import { type Found, makeMissedDeposits } from "./missed-deposits.ts"
import type { ScanReport } from "./pass-report.ts"
import { makeScanCursors } from "./scan-cursors.ts"

/** In one pass of one chain; the next goes on there. */
const maxRangesPerPass = 1_000

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
          const scannedTo = cursor.scannedTo ?? final
          // An endpoint may be behind the one that was asked the last time.
          yield* cursors.advance(chain.name, actor, cursor.scannedTo ?? final)
          return yield* scanAll(chain, scanner, { from: scannedTo + 1, to: latest }, ({ to }) =>
            cursors.advance(chain.name, actor, Math.min(to, final))
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
