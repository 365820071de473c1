import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Schema } from "effect"
import { TestClock } from "effect/testing"
import { startRpcFront } from "../../../src/demo/rpc-front.ts"
import {
  type Action,
  feeToken,
  freshHash,
  type SendOptions
} from "../../../src/demo/starknet/starknet-chain.ts"
import { Amount } from "../../../src/domain/amount.ts"
import { canonicalAddress, TxHash } from "../../../src/domain/chain.ts"
import { TokenSymbol } from "../../../src/domain/ids.ts"
import {
  chainName,
  claimOf,
  depositAddress,
  depositor,
  native,
  openValidator,
  otherAddress,
  spoofContract,
  startChain,
  strk,
  transferOf,
  usdcContract,
  type ValidatorOptions
} from "../../support/starknet.ts"
import { expectTag, isMismatchBecause } from "../../support/verdicts.ts"

const amount = (text: string) => Amount.make(text)

/** A chain, and a validator that asks it. */
const start = (options: Omit<ValidatorOptions, "urls"> = {}) =>
  Effect.gen(function* () {
    const { chain, url } = yield* startChain()
    return { chain, url, validator: yield* openValidator({ urls: [url], ...options }) }
  })

/** The same with a front between the two that can lie. */
const startBehindFront = (options: Omit<ValidatorOptions, "urls"> = {}) =>
  Effect.gen(function* () {
    const { chain, url } = yield* startChain()
    const front = yield* startRpcFront(url)
    return { chain, front, validator: yield* openValidator({ urls: [front.url], ...options }) }
  })

/** Sends a transaction to a chain with a validator, and puts it into a block. */
const mined = (actions: ReadonlyArray<Action>, options: SendOptions = {}) =>
  Effect.gen(function* () {
    const started = yield* start()
    const tx_hash = yield* started.chain.send(actions, options)
    yield* started.chain.mine()
    return { ...started, tx_hash }
  })

const call = (url: string, method: string, params: ReadonlyArray<Schema.Json>) =>
  Effect.promise(async () => {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params })
    const response = await fetch(url, { method: "POST", body })
    return await response.json()
  }).pipe(
    Effect.flatMap(Schema.decodeUnknownEffect(Schema.Struct({ result: Schema.JsonObject }))),
    Effect.map(({ result }) => result)
  )

