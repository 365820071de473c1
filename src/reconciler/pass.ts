/**
 * One pass of the reconciler: all that it looks for, one after the other.
 *
 *     leases of lost workers ─▶ deposits that need a look ─▶ the ledger
 *     new blocks of watched chains, beside it, for they may take long
 *
 * Each part is safe in any number of instances at once, and one that fails does not keep the others
 * from being done. What a pass did is a row of `reconciliation_runs`.
 */
import { PgClient } from "@effect/sql-pg"
import { type Cause, Clock, Duration, Effect, Fiber, Metric } from "effect"
import { SecureRandom } from "effect/crypto"
import type { SqlError } from "effect/sql"
import { Settings } from "../config/settings.ts"
import { SurehookConfig } from "../config/surehook-config.ts"
import { Deposits } from "../deposits/deposits.ts"
import { JobSignal } from "../deposits/job-signal.ts"
import type { ChainName } from "../domain/chain.ts"
import { appendAudit } from "../event-log/audit-log.ts"
import { recipientsOf } from "../settlement/recipients.ts"
import * as metrics from "../telemetry/metrics.ts"
import { makeChainScan } from "./chain-scan.ts"
import { type Check, makeChecks } from "./checks.ts"
import { standingCredits } from "./credits.ts"
import { makeLedgerCheck } from "./ledger-check.ts"
import { newTally, type PassReport, type ScanReport, type Tally } from "./pass-report.ts"
import { makeRecheck, type Recheckable } from "./recheck.ts"
import { makeUncover } from "./uncovered.ts"

/** A credit that is gone is looked at again before it is reversed, after a pass at the latest. */
const maxPatience = Duration.minutes(1)
const expireBatchSize = 500
/** Batches of looks in one pass; what is due then is for the next. */
const maxBatches = 1_000

