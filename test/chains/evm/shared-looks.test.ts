/** What claims of one transaction share, what is remembered of it, and how deep large amounts must be. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import type { Verdict } from "../../../src/chains/validator.ts"
import { type FrontMode, type RpcFront, startRpcFront } from "../../../src/demo/rpc-front.ts"
import { Amount } from "../../../src/domain/amount.ts"
import {
  claimOf,
  depositAddress,
  eth,
  LocalChain,
  oneEther,
  oneUsdc,
  openValidator,
  otherAddress,
  unknownTx,
  type ValidatorOptions
} from "../../support/anvil.ts"
import { splitNative, splitToken, transfer } from "../../support/contracts.ts"

const amount = (text: string) => Amount.make(text)

const behindFront = (options: ValidatorOptions = {}) =>
  Effect.gen(function* () {
    const { anvil } = yield* LocalChain
    const front = yield* startRpcFront(anvil.url)
    return { front, validator: yield* openValidator({ urls: [front.url], ...options }) }
  })

const deposit = (units: bigint) =>
  Effect.gen(function* () {
    const { anvil, depositor, usdc: contract } = yield* LocalChain
    const data = transfer(depositAddress, units)
    return yield* anvil.send({ from: depositor, to: contract, data })
  })

/** As chains do that have no finality tag: the operator's number of blocks is final. */
const withoutFinalized: FrontMode = {
  _tag: "Rewrite",
  rewrite: ({ params }) =>
    params[0] === "finalized"
      ? { error: { code: -32000, message: "finalized block not found" } }
      : undefined
}

/** The verdicts of one claim asked for twice, and how many requests the second took. */
const twice = (front: RpcFront, verify: Effect.Effect<Verdict, unknown>) =>
  Effect.gen(function* () {
    const first = yield* verify
    const sent = yield* front.requests
    const second = yield* verify
    return { tags: [first._tag, second._tag], requests: (yield* front.requests) - sent }
  })