describe("a deposit on Starknet", () => {
  it.effect("is confirmed when its event matches in every part", () =>
    Effect.gen(function* () {
      const { chain, validator, tx_hash } = yield* mined([transferOf()])
      const state = yield* chain.state

      const verdict = expectTag(yield* validator.verify(claimOf({ tx_hash })), "Confirmed")

      assert.deepStrictEqual(verdict.identity, {
        chain: chainName,
        tx_hash,
        transfer_index: "event:0"
      })
      assert.strictEqual(verdict.amount, "1.5")
      assert.strictEqual(verdict.block_number, 1)
      assert.strictEqual(verdict.block_hash, state.blocks[1]?.hash)
      assert.strictEqual(verdict.confirmations, 1)
      assert.strictEqual(verdict.finality, "watching")
      assert.deepInclude(verdict.evidence, {
        tx_hash,
        head: 1,
        block_number: 1,
        execution_status: "SUCCEEDED",
        finality_status: "ACCEPTED_ON_L2"
      })
      assert.deepStrictEqual(verdict.evidence.transfer, {
        place: "event 0",
        event_index: 0,
        contract: usdcContract,
        from: depositor,
        to: depositAddress,
        units: "1500000"
      })
      yield* Schema.decodeUnknownEffect(Schema.JsonObject)(verdict.evidence)
    })
  )

  it.effect(
    "is found in the data of an older contract's event as in the keys of a newer one's",
    () =>
      Effect.gen(function* () {
        const older = yield* mined([transferOf({ layout: "data" })])
        const verdict = yield* older.validator.verify(claimOf({ tx_hash: older.tx_hash }))
        assert.deepInclude(expectTag(verdict, "Confirmed").evidence.transfer, {
          from: depositor,
          to: depositAddress,
          units: "1500000"
        })
      })
  )

  it.effect("that only calls itself USDC is never credited", () =>
    Effect.gen(function* () {
      const spoofed = transferOf({ contract: spoofContract })
      const { validator, tx_hash } = yield* mined([spoofed])
      const plain = yield* validator.verify(claimOf({ tx_hash }))
      const indexed = yield* validator.verify(claimOf({ tx_hash, transfer_index: 0 }))
      isMismatchBecause(plain, new RegExp(`emitted by ${spoofContract}.*a symbol proves nothing`))
      isMismatchBecause(indexed, new RegExp(`emitted by ${spoofContract}`))
    })
  )

  it.effect("whose transaction reverted is not credited, though it has a receipt", () =>
    Effect.gen(function* () {
      const revertReason = `insufficient balance${"!".repeat(10_000)}`
      const { validator, tx_hash } = yield* mined([transferOf()], { revertReason })
      const verdict = expectTag(yield* validator.verify(claimOf({ tx_hash })), "Reverted")
      assert.strictEqual(verdict.evidence.execution_status, "REVERTED")
      const shown = String(verdict.evidence.revert_reason)
      assert.match(shown, /^insufficient balance!/)
      assert.isAtMost(shown.length, 300)
    })
  )

  it.effect(
    "whose transaction reverted is not credited, even if its receipt shows a transfer",
    () =>
      Effect.gen(function* () {
        const { chain, front, validator } = yield* startBehindFront()
        const tx_hash = yield* chain.send([transferOf()])
        yield* chain.mine()
        const receipt = yield* call(front.url, "starknet_getTransactionReceipt", [tx_hash])
        yield* front.setMode({
          _tag: "Rewrite",
          rewrite: ({ method }) =>
            method === "starknet_getTransactionReceipt"
              ? { result: { ...receipt, execution_status: "REVERTED" } }
              : undefined
        })
        const verdict = expectTag(yield* validator.verify(claimOf({ tx_hash })), "Reverted")
        assert.isNull(verdict.evidence.revert_reason)
      })
  )

  it.effect("that went to another address is not credited", () =>
    Effect.gen(function* () {
      const { validator, tx_hash } = yield* mined([transferOf({ to: otherAddress })])
      const verdict = yield* validator.verify(claimOf({ tx_hash }))
      isMismatchBecause(verdict, new RegExp(`it went to ${otherAddress}, not to ${depositAddress}`))
    })
  )

  it.effect("of another amount is not credited, be it more or less by a millionth", () =>
    Effect.gen(function* () {
      const { validator, tx_hash } = yield* mined([transferOf()])
      for (const wrong of ["1.500001", "1.499999", "15", "1.5000000000000001"]) {
        const verdict = yield* validator.verify(claimOf({ tx_hash, amount: amount(wrong) }))
        const mismatch = isMismatchBecause(verdict, new RegExp(`it moved 1.5 USDC, not ${wrong}`))
        assert.deepStrictEqual(mismatch.expected, {
          token: "USDC",
          contract: usdcContract,
          to: depositAddress,
          amount: wrong,
          transfer_index: null
        })
        assert.strictEqual(mismatch.found.transfer_count, 1)
      }
    })
  )

  it.effect("with an amount in the high half of its u256 is no match, and no crash", () =>
    Effect.gen(function* () {
      const units = 2n ** 128n + 1_500_000n
      const { validator, tx_hash } = yield* mined([transferOf({ units })])
      const verdict = yield* validator.verify(claimOf({ tx_hash }))
      isMismatchBecause(verdict, new RegExp(`it moved ${units} units USDC, not 1.5`))
    })
  )

  it.effect("from an address to itself brings nothing and is not credited", () =>
    Effect.gen(function* () {
      const { validator, tx_hash } = yield* mined([transferOf({ from: depositAddress })])
      isMismatchBecause(yield* validator.verify(claimOf({ tx_hash })), /to itself/)
    })
  )

  it.effect("is not taken from an event that is no transfer", () =>
    Effect.gen(function* () {
      const approval = { from_address: usdcContract, keys: ["0x134"], data: ["0x1", "0x2"] }
      const { validator, tx_hash } = yield* mined([approval, transferOf()])
      const named = yield* validator.verify(claimOf({ tx_hash, transfer_index: 0 }))
      const right = yield* validator.verify(claimOf({ tx_hash, transfer_index: 1 }))
      const beyond = yield* validator.verify(claimOf({ tx_hash, transfer_index: 3 }))
      const plain = yield* validator.verify(claimOf({ tx_hash }))
      isMismatchBecause(named, /event 0 of the transaction is not an ERC-20 transfer/)
      isMismatchBecause(beyond, /the transaction has no event 3/)
      assert.strictEqual(expectTag(right, "Confirmed").identity.transfer_index, "event:1")
      assert.strictEqual(expectTag(plain, "Confirmed").identity.transfer_index, "event:1")
    })
  )

  it.effect("is found by its amount or its index among several in one transaction", () =>
    Effect.gen(function* () {
      const { validator, tx_hash } = yield* mined([
        transferOf({ units: 1_000_000n }),
        transferOf({ units: 2_000_000n, to: otherAddress }),
        transferOf({ units: 3_000_000n, layout: "data" })
      ])
      const one = yield* validator.verify(claimOf({ tx_hash, amount: amount("1") }))
      const two = yield* validator.verify(claimOf({ tx_hash, amount: amount("2") }))
      const three = yield* validator.verify(
        claimOf({ tx_hash, amount: amount("3"), transfer_index: 2 })
      )
      const wrong = yield* validator.verify(
        claimOf({ tx_hash, amount: amount("3"), transfer_index: 0 })
      )
      assert.strictEqual(expectTag(one, "Confirmed").identity.transfer_index, "event:0")
      isMismatchBecause(two, /no transfer of 2 USDC/)
      assert.strictEqual(expectTag(three, "Confirmed").identity.transfer_index, "event:2")
      isMismatchBecause(wrong, /event 0 is not the claimed transfer: it moved 1 USDC, not 3/)
    })
  )

  it.effect("is never guessed from two identical ones: only an index tells them apart", () =>
    Effect.gen(function* () {
      const { validator, tx_hash } = yield* mined([transferOf(), transferOf()])
      const guess = yield* validator.verify(claimOf({ tx_hash }))
      const first = yield* validator.verify(claimOf({ tx_hash, transfer_index: 0 }))
      const second = yield* validator.verify(claimOf({ tx_hash, transfer_index: 1 }))
      isMismatchBecause(guess, /ambiguous: 2 identical transfers .* send transfer_index/)
      assert.strictEqual(expectTag(first, "Confirmed").identity.transfer_index, "event:0")
      assert.strictEqual(expectTag(second, "Confirmed").identity.transfer_index, "event:1")
    })
  )

  it.effect("is the same however many leading zeros a node puts before its felts", () =>
    Effect.gen(function* () {
      const { chain, url } = yield* startChain({ felts: "padded" })
      const validator = yield* openValidator({ urls: [url] })
      const tx_hash = yield* chain.send([transferOf()])
      yield* chain.mine()
      const verdict = expectTag(yield* validator.verify(claimOf({ tx_hash })), "Confirmed")
      assert.strictEqual(verdict.identity.tx_hash, tx_hash)
      assert.strictEqual(verdict.block_hash, canonicalAddress("starknet", verdict.block_hash))
      assert.deepInclude(verdict.evidence.transfer, { contract: usdcContract, to: depositAddress })
    })
  )

  it.effect("of STRK is that of its contract, as there is no native coin", () =>
    Effect.gen(function* () {
      const units = 3n * 10n ** 18n
      const { validator, tx_hash } = yield* mined([transferOf({ contract: feeToken, units })])
      const claim = claimOf({ tx_hash, token: strk, amount: amount("3") })
      expectTag(yield* validator.verify(claim), "Confirmed")
    })
  )

  it.effect("of a token that is configured as native is refused with what to do", () =>
    Effect.gen(function* () {
      const { validator, tx_hash } = yield* mined([transferOf()])
      const verdict = yield* validator.verify(claimOf({ tx_hash, token: native }))
      isMismatchBecause(verdict, /ETH is native .* name its contract there and replay/)
    })
  )

  it.effect(
    "that surehook.yaml does not name is not credited, and the reason says what to do",
    () =>
      Effect.gen(function* () {
        const { validator, tx_hash } = yield* mined([transferOf()])
        const token = TokenSymbol.make("DOGE")
        const verdict = yield* validator.verify(claimOf({ tx_hash, token }))
        isMismatchBecause(verdict, /DOGE is not among the tokens of starknet.*replay/)
      })
  )
})

