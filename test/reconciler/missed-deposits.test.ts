/** Transfers of which no webhook told become deposits, each once, however often and by whomever they are read. */
import { PgClient } from "@effect/sql-pg"
import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import type { ScannedTransfer } from "../../src/chains/scanner.ts"
import type { Verdict } from "../../src/chains/validator.ts"
import { Amount } from "../../src/domain/amount.ts"
import { Address } from "../../src/domain/chain.ts"
import { Environment, SourceId } from "../../src/domain/ids.ts"
import { localchain, receive, received } from "../deposits/jobs.ts"
import { confirmAll, type Script } from "../support/scripted-validator.ts"
import { reconcilerOf, test } from "./reconciling.ts"
import {
  config,
  configOf,
  jobs,
  register,
  scannerOf,
  script,
  sourceIn,
  transfer
} from "./watched-chain.ts"

describe("a watched chain", () => {
  test(
    "gives a deposit of each transfer of which no webhook told, and of no other",
    Effect.gen(function* () {
      yield* register
      const told = transfer(95)
      yield* receive([received({ ...told.claim, transfer_index: null })])
      const stranger = Address.make(`0x${"ff".repeat(20)}`)
      const { scanners } = scannerOf([
        transfer(94),
        told,
        transfer(96, { to_address: stranger }),
        transfer(97, { amount: Amount.make("100.01") })
      ])
      const { run } = yield* reconcilerOf({ script, config, scanners })
      const { scans } = yield* run
      assert.deepStrictEqual(scans, [
        {
          chain: "localchain",
          from_block: 91,
          to_block: 100,
          transfers: 3,
          missed: 2,
          left_out: 0,
          error: null
        }
      ])
      assert.deepStrictEqual(yield* jobs, [
        {
          source: "reconciler",
          tx_hash: transfer(94).claim.tx_hash,
          priority: 0,
          environment: "production"
        },
        { source: "main", tx_hash: told.claim.tx_hash, priority: 0, environment: "production" },
        {
          source: "reconciler",
          tx_hash: transfer(97).claim.tx_hash,
          priority: 1,
          environment: "production"
        }
      ])
    })
  )

  test(
    "is read on from where it was final, and what was not final again",
    Effect.gen(function* () {
      yield* register
      const transfers = [transfer(91)]
      const { chain, read, scanners } = scannerOf(transfers)
      const { run } = yield* reconcilerOf({ script, config, scanners })
      yield* run
      assert.deepStrictEqual(read.splice(0), [{ from: 91, to: 100 }])
      // A reorganisation brings another transfer into a block that was read.
      transfers.push(transfer(92))
      chain.latest = 125
      chain.final = 115
      const again = yield* reconcilerOf({ script, config, scanners, actor: "reconciler:restarted" })
      const [report] = (yield* again.run).scans
      assert.deepStrictEqual(read.splice(0), [
        { from: 91, to: 100 },
        { from: 101, to: 110 },
        { from: 111, to: 120 },
        { from: 121, to: 125 }
      ])
      assert.include(report, { missed: 1 })
      yield* again.run
      assert.deepStrictEqual(read, [{ from: 116, to: 125 }])
    })
  )

  test(
    "that is final only after hours is read again whole once an hour, and its newest part in each pass",
    Effect.gen(function* () {
      yield* register
      const { chain, read, scanners } = scannerOf([])
      chain.latest = 1_000
      const { run } = yield* reconcilerOf({ script, config, scanners })
      const passed = Effect.gen(function* () {
        yield* run
        const ranges = read.splice(0)
        return { from: ranges[0]?.from, to: ranges.at(-1)?.to }
      })
      assert.deepStrictEqual(yield* passed, { from: 91, to: 1_000 })
      yield* TestClock.adjust("50 minutes")
      chain.latest = 1_010
      assert.deepStrictEqual(yield* passed, { from: 901, to: 1_010 })
      chain.latest = 1_020
      chain.final = 200
      assert.deepStrictEqual(yield* passed, { from: 911, to: 1_020 })
      yield* TestClock.adjust("10 minutes")
      assert.deepStrictEqual(yield* passed, { from: 91, to: 1_020 })
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* passed, { from: 201, to: 1_020 })
    })
  )

  test(
    "is read again from where an endpoint failed, and says so",
    Effect.gen(function* () {
      yield* register
      const { chain, read, scanners } = scannerOf([transfer(95)])
      const { run } = yield* reconcilerOf({ script, config, scanners })
      chain.fails = true
      const [failed] = (yield* run).scans
      assert.include(failed, { error: "host#0 cannot be reached", from_block: null })
      chain.fails = false
      chain.latest = 130
      chain.final = 120
      const [report] = (yield* run).scans
      assert.deepStrictEqual(read[0], { from: 91, to: 100 })
      assert.include(report, { missed: 1, to_block: 130 })
    })
  )

  test(
    "is read by one instance at a time, and by another if that one was lost with it",
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      yield* register
      const { read, scanners } = scannerOf([transfer(95)])
      const { run } = yield* reconcilerOf({ script, config, scanners })
      yield* run
      yield* sql`
        UPDATE scan_cursors SET claimed_by = 'reconciler:lost',
          claimed_until = ${new Date(5 * 60_000)}`
      read.splice(0)
      assert.deepStrictEqual((yield* run).scans, [])
      assert.deepStrictEqual(read, [])
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual((yield* run).scans.length, 1)
    })
  )

  test(
    "makes no second deposit when the webhook comes after all, whoever is first and by whatever index",
    Effect.gen(function* () {
      yield* register
      const twin = transfer(95, { transfer_index: 1 })
      const { scanners } = scannerOf([transfer(95), twin])
      const instances = yield* Effect.forEach(["one", "two"], (name) =>
        reconcilerOf({ script, config, scanners, actor: `reconciler:${name}` })
      )
      yield* Effect.all(
        [
          ...instances.map(({ run }) => Effect.asVoid(run)),
          Effect.asVoid(receive([received(transfer(95).claim), received(twin.claim)]))
        ],
        { concurrency: "unbounded" }
      )
      yield* Effect.forEach(instances, ({ run }) => run)
      assert.strictEqual((yield* jobs).length, 2)
    })
  )

  test(
    "reminds of a deposit that has ended without a credit, when its transfer is there after all",
    Effect.gen(function* () {
      yield* register
      const found = transfer(95)
      yield* receive([received({ ...found.claim, transfer_index: null })])
      let isMined = false
      const notFound: Verdict = { _tag: "NotFound", head: 1_000_000, evidence: {} }
      const mined: Script = (claim) => (isMined ? confirmAll(claim) : Effect.succeed(notFound))
      const transfers: Array<ScannedTransfer> = []
      const { scanners } = scannerOf(transfers)
      const { run } = yield* reconcilerOf({ script: mined, config, scanners })
      yield* TestClock.adjust("20 days")
      assert.include(yield* run, { rejected: 1 })
      isMined = true
      yield* TestClock.adjust("10 minutes")
      // Without the scan it would not be looked at for days.
      assert.include(yield* run, { recovered: 0 })
      transfers.push(found)
      const passes = yield* Effect.replicateEffect(run, 2)
      assert.strictEqual(
        passes.reduce((sum, { recovered }) => sum + recovered, 0),
        1
      )
      assert.strictEqual((yield* jobs).length, 1)
    })
  )

  test(
    "gives deposits of the environment that it is watched in",
    Effect.gen(function* () {
      yield* register
      const sources = new Map(
        ["production", "staging"].map((name) => [SourceId.make(name), sourceIn(name, name)])
      )
      const staging = { watch_environment: Environment.make("staging") }
      for (const [changes, environments] of [
        [{}, []],
        [staging, ["staging"]]
      ] as const) {
        const { scanners } = scannerOf([transfer(95)])
        const { run } = yield* reconcilerOf({
          script,
          scanners,
          config: { ...configOf(changes), sources }
        })
        yield* run
        assert.deepStrictEqual(
          (yield* jobs).map(({ environment }) => environment),
          [...environments]
        )
      }
    })
  )

  test(
    "is read from and to the blocks that a person names, without moving where it goes on",
    Effect.gen(function* () {
      yield* register
      const { read, scanners } = scannerOf([transfer(12), transfer(31)])
      const reconciler = yield* reconcilerOf({ script, config, scanners })
      yield* reconciler.run
      read.splice(0)
      const report = yield* reconciler.backfill(localchain, { from: 5, to: 30 }) ?? assert.fail()
      assert.deepStrictEqual(read, [
        { from: 5, to: 14 },
        { from: 15, to: 24 },
        { from: 25, to: 30 }
      ])
      assert.include(report, { from_block: 5, to_block: 30, missed: 1 })
      const sql = yield* PgClient.PgClient
      const [cursor] = yield* sql<{ scanned_to: string }>`SELECT scanned_to::text FROM scan_cursors`
      assert.deepStrictEqual(cursor, { scanned_to: "90" })
    })
  )
})