layer(LocalChain.layer, { timeout: "60 seconds" })("a transaction on an EVM chain", (it) => {
  it.effect("is looked at once for all its deposits", () =>
    Effect.gen(function* () {
      const { anvil, depositor, splitter, usdc: contract } = yield* LocalChain
      const { front, validator } = yield* behindFront()
      const data = splitToken(contract, [
        [depositAddress, oneUsdc],
        [otherAddress, 2n * oneUsdc],
        [depositAddress, 3n * oneUsdc]
      ])
      const tx_hash = yield* anvil.send({ from: depositor, to: splitter, data })
      const verdicts = yield* Effect.forEach(
        [
          claimOf({ tx_hash, amount: amount("1") }),
          claimOf({ tx_hash, amount: amount("2"), to_address: otherAddress }),
          claimOf({ tx_hash, amount: amount("3") }),
          claimOf({ tx_hash, amount: amount("4") })
        ],
        validator.verify,
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        verdicts.map(({ _tag }) => _tag),
        ["Confirmed", "Confirmed", "Confirmed", "Mismatch"]
      )
      // The chain's id; the receipt; its block, the newest and the finalized block.
      assert.deepStrictEqual(yield* front.batchSizes, [1, 1, 3])
    })
  )

  it.effect("is traced once for all its deposits, also later", () =>
    Effect.gen(function* () {
      const { anvil, depositor, splitter } = yield* LocalChain
      const { front, validator } = yield* behindFront()
      const data = splitNative([
        [depositAddress, oneEther],
        [otherAddress, 2n * oneEther]
      ])
      const tx_hash = yield* anvil.send({
        from: depositor,
        to: splitter,
        wei: 3n * oneEther,
        data
      })
      const claims = [
        claimOf({ tx_hash, token: eth, amount: amount("1") }),
        claimOf({ tx_hash, token: eth, amount: amount("2"), to_address: otherAddress })
      ]
      const verifyAll = Effect.forEach(claims, validator.verify, { concurrency: "unbounded" })
      for (const verdict of [...(yield* verifyAll), ...(yield* verifyAll)]) {
        assert.strictEqual(verdict._tag, "Confirmed")
      }
      assert.strictEqual(yield* front.calls("debug_traceTransaction"), 1)
    })
  )

  it.effect("is remembered for five minutes once it is final", () =>
    Effect.gen(function* () {
      const { front, validator } = yield* behindFront()
      yield* front.setMode(withoutFinalized)
      const tx_hash = yield* deposit(oneUsdc)
      const verify = validator.verify(claimOf({ tx_hash, amount: amount("1") }))
      assert.deepStrictEqual(yield* twice(front, verify), {
        tags: ["Confirmed", "Confirmed"],
        requests: 0
      })
      // Another claim of the same transaction is judged by the same look.
      const other = validator.verify(claimOf({ tx_hash, amount: amount("7") }))
      assert.deepStrictEqual(yield* twice(front, other), {
        tags: ["Mismatch", "Mismatch"],
        requests: 0
      })
      yield* TestClock.adjust("5 minutes")
      const sent = yield* front.requests
      yield* verify
      assert.isAbove(yield* front.requests, sent)
    })
  )

  it.effect("is looked at anew while it can still change", () =>
    Effect.gen(function* () {
      const { front, validator } = yield* behindFront()
      const tx_hash = yield* deposit(oneUsdc)
      const watched = validator.verify(claimOf({ tx_hash, amount: amount("1") }))
      const watching = yield* twice(front, watched)
      assert.deepStrictEqual(watching.tags, ["Confirmed", "Confirmed"])
      assert.isAbove(watching.requests, 0, "confirmed, but not final")

      const unknown = yield* twice(front, validator.verify(claimOf({ tx_hash: unknownTx })))
      assert.deepStrictEqual(unknown.tags, ["NotFound", "NotFound"])
      assert.isAbove(unknown.requests, 0)

      const deep = yield* behindFront({ confirmations: 3 })
      yield* deep.front.setMode(withoutFinalized)
      const shallow = yield* twice(
        deep.front,
        deep.validator.verify(claimOf({ tx_hash: yield* deposit(oneUsdc) }))
      )
      assert.deepStrictEqual(shallow.tags, ["NotFinal", "NotFinal"])
      assert.isAbove(shallow.requests, 0)
    })
  )

  it.effect("with a large amount must lie deeper than one with a small amount", () =>
    Effect.gen(function* () {
      const { anvil, depositor, splitter, usdc: contract } = yield* LocalChain
      const { front, validator } = yield* behindFront({
        thresholds: { large_above: amount("1"), large_confirmations: 3 }
      })
      // Also where the small one is final and remembered.
      yield* front.setMode(withoutFinalized)
      const data = splitToken(contract, [
        [depositAddress, oneUsdc],
        [otherAddress, oneUsdc + 1n]
      ])
      const tx_hash = yield* anvil.send({ from: depositor, to: splitter, data })
      const small = validator.verify(claimOf({ tx_hash, amount: amount("1") }))
      const large = validator.verify(
        claimOf({ tx_hash, amount: amount("1.000001"), to_address: otherAddress })
      )
      assert.strictEqual((yield* small)._tag, "Confirmed")
      assert.deepInclude(yield* large, {
        _tag: "NotFinal",
        confirmations_seen: 1,
        confirmations_needed: 3
      })
      yield* anvil.mine(2)
      assert.deepInclude(yield* large, { _tag: "Confirmed", confirmations: 3 })
    })
  )

  it.effect("with a large amount may have to be safe or final where others need a number", () =>
    Effect.gen(function* () {
      const { anvil } = yield* LocalChain
      const large_above = amount("1")
      const tagged = yield* behindFront({
        thresholds: { large_above, large_confirmations: "safe" }
      })
      const numbered = yield* behindFront({
        confirmations: "finalized",
        thresholds: { large_above, large_confirmations: 2 }
      })
      const tx_hash = yield* deposit(2n * oneUsdc)
      const claim = claimOf({ tx_hash, amount: amount("2") })
      // Anvil's `safe` is 32 blocks behind its newest block.
      yield* anvil.mine(31)
      const early = yield* tagged.validator.verify(claim)
      assert.deepInclude(early, { _tag: "NotFinal", confirmations_seen: 32 })
      assert.deepInclude(yield* numbered.validator.verify(claim), { _tag: "Confirmed" })
      yield* anvil.mine(1)
      assert.strictEqual((yield* tagged.validator.verify(claim))._tag, "Confirmed")

      const ordinary = claimOf({ tx_hash: yield* deposit(oneUsdc), amount: amount("1") })
      assert.strictEqual((yield* tagged.validator.verify(ordinary))._tag, "Confirmed")
      assert.strictEqual((yield* numbered.validator.verify(ordinary))._tag, "NotFinal")
    })
  )

  it.effect("is not remembered if somebody has filled its receipt", () =>
    Effect.gen(function* () {
      const { front, validator } = yield* behindFront()
      yield* front.setMode(withoutFinalized)
      const { anvil, depositor, splitter, usdc: contract } = yield* LocalChain
      const payments = Array.from({ length: 260 }, () => [depositAddress, oneUsdc] as const)
      const data = splitToken(contract, payments)
      const tx_hash = yield* anvil.send({ from: depositor, to: splitter, data })
      const verify = validator.verify(claimOf({ tx_hash, amount: amount("1") }))
      const { requests, tags } = yield* twice(front, verify)
      // Identical transfers without an index: all 260 are there.
      assert.deepStrictEqual(tags, ["Mismatch", "Mismatch"])
      assert.isAbove(requests, 0)
    })
  )
})
