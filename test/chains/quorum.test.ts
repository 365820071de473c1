/** Large amounts, where one endpoint lies, errs or is away: fronts before anvil say what a liar would. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it, layer } from "@effect/vitest"
import { Clock, Duration, Effect, Schema } from "effect"
import { TestClock } from "effect/testing"
import { consensus, type Opinion } from "../../src/chains/consensus.ts"
import { makeQuorum, type Voter } from "../../src/chains/quorum.ts"
import { CircuitsOpen, RpcFailure, type Verdict } from "../../src/chains/validator.ts"
import { startAnvil } from "../../src/demo/anvil.ts"
import { type FrontMode, startRpcFront } from "../../src/demo/rpc-front.ts"
import { Amount } from "../../src/domain/amount.ts"
import {
  chainName,
  claimOf,
  depositAddress,
  LocalChain,
  oneUsdc,
  openValidator,
  otherAddress,
  unknownTx,
  unknownTxs,
  usdc
} from "../support/anvil.ts"
import { transfer } from "../support/contracts.ts"
import { inTime } from "../support/in-time.ts"
import { openMillis } from "../support/live-validator.ts"
import { expectTag } from "../support/verdicts.ts"

const amount = (text: string) => Amount.make(text)

/** Above 1 USDC two endpoints must agree. */
const behindFronts = (count: number, threshold = 100) =>
  Effect.gen(function* () {
    const { anvil } = yield* LocalChain
    const fronts = yield* Effect.forEach(Array.from({ length: count }), () =>
      startRpcFront(anvil.url)
    )
    const validator = yield* openValidator({
      urls: fronts.map(({ url }) => url),
      thresholds: { quorum_above: amount("1") },
      threshold
    })
    const [first, second, third] = fronts
    if (first === undefined || second === undefined) return yield* Effect.die("no fronts")
    return { first, second, third: third ?? second, validator }
  })

const pay = (units: bigint, to = depositAddress) =>
  Effect.gen(function* () {
    const { anvil, depositor, usdc: contract } = yield* LocalChain
    return yield* anvil.send({ from: depositor, to: contract, data: transfer(to, units) })
  })

const large = (3n * oneUsdc) / 2n

/** That the deposit waits without losing an attempt, and what a person is told. */
const isWaitingBecause = (verdict: Verdict, reason: RegExp) => {
  const waiting = expectTag(verdict, "NotFinal")
  assert.match(waiting.reason ?? "", reason)
  assert.strictEqual(Duration.toMillis(waiting.look_again_after), 15_000)
  return waiting
}

const resultOf = (method: string, params: ReadonlyArray<Schema.Json>) =>
  Effect.gen(function* () {
    const { anvil } = yield* LocalChain
    const result = yield* anvil.rpc(method, params)
    return yield* Schema.decodeUnknownEffect(Schema.JsonObject)(result)
  })

const receiptOf = (hash: string) => resultOf("eth_getTransactionReceipt", [hash])

const replying = (answers: Readonly<Record<string, Schema.Json>>): FrontMode => ({
  _tag: "Rewrite",
  rewrite: ({ method, params }) => {
    const answer = answers[`${method} ${params[0]}`]
    return answer === undefined ? undefined : { result: answer }
  }
})

/** Says that a transaction is in a block of its own making, with all that belongs to it. */
const lyingAboutBlock = (hash: string) =>
  Effect.gen(function* () {
    const receipt = yield* receiptOf(hash)
    const block = yield* resultOf("eth_getBlockByNumber", [String(receipt.blockNumber), false])
    const blockHash = `0x${"1e".repeat(32)}`
    return replying({
      [`eth_getTransactionReceipt ${hash}`]: { ...receipt, blockHash },
      [`eth_getBlockByNumber ${receipt.blockNumber}`]: { ...block, hash: blockHash }
    })
  })

/** The receipt of another transaction as if it were of this one, which nobody ever sent. */
const inventing = (hash: string, from: string) =>
  Effect.map(receiptOf(from), (receipt) =>
    replying({ [`eth_getTransactionReceipt ${hash}`]: { ...receipt, transactionHash: hash } })
  )

const overloaded: FrontMode = { _tag: "Status", status: 503, retryAfter: "0" }

