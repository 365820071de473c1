/** What a scan finds is credited in the end, whatever the deposits beside it have come to. */
import { PgClient } from "@effect/sql-pg"
import { assert, describe } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { TestClock } from "effect/testing"
import type { ChainScanner } from "../../src/chains/scanner.ts"
import { CircuitsOpen, RpcFailure, RpcRefused, type Verdict } from "../../src/chains/validator.ts"
import { Deposits } from "../../src/deposits/deposits.ts"
import type { Job } from "../../src/deposits/job.ts"
import { claimOf } from "../../src/deposits/job-claim.ts"
import { type Address, ChainName } from "../../src/domain/chain.ts"
import type { TransferClaim } from "../../src/domain/transfer.ts"
import { addressUnknown, type Finding } from "../../src/settlement/finding.ts"
import { Settlement } from "../../src/settlement/settlement.ts"
import { localchain, newJobs, received } from "../deposits/jobs.ts"
import { confirmAll, type Script } from "../support/scripted-validator.ts"
import { passTimeUntil } from "../workers/passing-time.ts"
import { balanceOf, confirmedAs, reconcilerOf, stateOf, test, typesOf } from "./reconciling.ts"
import {
  chain,
  config,
  jobs,
  ours,
  register,
  scannerOf,
  script,
  transfer
} from "./watched-chain.ts"

const worker = "w1"

/** Leases all that is due to a worker. */
const claimAll = Effect.gen(function* () {
  const deposits = yield* Deposits
  return yield* deposits.claim({
    worker,
    chains: [localchain],
    limit: 10,
    lease: Duration.minutes(1)
  })
})

const settle = (job: Job, finding: Finding) =>
  Effect.flatMap(Settlement, (settlement) =>
    settlement.settle(`worker:${worker}`, [{ job, finding }])
  )

const only = <A>([first]: ReadonlyArray<A>): A => first ?? assert.fail("there is none")

const at = (claim: TransferClaim, transfer_index: string, block_hash: string, isFinal = true) =>
  confirmedAs(claim, {
    identity: { chain: claim.chain, tx_hash: claim.tx_hash, transfer_index },
    block_hash,
    finality: isFinal ? "final" : "watching"
  })

const creditedAs = (verdict: Verdict): Finding =>
  verdict._tag === "Confirmed" ? { _tag: "Confirmed", verdict } : assert.fail()

/** As the validators of chains that tell transfers apart: it does not guess which of two is meant. */
const ambiguousWithoutIndex: Script = (claim) =>
  Effect.succeed(
    claim.transfer_index === null
      ? {
          _tag: "Mismatch",
          reason: "ambiguous: 2 identical transfers",
          expected: {},
          found: {},
          evidence: {}
        }
      : at(claim, `log:${claim.transfer_index}`, "0xa")
  )

const ambiguous: Finding = {
  _tag: "Failure",
  error_type: "permanent",
  error: "ambiguous",
  retry_after: null,
  evidence: null
}