describe("a deposit on Starknet that is not settled", () => {
  it.effect("is not found when no node knows its transaction", () =>
    Effect.gen(function* () {
      const { validator } = yield* start()
      const verdict = yield* validator.verify(claimOf({ tx_hash: freshHash() }))
      assert.deepInclude(expectTag(verdict, "NotFound").evidence, { head: 0, status: null })
    })
  )

  it.effect("is not found when an older node says that the sequencer rejected it", () =>
    Effect.gen(function* () {
      const { front, validator } = yield* startBehindFront()
      yield* front.setMode({
        _tag: "Rewrite",
        rewrite: ({ method }) =>
          method === "starknet_getTransactionStatus"
            ? { result: { finality_status: "REJECTED" } }
            : undefined
      })
      const verdict = yield* validator.verify(claimOf({ tx_hash: freshHash() }))
      assert.strictEqual(expectTag(verdict, "NotFound").evidence.status, "REJECTED")
    })
  )

  for (const status of ["RECEIVED", "CANDIDATE", "PRE_CONFIRMED"] as const) {
    it.effect(`never credits while it is ${status}`, () =>
      Effect.gen(function* () {
        const { chain, validator } = yield* start({ confirmations: 3 })
        const safe = yield* start()
        const tx_hash = yield* chain.send([transferOf()], { status })
        const verdict = expectTag(yield* validator.verify(claimOf({ tx_hash })), "NotFinal")
        assert.strictEqual(verdict.confirmations_seen, 0)
        assert.strictEqual(verdict.confirmations_needed, 3)
        assert.match(String(verdict.reason), new RegExp(status))

        const same = yield* safe.chain.send([transferOf()], { status })
        const unsafe = yield* safe.validator.verify(claimOf({ tx_hash: same }))
        assert.strictEqual(expectTag(unsafe, "NotFinal").confirmations_needed, 1)
        yield* safe.chain.mine()
        expectTag(yield* safe.validator.verify(claimOf({ tx_hash: same })), "Confirmed")
      })
    )
  }

  it.effect("never credits from an older node's pending block, which calls itself accepted", () =>
    Effect.gen(function* () {
      const { chain, front, validator } = yield* startBehindFront()
      const tx_hash = yield* chain.send([transferOf()])
      yield* chain.mine()
      const receipt = yield* call(front.url, "starknet_getTransactionReceipt", [tx_hash])
      const pretend = (changes: Schema.JsonObject) =>
        front.setMode({
          _tag: "Rewrite",
          rewrite: ({ method }) =>
            method === "starknet_getTransactionReceipt"
              ? { result: { ...receipt, ...changes } }
              : undefined
        })
      const { block_hash: _, block_number: __, ...pending } = receipt
      yield* front.setMode({
        _tag: "Rewrite",
        rewrite: ({ method }) =>
          method === "starknet_getTransactionReceipt" ? { result: pending } : undefined
      })
      expectTag(yield* validator.verify(claimOf({ tx_hash })), "NotFinal")
      yield* pretend({ block_hash: null })
      expectTag(yield* validator.verify(claimOf({ tx_hash })), "NotFinal")
      yield* pretend({ finality_status: "PRE_CONFIRMED" })
      expectTag(yield* validator.verify(claimOf({ tx_hash })), "NotFinal")
      yield* pretend({ finality_status: "SOME_LATER_INVENTION" })
      expectTag(yield* validator.verify(claimOf({ tx_hash })), "NotFinal")
    })
  )

  it.effect("is credited and watched once accepted on L2 where `safe` suffices, then final", () =>
    Effect.gen(function* () {
      const { chain, validator } = yield* start({ confirmations: "safe" })
      const tx_hash = yield* chain.send([transferOf()])
      yield* chain.mine()
      const verifyNow = validator.verify(claimOf({ tx_hash }))
      assert.strictEqual(expectTag(yield* verifyNow, "Confirmed").finality, "watching")
      yield* chain.mine(50)
      yield* chain.acceptOnL1(0)
      assert.strictEqual(expectTag(yield* verifyNow, "Confirmed").finality, "watching")
      yield* chain.acceptOnL1(1)
      const final = expectTag(yield* verifyNow, "Confirmed")
      assert.strictEqual(final.finality, "final")
      assert.strictEqual(final.confirmations, 51)
      assert.strictEqual(final.evidence.finality_status, "ACCEPTED_ON_L1")
    })
  )

  it.effect(
    "waits for L1 where the operator asks for `finalized`, however many blocks it takes",
    () =>
      Effect.gen(function* () {
        const { chain, validator } = yield* start({ confirmations: "finalized" })
        const tx_hash = yield* chain.send([transferOf()])
        yield* chain.mine(100)
        const verifyNow = validator.verify(claimOf({ tx_hash }))
        const waiting = expectTag(yield* verifyNow, "NotFinal")
        assert.isBelow(waiting.confirmations_seen, waiting.confirmations_needed)
        assert.match(String(waiting.reason), /not yet on L1/)
        assert.strictEqual(Duration.toMillis(waiting.look_again_after), 60_000)
        yield* chain.acceptOnL1(1)
        assert.strictEqual(expectTag(yield* verifyNow, "Confirmed").finality, "final")
      })
  )

  it.effect("waits for its number of blocks, its own among them", () =>
    Effect.gen(function* () {
      const { chain, validator } = yield* start({ confirmations: 3 })
      const tx_hash = yield* chain.send([transferOf()])
      yield* chain.mine(2)
      const verifyNow = validator.verify(claimOf({ tx_hash }))
      const waiting = expectTag(yield* verifyNow, "NotFinal")
      assert.strictEqual(waiting.confirmations_seen, 2)
      assert.strictEqual(waiting.confirmations_needed, 3)
      const millis = Duration.toMillis(waiting.look_again_after)
      assert.isTrue(millis >= 1000 && millis <= 60_000, `${millis} ms`)
      yield* chain.mine()
      const deep = expectTag(yield* verifyNow, "Confirmed")
      assert.strictEqual(deep.confirmations, 3)
      assert.strictEqual(deep.finality, "watching")
    })
  )

  it.effect("waits for its number of blocks also on L1, and that is not remembered", () =>
    Effect.gen(function* () {
      const { chain, validator } = yield* start({ confirmations: 3 })
      const tx_hash = yield* chain.send([transferOf()])
      yield* chain.mine()
      yield* chain.acceptOnL1(1)
      expectTag(yield* validator.verify(claimOf({ tx_hash })), "NotFinal")
      yield* chain.mine(2)
      expectTag(yield* validator.verify(claimOf({ tx_hash })), "Confirmed")
    })
  )

  it.effect("of a large amount needs the second threshold, a small one does not", () =>
    Effect.gen(function* () {
      const { chain, validator } = yield* start({
        confirmations: "safe",
        thresholds: { large_above: amount("1000"), large_confirmations: "finalized" }
      })
      const small = transferOf({ units: 1_000_000_000n })
      const large = transferOf({ units: 1_000_000_001n })
      const tx_hash = yield* chain.send([small, large])
      yield* chain.mine()
      const verifyLarge = validator.verify(claimOf({ tx_hash, amount: amount("1000.000001") }))
      const verdict = yield* validator.verify(claimOf({ tx_hash, amount: amount("1000") }))
      expectTag(verdict, "Confirmed")
      expectTag(yield* verifyLarge, "NotFinal")
      yield* chain.acceptOnL1(1)
      expectTag(yield* verifyLarge, "Confirmed")
    })
  )

  it.effect("is judged, for worse as for better, only as deep as it would be credited", () =>
    Effect.gen(function* () {
      const { chain, validator } = yield* start({ confirmations: 2 })
      const good = yield* chain.send([transferOf()])
      const failed = yield* chain.send([transferOf()], { revertReason: "no" })
      yield* chain.mine()
      const wrong = validator.verify(claimOf({ tx_hash: good, amount: amount("7") }))
      const reverted = validator.verify(claimOf({ tx_hash: failed }))
      expectTag(yield* wrong, "NotFinal")
      expectTag(yield* reverted, "NotFinal")
      yield* chain.mine()
      isMismatchBecause(yield* wrong, /it moved 1.5 USDC, not 7/)
      expectTag(yield* reverted, "Reverted")
    })
  )

  it.effect("is not confirmed by the receipt of a block that a reorg threw out", () =>
    Effect.gen(function* () {
      const { chain, front, validator } = yield* startBehindFront()
      const tx_hash = yield* chain.send([transferOf()])
      yield* chain.mine()
      const receipt = yield* call(front.url, "starknet_getTransactionReceipt", [tx_hash])
      yield* chain.reorganise(1)
      yield* chain.mine(5)

      // Behind a load balancer, one node still has the receipt of the old fork.
      yield* front.setMode({
        _tag: "Rewrite",
        rewrite: ({ method }) =>
          method === "starknet_getTransactionReceipt" ? { result: receipt } : undefined
      })
      const stale = expectTag(yield* validator.verify(claimOf({ tx_hash })), "NotFinal")
      assert.strictEqual(stale.confirmations_seen, 0)
      assert.match(String(stale.reason), /reorganised: its block .* at height 1/)

      yield* front.setMode({ _tag: "Forward" })
      expectTag(yield* validator.verify(claimOf({ tx_hash })), "NotFound")
    })
  )

  it.effect("keeps its identity in whatever block a reorg puts it", () =>
    Effect.gen(function* () {
      const { chain, validator } = yield* start()
      const tx_hash = yield* chain.send([transferOf({ to: otherAddress }), transferOf()])
      yield* chain.mine()
      const before = expectTag(yield* validator.verify(claimOf({ tx_hash })), "Confirmed")
      yield* chain.reorganise(1, "waiting")
      expectTag(yield* validator.verify(claimOf({ tx_hash })), "NotFinal")
      yield* chain.mine()
      const after = expectTag(yield* validator.verify(claimOf({ tx_hash })), "Confirmed")
      assert.deepStrictEqual(after.identity, before.identity)
      assert.notStrictEqual(after.block_hash, before.block_hash)
    })
  )

  it.effect("is not confirmed by a block that the node itself rejects", () =>
    Effect.gen(function* () {
      const { chain, front, validator } = yield* startBehindFront()
      const tx_hash = yield* chain.send([transferOf()])
      yield* chain.mine()
      const block = yield* call(front.url, "starknet_getBlockWithTxHashes", [{ block_number: 1 }])
      yield* front.setMode({
        _tag: "Rewrite",
        rewrite: ({ method }) =>
          method === "starknet_getBlockWithTxHashes"
            ? { result: { ...block, status: "REJECTED" } }
            : undefined
      })
      expectTag(yield* validator.verify(claimOf({ tx_hash })), "NotFinal")
    })
  )
})

