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
import { Cause, Clock, Duration, Effect } from "effect"
import { Addresses } from "../addresses/addresses.ts"
import { type BlockRange, type ChainScanner, Scanners } from "../chains/scanner.ts"
import type { ChainConfig } from "../config/chain-config.ts"
import { appendAudit } from "../event-log/audit-log.ts"
import type { Checks } from "./checks.ts"
import { makeMissedDeposits, reconcilerSource } from "./missed-deposits.ts"
import type { ScanReport } from "./pass-report.ts"
import { type LeftOut, scanPiecewise } from "./piecewise-scan.ts"
import { makeScanCursors, type ScanCursor } from "./scan-cursors.ts"

/** In one pass of one chain; the next goes on there. */
const maxRangesPerPass = 1_000
/** So much that is not final is read again in each pass. */
const maxRangesReadAgain = 10
/** An endpoint may not have them, that has all others. */
const newestBlocks = 32
/** No chain goes back behind what was final; an endpoint may be behind. */
const toleratedLag = 1_000
/** In the audit log. */
const maxNamedAddresses = 10
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
    if (known.size === 0) return { transfers: 0, missed: 0, leftOut: [] }
    const { leftOut, transfers } = yield* scanPiecewise(scanner, range, known)
    const found = yield* receiveMissed(chain, transfers)
    yield* checks.hasten(yield* Clock.currentTimeMillis, found.ended)
    yield* tellLeftOut(chain, leftOut)
    return { transfers: found.transfers, missed: found.missed, leftOut }
  })

  const tellLeftOut = Effect.fnUntraced(function* (
    { name }: ChainConfig,
    leftOut: ReadonlyArray<LeftOut>
  ) {
    for (const { addresses: some, range, reason } of leftOut) {
      const named = [...some].slice(0, maxNamedAddresses)
      yield* Effect.logError(
        `blocks ${range.from} to ${range.to} of ${name} could not be read for ${some.size === 1 ? named[0] : `${some.size} addresses`}, and are left out: ${reason}`
      )
      yield* appendAudit(sql, [
        {
          action: "scan_left_out",
          actor: reconcilerSource,
          details: {
            chain: name,
            from_block: range.from,
            to_block: range.to,
            address_count: some.size,
            addresses: named,
            reason
          }
        }
      ])
    }
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
        const scan = (last: number) =>
          Effect.result(scanRange(chain, scanner, { from, to: last }, known))
        let to = Math.min(from + scanner.maxBlocks - 1, range.to)
        let result = yield* scan(to)
        if (result._tag === "Failure" && to === range.to && to - newestBlocks >= from) {
          // Behind one URL stand many nodes, and the next may not have the newest blocks yet.
          to -= newestBlocks
          result = yield* scan(to)
        }
        if (result._tag === "Failure") {
          report.error = result.failure.message
          break
        }
        report.from_block ??= from
        report.to_block = to
        report.transfers += result.success.transfers
        report.missed += result.success.missed
        report.left_out += result.success.leftOut.length
        const isBehind = to < Math.min(from + scanner.maxBlocks - 1, range.to)
        if (!(yield* onRange({ from, to })) || isBehind) break
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
          if (cursor !== "never" && latest + toleratedLag < cursor.scannedTo) {
            return { ...emptyReport(chain), error: goneBack(chain, latest, cursor.scannedTo) }
          }
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
        return yield* Effect.raceFirst(scan, cursors.hold(chain.name, actor)).pipe(
          Effect.catchCause((cause) => {
            const error = Cause.squash(cause)
            const message = error instanceof Error ? error.message : String(error)
            // A bug, too: the other chains are scanned all the same.
            const report = { ...emptyReport(chain), error: message } satisfies ScanReport
            return Cause.hasInterruptsOnly(cause) ? Effect.interrupt : Effect.succeed(report)
          }),
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

const goneBack = ({ name }: ChainConfig, latest: number, scannedTo: number): string =>
  `the newest block of ${name} is ${latest}, and all up to ${scannedTo} were read before. If this is another chain than then, or it began anew: DELETE FROM scan_cursors WHERE chain = '${name}'`

const emptyReport = ({
  name
}: ChainConfig): { -readonly [K in keyof ScanReport]: ScanReport[K] } => ({
  chain: name,
  from_block: null,
  to_block: null,
  transfers: 0,
  missed: 0,
  left_out: 0,
  error: null
})