describe("a transfer that a scan has found", () => {
  test(
    "is credited although the first looks at it fail, and whatever had dead-lettered it",
    Effect.gen(function* () {
      yield* register
      const found = transfer(95)
      const job = only(yield* newJobs([received(found.claim)]))
      yield* settle(only(yield* claimAll), addressUnknown)
      assert.strictEqual(yield* stateOf(job), "dlq")
      let isDown = true
      const { chain: now, scanners } = scannerOf([found])
      const { run } = yield* reconcilerOf({
        script: (claim) =>
          isDown
            ? Effect.fail(
                new CircuitsOpen({ chain: localchain, message: "no calls now", retry_after_ms: 1 })
              )
            : confirmAll(claim),
        config,
        scanners
      })
      yield* run
      // Final by now, and not read again.
      now.latest = 300
      now.final = 290
      for (const _ of [1, 2, 3]) {
        yield* run
        yield* TestClock.adjust("10 minutes")
      }
      isDown = false
      yield* TestClock.adjust("1 hour")
      yield* run
      assert.strictEqual(yield* stateOf(job), "completed.final")
    })
  )

  test(
    "is not taken for another of the same amount, of which a claim without an index cannot say which it means",
    Effect.gen(function* () {
      yield* register
      const twins = [0, 1].map((transfer_index) => transfer(95, { transfer_index }))
      const job = only(yield* newJobs([received({ ...twins[0]?.claim, transfer_index: null })]))
      yield* settle(only(yield* claimAll), ambiguous)
      const { scanners } = scannerOf(twins)
      const { run } = yield* reconcilerOf({ script: ambiguousWithoutIndex, config, scanners })
      yield* Effect.replicateEffect(Effect.andThen(TestClock.adjust("1 hour"), run), 3)
      assert.strictEqual((yield* jobs).length, 3)
      assert.strictEqual(yield* balanceOf(job), "3")
    })
  )

  test(
    "is credited for the claim that rested on a credit which was taken back, without any scan",
    Effect.gen(function* () {
      const claim = transfer(95, { transfer_index: 3 }).claim
      const [named, unnamed] = yield* newJobs([
        received(claim),
        received({ ...claim, transfer_index: null })
      ])
      if (named === undefined || unnamed === undefined) return assert.fail()
      const held = yield* claimAll
      for (const { id } of [named, unnamed]) {
        const job = only(held.filter((one) => one.id === id))
        yield* settle(job, creditedAs(at(claimOf(job), "log:3", "0xa", false)))
      }
      const { run } = yield* reconcilerOf({
        script: (asked) =>
          Effect.succeed(
            asked.transfer_index === 3
              ? {
                  _tag: "Mismatch",
                  reason: "log 3 is not an ERC-20 transfer",
                  expected: {},
                  found: {},
                  evidence: { block_hash: "0xc" }
                }
              : at(asked, "log:2", "0xc")
          )
      })
      yield* Effect.replicateEffect(Effect.andThen(TestClock.adjust("1 hour"), run), 4)
      assert.deepStrictEqual(yield* typesOf(unnamed.id), [
        "deposit.received",
        "processing.started",
        "deposit.already_credited",
        "credit.reversed",
        "reconciliation.confirmed",
        "deposit.credited"
      ])
      assert.strictEqual(yield* balanceOf(named), "1.5")
    })
  )

  test(
    "is credited where a reorganisation has moved it in its transaction, and what claimed it before stays without",
    Effect.gen(function* () {
      yield* register
      const before = transfer(95, { transfer_index: 3 })
      const [named, unnamed] = yield* newJobs([
        received(before.claim),
        received({ ...before.claim, transfer_index: null })
      ])
      if (named === undefined || unnamed === undefined) return assert.fail()
      const held = yield* claimAll
      for (const { id } of [named, unnamed]) {
        const job = only(held.filter((one) => one.id === id))
        yield* settle(job, creditedAs(at(claimOf(job), "log:3", "0xa", false)))
      }
      assert.strictEqual(yield* stateOf(unnamed), "completed.final")

      const elsewhere: Verdict = {
        _tag: "Mismatch",
        reason: "log 3 is not an ERC-20 transfer",
        expected: {},
        found: {},
        evidence: { block_hash: "0xc" }
      }
      const { scanners } = scannerOf([
        transfer(96, { tx_hash: before.claim.tx_hash, transfer_index: 2 })
      ])
      const { run } = yield* reconcilerOf({
        script: (claim) =>
          Effect.succeed(claim.transfer_index === 3 ? elsewhere : at(claim, "log:2", "0xc")),
        config,
        scanners
      })
      yield* Effect.replicateEffect(Effect.andThen(TestClock.adjust("1 hour"), run), 5)
      assert.strictEqual(yield* stateOf(named), "failed.settled")
      assert.strictEqual(yield* balanceOf(named), "1.5")
    })
  )
})

const tooLarge = new RpcRefused({
  chain: localchain,
  endpoint: "host#0",
  message: "too many results",
  about: "answer_size"
})

/** Of 64 blocks, one of which nobody gives away for these. */
const dustyScanner = (
  dusty: (addresses: ReadonlySet<Address>) => boolean,
  dustyBlock: number,
  transfers: ReadonlyArray<ReturnType<typeof transfer>>
): ChainScanner => ({
  maxBlocks: 64,
  heads: Effect.succeed({ latest: 154, final: 90 }),
  scan: ({ from, to }, addresses) =>
    from <= dustyBlock && dustyBlock <= to && dusty(addresses)
      ? Effect.fail(tooLarge)
      : Effect.succeed(
          transfers.filter(
            ({ block_number, claim }) =>
              block_number >= from && block_number <= to && addresses.has(claim.to_address)
          )
        )
})