export const makePass = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  const { reconciliation } = yield* Settings
  const { chains } = yield* SurehookConfig
  const deposits = yield* Deposits
  const signal = yield* JobSignal
  const random = yield* SecureRandom.SecureRandom
  const scope = yield* Effect.scope
  const context = yield* Effect.context<Effect.Services<ReturnType<typeof recipientsOf>>>()
  const checks = makeChecks(sql)
  const recheck = yield* makeRecheck(sql)
  const scan = yield* makeChainScan(sql, checks)
  const uncover = yield* makeUncover(sql)
  const checkLedger = makeLedgerCheck(sql)
  const { batchSize, interval, maxConcurrency, threshold } = reconciliation
  const patience = Duration.min(interval, maxPatience)

  const expireLeases = Effect.fnUntraced(function* (actor: string, tally: Tally) {
    for (let isMore = true; isMore; ) {
      const taken = yield* deposits.expireLeases({ actor, limit: expireBatchSize })
      tally.expired_leases += taken.length
      isMore = taken.length === expireBatchSize
    }
    if (tally.expired_leases > 0) yield* signal.announce
  })

  const recheckable = Effect.fnUntraced(function* (some: ReadonlyArray<Check>) {
    const jobs = some.map(({ job }) => job)
    const recipients = yield* Effect.provideContext(recipientsOf(jobs), context)
    const credits = yield* standingCredits(
      sql,
      jobs.flatMap(({ id, state }) => (state.sub_state === "watching" ? [id] : []))
    )
    return recipients.flatMap(({ job, recipient }, index): ReadonlyArray<Recheckable> => {
      const check = some[index]
      return check === undefined ? [] : [{ ...check, recipient, credit: credits.get(job.id) }]
    })
  })

  const giveBack = (some: ReadonlyArray<Check>) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      checks.giveBack(
        now,
        some.map(({ job }) => job.id)
      )
    )

  const recheckAll = Effect.fnUntraced(function* (actor: string, tally: Tally) {
    yield* checks.enlist(yield* Clock.currentTimeMillis, threshold)
    const abandoned = yield* checks.abandoned(yield* Clock.currentTimeMillis)
    if (abandoned > 0) {
      tally.failed += abandoned
      yield* Effect.logError(
        `${abandoned} deposits are not looked at any more: each of the last looks at them ended with its process (reconciliation_checks, lost_count)`
      )
    }
    for (let batches = 0; batches < maxBatches; batches++) {
      const now = yield* Clock.currentTimeMillis
      const taken = yield* checks.take(now, threshold, batchSize)
      if (taken.isEmpty) return
      yield* recheckable(taken.checks).pipe(
        Effect.flatMap((some) =>
          Effect.forEach(
            some,
            (check) =>
              Effect.flatMap(recheck(check, { actor, interval, patience, tally }), checks.settle),
            { concurrency: maxConcurrency, discard: true }
          )
        ),
        // A shutdown, or a database that went away.
        Effect.onError(() => Effect.ignore(giveBack(taken.checks)))
      )
    }
  })

  /** By chain. A scan may outlast the pass that began it. */
  const scans = new Map<ChainName, Fiber.Fiber<ScanReport | undefined, SqlError.SqlError>>()

  const startScans = Effect.fnUntraced(function* (actor: string) {
    for (const [name, scanner] of scan.watched) {
      const chain = chains.get(name)
      if (chain === undefined || scans.has(name)) continue
      scans.set(name, yield* Effect.forkIn(scan.scanNew(chain, scanner, actor), scope))
    }
  })

  /** What those say that came to their end. The others go on. */
  const endedScans = Effect.fnUntraced(function* (limit: Duration.Duration) {
    yield* Effect.timeoutOption(Fiber.awaitAll(scans.values()), limit)
    const reports: Array<ScanReport> = []
    for (const [name, fiber] of [...scans]) {
      if (fiber.pollUnsafe() === undefined) continue
      scans.delete(name)
      const report = yield* Fiber.join(fiber)
      if (report !== undefined) reports.push(report)
    }
    return reports
  })

  const stopScans = Effect.suspend(() => Fiber.interruptAll(scans.values()))

  const begin = (id: string, actor: string, startedAt: Date) =>
    sql.withTransaction(
      Effect.andThen(
        sql`
          INSERT INTO reconciliation_runs (id, started_by, started_at)
          VALUES (${id}, ${actor}, ${startedAt})`,
        appendAudit(sql, [{ action: "start_reconciliation", actor, details: { run_id: id } }])
      )
    )

  const end = (id: string, completedAt: Date, report: PassReport) => sql`
    UPDATE reconciliation_runs
    SET completed_at = ${completedAt}, report = ${JSON.stringify(report)}::text::jsonb
    WHERE id = ${id}`

  const measure = (report: PassReport, millis: number) =>
    Effect.all(
      [
        Metric.update(metrics.reconciliationRuns, 1),
        Metric.update(metrics.reconciliationRecovered, report.recovered + missedOf(report.scans)),
        Metric.update(metrics.reconciliationFailed, report.failed),
        Metric.update(metrics.reconciliationReversed, report.reversed),
        Metric.update(metrics.reconciliationDuration, millis / 1000),
        Metric.update(metrics.ledgerImbalance, report.ledger_differences)
      ],
      { discard: true }
    )

  /** Scans that take longer than `scanLimit` go on, and are told of by a later pass. */
  const run = Effect.fn("Reconciler.pass")(function* (actor: string, scanLimit: Duration.Duration) {
    const startedAt = yield* Clock.currentTimeMillis
    const id = yield* random.uuidV7()
    const tally = newTally()
    const ended: Array<ScanReport> = []
    yield* begin(id, actor, new Date(startedAt))
    const part = <E, R>(what: string, effect: Effect.Effect<void, E, R>) =>
      Effect.catchCause(effect, (cause: Cause.Cause<E>) =>
        Effect.suspend(() => {
          tally.failed++
          return Effect.logError(`the reconciler could not ${what}`, cause)
        })
      )
    yield* part("take back expired leases", expireLeases(actor, tally))
    yield* startScans(actor)
    yield* part("look at what is not settled", recheckAll(actor, tally))
    yield* part("find what rests on a credit that was taken back", Effect.asVoid(uncover(actor)))
    yield* part(
      "compare the ledger with the chain",
      Effect.map(checkLedger(actor), (count) => {
        tally.ledger_differences = count
      })
    )
    yield* part(
      "scan the watched chains",
      Effect.map(endedScans(scanLimit), (reports) => void ended.push(...reports))
    )
    const completedAt = yield* Clock.currentTimeMillis
    const report: PassReport = { ...tally, scans: ended }
    yield* end(id, new Date(completedAt), report)
    yield* measure(report, completedAt - startedAt)
    return report
  })

  return { run, stopScans, patience, scan }
})

export const missedOf = (scans: ReadonlyArray<ScanReport>): number =>
  scans.reduce((sum, { missed }) => sum + missed, 0)