layer(LocalChain.layer, { timeout: "60 seconds" })("a large deposit", (it) => {
  it.effect("is confirmed when two endpoints say the same, and both stand in the evidence", () =>
    Effect.gen(function* () {
      const { first, second, validator } = yield* behindFronts(2)
      const tx_hash = yield* pay(large)
      const verdict = expectTag(yield* validator.verify(claimOf({ tx_hash })), "Confirmed")
      assert.match(String(verdict.evidence.endpoint), /^127.0.0.1:\d+#0, 127.0.0.1:\d+#1$/)
      assert.lengthOf(verdict.evidence.opinions as ReadonlyArray<unknown>, 2)
      assert.deepInclude(verdict.identity, { tx_hash, transfer_index: "log:0" })
      yield* Schema.decodeUnknownEffect(Schema.JsonObject)(verdict.evidence)
      for (const front of [first, second]) {
        assert.strictEqual(yield* front.calls("eth_getTransactionReceipt"), 1)
      }
    })
  )

  it.effect("is told from a small one, for which one endpoint is enough", () =>
    Effect.gen(function* () {
      const { second, validator } = yield* behindFronts(2)
      const small = claimOf({ tx_hash: yield* pay(oneUsdc), amount: amount("1") })
      expectTag(yield* validator.verify(small), "Confirmed")
      assert.strictEqual(yield* second.requests, 0)
    })
  )

  describe("waits, and says why, when one endpoint", () => {
    it.effect("has it in another block", () =>
      Effect.gen(function* () {
        const { first, validator } = yield* behindFronts(2)
        const tx_hash = yield* pay(large)
        yield* first.setMode(yield* lyingAboutBlock(tx_hash))
        const verdict = yield* validator.verify(claimOf({ tx_hash }))
        const waiting = isWaitingBecause(
          verdict,
          /#0 says confirmed: 1.5 by transfer log:0 in block \d+ \(0x1e1e.*#1 says confirmed: 1.5/
        )
        assert.lengthOf(waiting.evidence.opinions as ReadonlyArray<unknown>, 2)
      })
    )

    it.effect("invents it", () =>
      Effect.gen(function* () {
        const { first, validator } = yield* behindFronts(2)
        yield* first.setMode(yield* inventing(unknownTx, yield* pay(large)))
        const verdict = yield* validator.verify(claimOf({ tx_hash: unknownTx }))
        isWaitingBecause(verdict, /#0 says confirmed.*#1 says not found/)
      })
    )

    it.effect("has another amount", () =>
      Effect.gen(function* () {
        const { second, validator } = yield* behindFronts(2)
        const tx_hash = yield* pay(large)
        const more = yield* pay(2n * oneUsdc)
        yield* second.setMode(yield* inventing(tx_hash, more))
        const verdict = yield* validator.verify(claimOf({ tx_hash }))
        isWaitingBecause(verdict, /#0 says confirmed.*#1 says not the claimed .* it moved 2 USDC/)
      })
    )

    it.effect("fails, and the other is the only one", () =>
      Effect.gen(function* () {
        const { second, validator } = yield* behindFronts(2)
        const tx_hash = yield* pay(large)
        yield* second.setMode(overloaded)
        const verdict = yield* validator.verify(claimOf({ tx_hash }))
        const waiting = isWaitingBecause(
          verdict,
          /#0 says confirmed.*#1 gave no answer \(HTTP 503 from/
        )
        assert.deepInclude(waiting, { confirmations_seen: 1, confirmations_needed: 1 })
      })
    )

    it.effect("serves a chain with the same id and another history", () =>
      Effect.gen(function* () {
        const { anvil } = yield* LocalChain
        const other = yield* startAnvil()
        const validator = yield* openValidator({
          urls: [anvil.url, other.url],
          maxLag: 1000,
          thresholds: { quorum_above: amount("1") }
        })
        const verdict = yield* validator.verify(claimOf({ tx_hash: yield* pay(large) }))
        isWaitingBecause(verdict, /#0 says confirmed.*#1 says not found/)
      }).pipe(Effect.provide(NodeServices.layer))
    )
  })

  it.effect("is confirmed by two others when the one in their midst lies, errs or is away", () =>
    Effect.gen(function* () {
      const { first, validator } = yield* behindFronts(3)
      const tx_hash = yield* pay(large)
      for (const mode of [
        yield* lyingAboutBlock(tx_hash),
        replying({ [`eth_getTransactionReceipt ${tx_hash}`]: null }),
        overloaded
      ]) {
        yield* first.setMode(mode)
        const verdict = expectTag(yield* validator.verify(claimOf({ tx_hash })), "Confirmed")
        assert.match(String(verdict.evidence.endpoint), /^\S+#1, \S+#2$/)
      }
    })
  )

  it.effect("is held up for a second and no longer by an endpoint that is silent", () =>
    Effect.gen(function* () {
      const { first, validator } = yield* behindFronts(3)
      const tx_hash = yield* pay(large)
      yield* first.setMode({ _tag: "Hang" })
      const begin = yield* Clock.currentTimeMillis
      const verdict = yield* inTime(validator.verify(claimOf({ tx_hash })))
      expectTag(verdict, "Confirmed")
      assert.isBelow((yield* Clock.currentTimeMillis) - begin, 3000)
    })
  )

  it.effect("is dead-lettered only if no endpoint has it, and then with what all of them say", () =>
    Effect.gen(function* () {
      const { anvil, usdc: contract } = yield* LocalChain
      const { first, second, validator } = yield* behindFronts(2)
      const [, poor] = anvil.accounts
      const data = transfer(depositAddress, large)
      const reverted = yield* anvil.send({ from: poor, to: contract, data })
      const elsewhere = yield* pay(large, otherAddress)
      const cases = [
        [reverted, "Reverted"],
        [elsewhere, "Mismatch"],
        [unknownTx, "NotFound"]
      ] as const
      for (const [tx_hash, tag] of cases) {
        const verdict = expectTag(yield* validator.verify(claimOf({ tx_hash })), tag)
        assert.match(String(verdict.evidence.endpoint), /#0, \S+#1$/)
      }
      yield* second.setMode(overloaded)
      for (const [tx_hash] of cases) {
        isWaitingBecause(yield* validator.verify(claimOf({ tx_hash })), /#1 gave no answer/)
      }
      yield* first.setMode(overloaded)
      const failure = yield* Effect.flip(validator.verify(claimOf({ tx_hash: elsewhere })))
      assert.strictEqual(failure._tag, "RpcFailure")
      assert.match(failure.message, /#0.*; .*#1/)
    })
  )

  it.effect("that is not deep enough for either waits for depth, as small ones do", () =>
    Effect.gen(function* () {
      const { anvil } = yield* LocalChain
      const [one, two] = [yield* startRpcFront(anvil.url), yield* startRpcFront(anvil.url)]
      const validator = yield* openValidator({
        urls: [one.url, two.url],
        confirmations: 3,
        thresholds: { quorum_above: amount("1") }
      })
      const verdict = yield* validator.verify(claimOf({ tx_hash: yield* pay(large) }))
      const waiting = expectTag(verdict, "NotFinal")
      assert.deepInclude(waiting, { confirmations_seen: 1, confirmations_needed: 3 })
      assert.isUndefined(waiting.reason)
    })
  )

  it.effect("shares the circuits of its endpoints with all others", () =>
    Effect.gen(function* () {
      const { first, second, validator } = yield* behindFronts(2, 1)
      yield* first.setMode(overloaded)
      yield* second.setMode(overloaded)
      const [small = unknownTx] = unknownTxs(1)
      yield* Effect.flip(validator.verify(claimOf({ tx_hash: small, amount: amount("1") })))
      assert.deepStrictEqual(yield* validator.claimableChains, [])
      const open = yield* Effect.flip(validator.verify(claimOf({ tx_hash: unknownTx })))
      assert.strictEqual(open._tag, "CircuitsOpen")
      assert.deepInclude(open, { retry_after_ms: openMillis })
      yield* TestClock.adjust(openMillis)
      assert.deepStrictEqual(yield* validator.claimableChains, [chainName])
    })
  )
})

describe("the word of two endpoints", () => {
  const confirmed: Verdict = {
    _tag: "Confirmed",
    identity: { chain: chainName, tx_hash: unknownTx, transfer_index: "log:0" },
    amount: amount("2"),
    block_number: 7,
    block_hash: "0x07",
    confirmations: 12,
    finality: "final",
    evidence: { token: usdc }
  }
  const opinion = (host: string, verdict: Verdict, position = 0): Opinion => ({
    endpoint: `${host}#${position}`,
    host,
    verdict
  })

  it("of one host is the word of one", () => {
    assert.isUndefined(consensus([opinion("a", confirmed), opinion("a", confirmed, 1)]))
    const notFound: Verdict = { _tag: "NotFound", head: 1_000_000, evidence: {} }
    assert.isUndefined(consensus([opinion("a", notFound), opinion("a", notFound, 1)]))
  })

  it("is the same only if the transfer, its amount and its block are", () => {
    const others: ReadonlyArray<Partial<typeof confirmed>> = [
      { identity: { ...confirmed.identity, transfer_index: "log:1" } },
      { amount: amount("3") },
      { block_hash: "0x08" },
      { block_number: 8 }
    ]
    for (const other of others) {
      const opinions = [opinion("a", confirmed), opinion("b", { ...confirmed, ...other })]
      assert.isUndefined(consensus(opinions), JSON.stringify(other))
    }
    assert.strictEqual(
      consensus([opinion("a", confirmed), opinion("b", confirmed)])?._tag,
      "Confirmed"
    )
  })

  it("is as deep and as final as the more careful one says", () => {
    const careful: Verdict = { ...confirmed, confirmations: 11, finality: "watching" }
    const verdict = consensus([opinion("a", confirmed), opinion("b", careful)])
    assert.deepInclude(verdict, { confirmations: 11, finality: "watching" })
  })

  it("does not dead-letter what a third confirms", () => {
    const reverted: Verdict = { _tag: "Reverted", evidence: {} }
    const opinions = [opinion("a", confirmed), opinion("b", reverted), opinion("c", reverted)]
    assert.isUndefined(consensus(opinions))
  })

  const voter = (
    host: string,
    position: number,
    said: ReturnType<Voter["validator"]["verify"]>
  ) => ({
    name: `${host}#${position}`,
    host,
    validator: { verify: () => said }
  })
  const verify = (voters: ReadonlyArray<Voter>) =>
    Effect.gen(function* () {
      const quorum = makeQuorum(chainName, voters, yield* Effect.scope)
      return yield* quorum.verify(claimOf({ tx_hash: unknownTx }), { _tag: "Native", decimals: 18 })
    }).pipe(Effect.scoped)

  it.effect("is asked of two hosts first, though the best two are of one", () =>
    Effect.gen(function* () {
      const verdict = yield* verify([
        voter("a", 0, Effect.succeed(confirmed)),
        voter("a", 1, Effect.die("asked without need")),
        voter("b", 2, Effect.succeed(confirmed))
      ])
      assert.strictEqual(verdict.evidence.endpoint, "a#0, b#2")
    })
  )

  it.effect("is asked of both at once, so that it takes no longer than that of one", () =>
    Effect.gen(function* () {
      const slow = Effect.delay(Effect.succeed(confirmed), 600)
      const verdict = yield* Effect.forkChild(verify([voter("a", 0, slow), voter("b", 1, slow)]))
      yield* TestClock.adjust(600)
      assert.isDefined(verdict.pollUnsafe())
    })
  )

  it.effect("cannot be had while one fails and the other takes no calls: no attempt is lost", () =>
    Effect.gen(function* () {
      const failed = new RpcFailure({
        chain: chainName,
        endpoint: "a#0",
        message: "a#0 is down",
        retry_after_ms: null
      })
      const open = new CircuitsOpen({ chain: chainName, message: "busy", retry_after_ms: 700 })
      const error = yield* Effect.flip(
        verify([voter("a", 0, Effect.fail(failed)), voter("b", 1, Effect.fail(open))])
      )
      assert.deepInclude(error, { _tag: "CircuitsOpen", retry_after_ms: 700 })
      const verdict = yield* verify([
        voter("a", 0, Effect.succeed(confirmed)),
        voter("b", 1, Effect.fail(open))
      ])
      isWaitingBecause(verdict, /a#0 says confirmed.*; b#1 takes no calls now/)
    })
  )
})