describe("a scan", () => {
  test(
    "leaves out what is too large to be read and nothing else, and says so",
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      yield* register
      const transfers = [transfer(91), transfer(120), transfer(154)]
      const scanner = dustyScanner((addresses) => addresses.has(ours), 120, transfers)
      const { run } = yield* reconcilerOf({
        script,
        config,
        scanners: new Map([[localchain, scanner]])
      })
      const [report] = (yield* run).scans
      assert.include(report, { from_block: 91, to_block: 154, missed: 2, left_out: 1, error: null })
      const told = yield* sql<{ details: unknown }>`
        SELECT details FROM audit_logs WHERE action = 'scan_left_out'`
      assert.deepStrictEqual(
        told.map(({ details }) => details),
        [
          {
            chain: localchain,
            from_block: 120,
            to_block: 120,
            address_count: 1,
            addresses: [ours],
            reason: "too many results"
          }
        ]
      )
    })
  )

  test(
    "leaves out a block that nobody gives away at all",
    Effect.gen(function* () {
      yield* register
      const scanner = dustyScanner(() => true, 100, [transfer(99), transfer(100), transfer(101)])
      const { run } = yield* reconcilerOf({
        script,
        config,
        scanners: new Map([[localchain, scanner]])
      })
      const [report] = (yield* run).scans
      assert.include(report, { to_block: 154, missed: 2, left_out: 2 })
    })
  )

  test(
    "of one chain that breaks down says why, and keeps no other from being read",
    Effect.gen(function* () {
      yield* register
      const other = ChainName.make("other")
      const broken: ChainScanner = {
        maxBlocks: 10,
        heads: Effect.die(new Error("a bug")),
        scan: () => Effect.succeed([])
      }
      const { scanners } = scannerOf([transfer(95)])
      const { run } = yield* reconcilerOf({
        script,
        config: {
          ...config,
          chains: new Map([...config.chains, [other, { ...chain, name: other }]])
        },
        scanners: new Map([[other, broken], ...scanners])
      })
      const { scans } = yield* run
      assert.deepStrictEqual(
        scans.map(({ chain, error, missed }) => [chain, missed, error]),
        [
          [other, 0, "a bug"],
          [localchain, 1, null]
        ]
      )
    })
  )

  test(
    "of a chain that began anew says so, and reads nothing",
    Effect.gen(function* () {
      yield* register
      const { chain: now, read, scanners } = scannerOf([])
      const { run } = yield* reconcilerOf({ script, config, scanners })
      now.latest = 1_000_000
      now.final = 999_000
      yield* run
      read.splice(0)
      now.latest = 100
      now.final = 90
      const [report] = (yield* run).scans
      assert.match(
        report?.error ?? "",
        /all up to 999000 were read before.*DELETE FROM scan_cursors/
      )
      assert.deepStrictEqual(read, [])
    })
  )

  test(
    "stops short of the newest blocks where the endpoint that is asked does not have them yet",
    Effect.gen(function* () {
      yield* register
      const { chain: now, scanners } = scannerOf([transfer(95), transfer(160)])
      now.latest = 160
      const ahead = only([...scanners.values()])
      const behind: ChainScanner = {
        ...ahead,
        maxBlocks: 100,
        scan: (range, addresses) =>
          range.to > 150
            ? Effect.fail(
                new RpcFailure({
                  chain: localchain,
                  endpoint: "host#0",
                  message: "host#0 has no block 160 yet",
                  retry_after_ms: null
                })
              )
            : ahead.scan(range, addresses)
      }
      const { run } = yield* reconcilerOf({
        script,
        config,
        scanners: new Map([[localchain, behind]])
      })
      const [report] = (yield* run).scans
      assert.include(report, { from_block: 91, to_block: 128, missed: 1, error: null })
    })
  )

  test(
    "that takes long keeps no credit from being reversed",
    Effect.gen(function* () {
      yield* register
      const job = only(yield* newJobs([received(transfer(95).claim)]))
      const held = only(yield* claimAll)
      yield* settle(held, creditedAs(at(claimOf(held), "log:0", "0xa", false)))
      const endless: ChainScanner = {
        maxBlocks: 10,
        heads: Effect.succeed({ latest: 100, final: 90 }),
        scan: () => Effect.never
      }
      const reconciler = yield* reconcilerOf({
        script: () => Effect.succeed({ _tag: "NotFound", head: 1_000, evidence: {} }),
        config,
        scanners: new Map([[localchain, endless]])
      })
      yield* reconciler.start
      yield* passTimeUntil([job.id], ({ state }) => state.sub_state === "settled", "5 minutes")
    })
  )
})
