import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { assumedBlocksToL1 } from "../../../src/chains/starknet/finality.ts"
import { transferSelector } from "../../../src/chains/starknet/matching.ts"
import { feeToken, sequencer } from "../../../src/demo/starknet/starknet-chain.ts"
import { Amount } from "../../../src/domain/amount.ts"
import {
  chainOf,
  depositAddress,
  depositor,
  otherAddress,
  spoofContract,
  strk,
  transferOf,
  usdcContract
} from "../../support/starknet.ts"
import {
  error,
  eventsAskedBy,
  filled,
  hashesOf,
  mined,
  ours,
  post,
  scanned,
  start,
  startBehindFront
} from "../../support/starknet-scanner.ts"
import { expectTag } from "../../support/verdicts.ts"

describe("a scan of Starknet", () => {
  it.effect("finds exactly the transfers that arrived, each as a claim that is confirmed", () =>
    Effect.gen(function* () {
      const { chain, scanner, validator } = yield* start()
      const first = yield* chain.send([
        transferOf({ to: depositor }),
        transferOf(),
        transferOf({ contract: spoofContract }),
        transferOf({ layout: "data", units: 2_000_000n, to: otherAddress }),
        transferOf({ contract: feeToken, units: 10n ** 18n, layout: "data" }),
        transferOf({ from: depositAddress }),
        transferOf({ units: 0n }),
        transferOf({ contract: feeToken, units: 10n ** 36n }),
        // An NFT's, of a contract that is none of ours, and of one that is.
        { from_address: spoofContract, keys: [transferSelector, "0x1", "0x2", "0x3"], data: [] },
        { from_address: usdcContract, keys: [transferSelector, "0x1", "0x2", "0x3"], data: [] },
        { from_address: usdcContract, keys: [], data: [depositAddress] },
        // Equal to the first.
        transferOf()
      ])
      const reverted = yield* chain.send([transferOf()], { revertReason: "no" })
      yield* chain.mine(2)
      const second = yield* mined(chain, transferOf({ layout: "data" }))
      yield* chain.send([transferOf()])

      const found = yield* scanner.scan({ from: 0, to: 3 }, ours)

      const two = Amount.make("2")
      const one = Amount.make("1")
      assert.sameDeepMembers(
        [...found],
        [
          scanned(1, { tx_hash: first, transfer_index: 1 }),
          scanned(1, { tx_hash: first, transfer_index: 3, amount: two, to_address: otherAddress }),
          scanned(1, { tx_hash: first, transfer_index: 4, amount: one, token: strk }),
          scanned(1, { tx_hash: first, transfer_index: 11 }),
          scanned(3, { tx_hash: second, transfer_index: 0 })
        ]
      )
      assert.notInclude(hashesOf(found), reverted)
      assert.strictEqual(found.at(-1)?.block_number, 3)
      const { tokens } = chainOf({ urls: [] })
      for (const { claim, block_number } of found) {
        const token = tokens.get(claim.token)
        assert.isDefined(token)
        const verdict = expectTag(yield* validator.verify(claim, token), "Confirmed")
        assert.strictEqual(verdict.identity.transfer_index, `event:${claim.transfer_index}`)
        assert.strictEqual(verdict.block_number, block_number)
      }
    })
  )

  it.effect("finds the same at a node that writes all digits of a felt", () =>
    Effect.gen(function* () {
      const { chain, scanner } = yield* start({}, { felts: "padded" })
      const tx_hash = yield* mined(chain, transferOf())
      assert.deepStrictEqual(yield* scanner.scan({ from: 1, to: 1 }, ours), [
        scanned(1, { tx_hash, transfer_index: 0 })
      ])
    })
  )

  it.effect("does not take the fee of a transaction that reverted for a deposit", () =>
    Effect.gen(function* () {
      const { chain, scanner } = yield* start()
      yield* chain.send([], { revertReason: "no" })
      const paid = yield* chain.send([])
      yield* chain.mine()
      const addresses = new Set([...ours, sequencer])
      assert.deepStrictEqual(hashesOf(yield* scanner.scan({ from: 1, to: 1 }, addresses)), [paid])
    })
  )

  it.effect("reads the first and the last block of its range, and none beyond", () =>
    Effect.gen(function* () {
      const { chain, scanner } = yield* start()
      const sent = yield* filled(chain, [1, 1, 1, 1, 1])
      const middle = yield* scanner.scan({ from: 2, to: 4 }, ours)
      assert.deepStrictEqual(hashesOf(middle), sent.slice(1, 4))
      assert.deepStrictEqual(
        middle.map(({ block_number }) => block_number),
        [2, 3, 4]
      )
      assert.deepStrictEqual(hashesOf(yield* scanner.scan({ from: 5, to: 5 }, ours)), sent.slice(4))
    })
  )

  it.effect("goes by block, whatever the token", () =>
    Effect.gen(function* () {
      const { chain, scanner } = yield* start()
      const sent = [
        yield* mined(chain, transferOf({ contract: feeToken })),
        yield* mined(chain, transferOf()),
        yield* mined(chain, transferOf({ contract: feeToken }))
      ]
      assert.deepStrictEqual(hashesOf(yield* scanner.scan({ from: 1, to: 3 }, ours)), sent)
    })
  )

  it.effect("of no address or of no block asks nobody", () =>
    Effect.gen(function* () {
      const { front, scanner } = yield* startBehindFront()
      assert.deepStrictEqual(yield* scanner.scan({ from: 0, to: 0 }, new Set()), [])
      assert.deepStrictEqual(yield* scanner.scan({ from: 1, to: 0 }, ours), [])
      assert.strictEqual(yield* front.requests, 0)
    })
  )

  it.effect("goes on to the last page of events", () =>
    Effect.gen(function* () {
      const { chain, front, scanner } = yield* startBehindFront()
      const sent = yield* filled(chain, [600, 600, 900, 400])
      const found = yield* scanner.scan({ from: 1, to: 4 }, ours)
      assert.strictEqual(found.length, 2500)
      assert.deepStrictEqual([...new Set(hashesOf(found))], sent)
      // Three of USDC, one of STRK.
      assert.strictEqual(yield* front.calls("starknet_getEvents"), 4)
    })
  )

  it.live("asks for smaller pages where a node says that they are too big", () =>
    Effect.gen(function* () {
      const { chain, rewrite, scanner } = yield* startBehindFront()
      const sent = yield* filled(chain, [150, 1])
      yield* rewrite((call) =>
        (eventsAskedBy(call)?.size ?? 0) > 128
          ? error(31, "Requested page size is too big")
          : undefined
      )
      const found = yield* scanner.scan({ from: 1, to: 2 }, ours)
      assert.strictEqual(found.length, 151)
      assert.deepStrictEqual([...new Set(hashesOf(found))], sent)
    })
  )

  it.live("halves a range that is refused as too large, down to one block", () =>
    Effect.forEach([1, 3], (most) =>
      Effect.gen(function* () {
        const { chain, rewrite, scanner } = yield* startBehindFront()
        const sent = yield* filled(chain, [1, 1, 0, 1, 1, 1, 1])
        const asked: Array<number> = []
        yield* rewrite((call) => {
          const range = eventsAskedBy(call)
          if (range === undefined) return undefined
          asked.push(range.to - range.from + 1)
          return range.to - range.from + 1 > most
            ? error(-32_600, "Block range is too large")
            : undefined
        })
        const found = yield* scanner.scan({ from: 1, to: 7 }, ours)
        assert.deepStrictEqual(hashesOf(found), [...sent.slice(0, 2), ...sent.slice(3)])
        assert.strictEqual(Math.max(...asked), 7)
      })
    )
  )

  it.live("fails if even one block is too large, and if a refusal is not of the range", () =>
    Effect.gen(function* () {
      const { chain, front, rewrite, scanner } = yield* startBehindFront({ threshold: 100 })
      yield* chain.mine(4)
      const scan = Effect.flip(scanner.scan({ from: 1, to: 4 }, ours))
      const smallest: Array<number> = []
      yield* rewrite((call) => {
        const range = eventsAskedBy(call)
        if (range === undefined) return undefined
        smallest.push(range.to - range.from + 1)
        return error(-32_000, "query timed out")
      })
      assert.match((yield* scan).message, /query timed out/)
      assert.include(smallest, 1)

      for (const [code, message] of [
        [24, "Block not found"],
        [33, "The supplied continuation token is invalid or unknown"],
        [34, "Too many keys provided in a filter"],
        [-32_005, "rate limit exceeded"],
        [-32_603, "Internal error"]
      ] as const) {
        smallest.length = 0
        yield* rewrite((call) => {
          const range = eventsAskedBy(call)
          if (range === undefined) return undefined
          smallest.push(range.to - range.from + 1)
          return error(code, message)
        })
        const failure = yield* scan
        assert.strictEqual(failure._tag, "RpcFailure")
        assert.include(failure.message, message)
        assert.deepStrictEqual([...new Set(smallest)], [4])
      }
      yield* front.setMode({ _tag: "Forward" })
      assert.deepStrictEqual(yield* scanner.scan({ from: 1, to: 4 }, ours), [])
    })
  )
})

