/** Transfers of which no webhook told become deposits, each once, however often and by whomever they are read. */
import { PgClient } from "@effect/sql-pg"
import { assert, describe } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { Addresses } from "../../src/addresses/addresses.ts"
import { AccountReference } from "../../src/addresses/registration.ts"
import type { BlockRange, ChainScanner, ScannedTransfer } from "../../src/chains/scanner.ts"
import { RpcFailure, type Verdict } from "../../src/chains/validator.ts"
import type { ChainConfig } from "../../src/config/chain-config.ts"
import type { SurehookConfig } from "../../src/config/surehook-config.ts"
import { Amount } from "../../src/domain/amount.ts"
import { Address, TxHash } from "../../src/domain/chain.ts"
import { Environment, SourceId, TenantId, TokenSymbol } from "../../src/domain/ids.ts"
import { localchain, receive, received } from "../deposits/jobs.ts"
import { confirmAll, type Script } from "../support/scripted-validator.ts"
import { unreachableChain } from "../support/service.ts"
import { reconcilerOf, test } from "./reconciling.ts"

const ours = Address.make(`0x${"aa".repeat(20)}`)
const alsoOurs = Address.make(`0x${"bb".repeat(20)}`)
const usdc = TokenSymbol.make("USDC")

const chain: ChainConfig = {
  ...unreachableChain,
  name: localchain,
  watch: true,
  tokens: new Map([
    [
      usdc,
      {
        _tag: "Contract",
        contract: Address.make(`0x${"cc".repeat(20)}`),
        decimals: 6,
        large_above: Amount.make("100"),
        large_confirmations: 3
      }
    ]
  ])
}

const sourceIn = (environment: string, id: string) => ({
  id: SourceId.make(id),
  tenant_id: TenantId.make("acme"),
  environment: Environment.make(environment),
  provider: "standard",
  secrets: [Redacted.make("secret")]
})

const configOf = (changes: Partial<ChainConfig> = {}): SurehookConfig["Service"] => ({
  sources: new Map([[SourceId.make("main"), sourceIn("production", "main")]]),
  chains: new Map([[localchain, { ...chain, ...changes }]]),
  apiTokens: []
})

const register = Effect.gen(function* () {
  yield* (yield* Addresses).register(
    [ours, alsoOurs].map((address) => ({
      tenant_id: TenantId.make("acme"),
      chain: localchain,
      address,
      account_reference: AccountReference.make("customer-1")
    })),
    "test"
  )
})

const transfer = (block_number: number, fields: Partial<ScannedTransfer["claim"]> = {}) => ({
  block_number,
  claim: {
    chain: localchain,
    tx_hash: TxHash.make(`0x${block_number.toString(16).padStart(64, "0")}`),
    token: usdc,
    amount: Amount.make("1.5"),
    to_address: ours,
    transfer_index: 0,
    ...fields
  }
})

/** A chain of the test's own making, which notes what of it was read. */
const scannerOf = (transfers: Array<ScannedTransfer>) => {
  const read: Array<BlockRange> = []
  const chain = { latest: 100, final: 90, fails: false }
  const scanner: ChainScanner = {
    maxBlocks: 10,
    heads: Effect.sync(() => ({ latest: chain.latest, final: chain.final })),
    scan: (range, addresses) =>
      Effect.suspend(() => {
        if (chain.fails) {
          return Effect.fail(
            new RpcFailure({
              chain: localchain,
              endpoint: "host#0",
              message: "host#0 cannot be reached",
              retry_after_ms: null
            })
          )
        }
        read.push(range)
        return Effect.succeed(
          transfers.filter(
            ({ block_number, claim }) =>
              block_number >= range.from &&
              block_number <= range.to &&
              addresses.has(claim.to_address)
          )
        )
      })
  }
  return { scanners: new Map([[localchain, scanner]]), read, chain }
}

const jobs = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  return yield* sql<{ source: string; tx_hash: string; priority: number; environment: string }>`
    SELECT source, tx_hash, priority, environment FROM funding_event_jobs ORDER BY tx_hash, id`
})

const config = configOf()
const script = confirmAll

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
        { chain: "localchain", from_block: 91, to_block: 100, transfers: 3, missed: 2, error: null }
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
      const notFound: Verdict = { _tag: "NotFound", evidence: {} }
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
      assert.include(yield* run, { recovered: 1 })
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