describe("an endpoint of Starknet", () => {
  it.live("that serves another chain is not believed", () =>
    Effect.gen(function* () {
      const { chain, url } = yield* startChain()
      const validator = yield* openValidator({ urls: [url], chainId: "SN_MAIN" })
      const tx_hash = yield* chain.send([transferOf()])
      yield* chain.mine()
      const failure = yield* Effect.flip(validator.verify(claimOf({ tx_hash })))
      assert.strictEqual(failure._tag, "RpcFailure")
      assert.match(failure.message, /serves chain SN_SEPOLIA, but starknet is chain SN_MAIN/)
    })
  )

  it.effect("that is the first of two is left for the next when it does not know a deposit", () =>
    Effect.gen(function* () {
      const { chain, url } = yield* startChain()
      const front = yield* startRpcFront(url)
      yield* front.setMode({
        _tag: "Rewrite",
        rewrite: ({ method }) =>
          method.startsWith("starknet_getTransaction")
            ? { error: { code: 29, message: "Transaction hash not found" } }
            : undefined
      })
      const validator = yield* openValidator({ urls: [front.url, url] })
      const tx_hash = yield* chain.send([transferOf()])
      const early = expectTag(yield* validator.verify(claimOf({ tx_hash })), "NotFinal")
      assert.match(String(early.evidence.endpoint), /#1$/)
      yield* chain.mine()
      const verdict = expectTag(yield* validator.verify(claimOf({ tx_hash })), "Confirmed")
      assert.match(String(verdict.evidence.endpoint), /#1$/)
      const unknown = yield* validator.verify(claimOf({ tx_hash: freshHash() }))
      assert.match(String(expectTag(unknown, "NotFound").evidence.endpoint), /#0$/)
    })
  )

  it.effect("that lags behind the newest block seen is left out, whatever it says", () =>
    Effect.gen(function* () {
      const { chain, url } = yield* startChain()
      const lagging = yield* startRpcFront(url)
      yield* lagging.setMode({
        _tag: "Rewrite",
        rewrite: ({ method }) => (method === "starknet_blockNumber" ? { result: 2 } : undefined)
      })
      const urls = [lagging.url, url]
      const validator = yield* openValidator({ urls, maxLag: 4 })
      const tx_hash = yield* chain.send([transferOf()])
      yield* chain.mine(6)
      yield* validator.verify(claimOf({ tx_hash: freshHash() }))
      const near = expectTag(yield* validator.verify(claimOf({ tx_hash })), "Confirmed")
      assert.match(String(near.evidence.endpoint), /#0$/, "four blocks are within max_lag")
      yield* chain.mine()
      yield* validator.verify(claimOf({ tx_hash: freshHash() }))
      const far = expectTag(yield* validator.verify(claimOf({ tx_hash })), "Confirmed")
      assert.match(String(far.evidence.endpoint), /#1$/)
    })
  )

  it.effect("that is stuck does not hold up a deposit while another is not", () =>
    Effect.gen(function* () {
      const { chain, url } = yield* startChain()
      const stuck = yield* startRpcFront(url)
      yield* stuck.setMode({
        _tag: "Rewrite",
        rewrite: ({ method }) => (method === "starknet_blockNumber" ? { result: 1 } : undefined)
      })
      const validator = yield* openValidator({ urls: [stuck.url, url], confirmations: 3 })
      const alone = yield* openValidator({ urls: [stuck.url], confirmations: 3 })
      const blind = yield* startRpcFront(url)
      yield* blind.setMode({
        _tag: "Rewrite",
        rewrite: ({ method }) =>
          method.startsWith("starknet_getTransaction")
            ? { error: { code: 29, message: "Transaction hash not found" } }
            : undefined
      })
      const tx_hash = yield* chain.send([transferOf()])
      yield* chain.mine(3)
      const verifyNow = validator.verify(claimOf({ tx_hash }))

      yield* TestClock.adjust("110 seconds")
      const waiting = expectTag(yield* verifyNow, "NotFinal")
      assert.match(String(waiting.evidence.endpoint), /#0$/, "a slow block is no stuck endpoint")
      yield* TestClock.adjust("20 seconds")
      const verdict = expectTag(yield* verifyNow, "Confirmed")
      assert.match(String(verdict.evidence.endpoint), /#1$/)
      // Alone, it is all there is.
      expectTag(yield* alone.verify(claimOf({ tx_hash })), "NotFinal")
      // Whoever knows nothing says less than that.
      const beside = yield* openValidator({ urls: [blind.url, stuck.url], confirmations: 3 })
      const half = expectTag(yield* beside.verify(claimOf({ tx_hash })), "NotFinal")
      assert.strictEqual(half.confirmations_seen, 1)
    })
  )

  it.live("that ails or lags, by whatever error it says so, dead-letters nothing", () =>
    Effect.forEach(
      [
        { code: 24, message: "Block not found" },
        { code: 63, message: "An unexpected error occurred" },
        { code: -32603, message: "Internal error" }
      ].flatMap((error) =>
        ["starknet_getTransactionReceipt", "starknet_getBlockWithTxHashes"].map((ailing) => {
          return { ...error, ailing }
        })
      ),
      Effect.fnUntraced(function* ({ code, message, ailing }) {
        const { chain, front, validator } = yield* startBehindFront()
        const tx_hash = yield* chain.send([transferOf()])
        yield* chain.mine()
        yield* front.setMode({
          _tag: "Rewrite",
          rewrite: ({ method }) => (method === ailing ? { error: { code, message } } : undefined)
        })
        const failure = yield* Effect.flip(validator.verify(claimOf({ tx_hash })))
        assert.strictEqual(failure._tag, "RpcFailure")
        assert.match(failure.message, new RegExp(message))
        yield* front.setMode({ _tag: "Forward" })
        expectTag(yield* validator.verify(claimOf({ tx_hash })), "Confirmed")
      }),
      { concurrency: "unbounded", discard: true }
    )
  )

  it.effect("that calls our parameters invalid refuses the deposit", () =>
    Effect.gen(function* () {
      const { front, validator } = yield* startBehindFront()
      yield* front.setMode({
        _tag: "Rewrite",
        rewrite: ({ method }) =>
          method === "starknet_getTransactionReceipt"
            ? { error: { code: -32602, message: "Invalid params" } }
            : undefined
      })
      const error = yield* Effect.flip(validator.verify(claimOf({ tx_hash: freshHash() })))
      assert.strictEqual(error._tag, "RpcRefused")
    })
  )

  it.live("that gives what was not asked for is not believed", () =>
    Effect.gen(function* () {
      const { chain, front, validator } = yield* startBehindFront()
      const tx_hash = yield* chain.send([transferOf()])
      yield* chain.mine(2)
      const other = TxHash.make("0xbadbad")
      const receipt = yield* call(front.url, "starknet_getTransactionReceipt", [tx_hash])
      const block = yield* call(front.url, "starknet_getBlockWithTxHashes", [{ block_number: 1 }])
      yield* front.setMode({
        _tag: "Rewrite",
        rewrite: ({ method, params }) => {
          if (method === "starknet_getBlockWithTxHashes") {
            return { result: { ...block, block_number: 2 } }
          }
          return params[0] === other ? { result: receipt } : undefined
        }
      })
      const failures = yield* Effect.forEach(
        [other, tx_hash],
        (asked) => Effect.flip(validator.verify(claimOf({ tx_hash: asked }))),
        { concurrency: "unbounded" }
      )
      assert.match(String(failures[0]?.message), /the receipt of another transaction/)
      assert.match(String(failures[1]?.message), /another block than was asked for/)
    })
  )

  it.effect(
    "is asked once for all claims about a transaction, and not again once it is final",
    () =>
      Effect.gen(function* () {
        const { chain, front, validator } = yield* startBehindFront()
        const tx_hash = yield* chain.send([transferOf(), transferOf()])
        yield* chain.mine()
        const both = Effect.forEach(
          [0, 1],
          (transfer_index) => validator.verify(claimOf({ tx_hash, transfer_index })),
          { concurrency: "unbounded" }
        )
        const asked = front.calls("starknet_getTransactionReceipt")

        yield* both
        assert.strictEqual(yield* asked, 1)
        yield* both
        assert.strictEqual(yield* asked, 2, "what can be undone is looked at again")
        yield* chain.acceptOnL1(1)
        yield* both
        yield* both
        assert.strictEqual(yield* asked, 3)
        yield* TestClock.adjust("6 minutes")
        yield* both
        assert.strictEqual(yield* asked, 4)
      })
  )

  it.effect(
    "is asked in batches, each of which says how high the chain is when it shows a block",
    () =>
      Effect.gen(function* () {
        const { chain, front, validator } = yield* startBehindFront()
        const hashes = yield* Effect.forEach(Array.from({ length: 100 }), () =>
          Effect.andThen(chain.mine(), chain.send([transferOf()]))
        )
        yield* chain.mine()
        const verdicts = yield* Effect.forEach(
          hashes,
          (tx_hash) => validator.verify(claimOf({ tx_hash })),
          { concurrency: "unbounded" }
        )
        for (const verdict of verdicts) expectTag(verdict, "Confirmed")
        // The chain's id; the receipts; 99 blocks and the newest height; a block and the newest height.
        const sizes = yield* front.batchSizes
        assert.deepStrictEqual(
          sizes.toSorted((one, other) => one - other),
          [1, 2, 100, 100]
        )
      })
  )
})