describe("the heads of Starknet", () => {
  it.effect("are the newest block, and the newest one accepted on L1", () =>
    Effect.gen(function* () {
      const { chain, scanner } = yield* start()
      yield* chain.mine(5)
      yield* chain.acceptOnL1(3)
      assert.deepStrictEqual(yield* scanner.heads, { latest: 5, final: 3 })
    })
  )

  it.effect("lie hours apart where a node does not know what is accepted on L1", () =>
    Effect.gen(function* () {
      const { rewrite, scanner } = yield* startBehindFront()
      for (const [code, latest, final] of [
        [-32_602, 50_000, 50_000 - assumedBlocksToL1],
        [24, 50_001, 50_001 - assumedBlocksToL1]
      ] as const) {
        yield* rewrite(({ method }) =>
          method === "starknet_blockNumber"
            ? { result: latest }
            : method === "starknet_getBlockWithTxHashes"
              ? error(code, "no such block")
              : undefined
        )
        assert.deepStrictEqual(yield* scanner.heads, { latest, final })
      }
    })
  )

  it.effect("are never below the chain's first block", () =>
    Effect.gen(function* () {
      const { chain, rewrite, scanner } = yield* startBehindFront()
      yield* chain.mine(3)
      yield* rewrite(({ method }) =>
        method === "starknet_getBlockWithTxHashes" ? error(-32_602, "Invalid params") : undefined
      )
      assert.deepStrictEqual(yield* scanner.heads, { latest: 3, final: 0 })
    })
  )

  it.live("are not guessed when a node ails, nor taken from a block that is not on L1", () =>
    Effect.gen(function* () {
      const { chain, url, rewrite, scanner } = yield* startBehindFront()
      yield* chain.mine(3)
      const block = yield* post(url, "starknet_getBlockWithTxHashes", ["latest"])
      for (const [answer, message] of [
        [error(-32_603, "Internal error"), /Internal error/],
        [{ result: block }, /a block that is not accepted on L1/]
      ] as const) {
        yield* rewrite(({ method }) =>
          method === "starknet_getBlockWithTxHashes" ? answer : undefined
        )
        const failure = yield* Effect.flip(scanner.heads)
        assert.strictEqual(failure._tag, "RpcFailure")
        assert.match(failure.message, message)
      }
    })
  )
})
