import { assert, layer } from "@effect/vitest"
import { Clock, Effect, type Scope } from "effect"
import { TestClock } from "effect/testing"
import type { Circuit, Validator, ValidatorError } from "../../../src/chains/validator.ts"
import { type FrontMode, type RpcFront, startRpcFront } from "../../../src/demo/rpc-front.ts"
import type { TxHash } from "../../../src/domain/chain.ts"
import {
  chainName,
  claimOf,
  depositAddress,
  LocalChain,
  openValidator,
  unknownTx,
  unknownTxs,
  type ValidatorOptions
} from "../../support/anvil.ts"
import { transfer } from "../../support/contracts.ts"
import { inTime } from "../../support/in-time.ts"
import { openMillis } from "../../support/live-validator.ts"

/** It says when to come back, so it is not asked again quickly. */
const overloaded: FrontMode = { _tag: "Status", status: 503, retryAfter: "0" }

/** A validator whose only endpoint is a front, or several. */
const behindFront = (
  options: ValidatorOptions = {}
): Effect.Effect<
  { readonly front: RpcFront; readonly validator: Validator["Service"] },
  unknown,
  LocalChain | Scope.Scope
> =>
  Effect.gen(function* () {
    const { anvil } = yield* LocalChain
    const front = yield* startRpcFront(anvil.url)
    const validator = yield* openValidator({
      ...options,
      urls: [front.url, ...(options.urls ?? [])]
    })
    return { front, validator }
  })

const errorTo = (method: string, code: number, message: string): FrontMode => ({
  _tag: "Rewrite",
  rewrite: (call) => (call.method === method ? { error: { code, message } } : undefined)
})

const failureOf = <A>(effect: Effect.Effect<A, ValidatorError>) => Effect.flip(effect)

/** Of what is tried again quickly. */
const lastFailureOf = <A>(effect: Effect.Effect<A, ValidatorError>) => inTime(Effect.flip(effect))

const deposit = Effect.gen(function* () {
  const { anvil, depositor, usdc } = yield* LocalChain
  const data = transfer(depositAddress, 1_500_000n)
  return yield* anvil.send({ from: depositor, to: usdc, data })
})

layer(LocalChain.layer, { timeout: "60 seconds" })("the endpoints of a chain", (it) => {
  const ask = (validator: Validator["Service"], tx_hash: TxHash = unknownTx) =>
    validator.verify(claimOf({ tx_hash }))

  it.effect(
    "open their circuit after the threshold, and the chain is not claimed until it may close",
    () =>
      Effect.gen(function* () {
        const { front, validator } = yield* behindFront({ threshold: 3 })
        yield* front.setMode(overloaded)
        assert.deepStrictEqual(yield* validator.claimableChains, [chainName])
        const endpoint = `${new URL(front.url).host}#0`
        const circuit = (state: Circuit["state"]) => [{ chain: chainName, endpoint, state }]
        assert.deepStrictEqual(yield* validator.circuits, circuit("closed"))

        for (let failures = 1; failures <= 3; failures++) {
          assert.strictEqual((yield* failureOf(ask(validator)))._tag, "RpcFailure")
        }
        const sent = yield* front.requests
        const rejected = yield* failureOf(ask(validator))
        assert.strictEqual(rejected._tag, "CircuitsOpen")
        assert.deepInclude(rejected, { retry_after_ms: openMillis })
        assert.strictEqual(yield* front.requests, sent, "an open circuit makes no calls")
        assert.deepStrictEqual(yield* validator.claimableChains, [])
        assert.deepStrictEqual(yield* validator.circuits, circuit("open"))

        yield* TestClock.adjust(openMillis - 1)
        assert.deepStrictEqual(yield* validator.claimableChains, [])
        yield* TestClock.adjust(1)
        assert.deepStrictEqual(yield* validator.claimableChains, [chainName])
        assert.deepStrictEqual(yield* validator.circuits, circuit("half_open"))

        assert.strictEqual((yield* failureOf(ask(validator)))._tag, "RpcFailure", "the probe fails")
        assert.deepStrictEqual(yield* validator.claimableChains, [])

        yield* TestClock.adjust(openMillis)
        yield* front.setMode({ _tag: "Forward" })
        assert.strictEqual((yield* ask(validator))._tag, "NotFound")
        assert.deepStrictEqual(yield* validator.claimableChains, [chainName])
        assert.deepStrictEqual(yield* validator.circuits, circuit("closed"))
      })
  )

  it.effect("count one failed request once, however many deposits it was for", () =>
    Effect.gen(function* () {
      const { front, validator } = yield* behindFront({ threshold: 3 })
      yield* ask(validator)
      yield* front.setMode(overloaded)
      yield* TestClock.adjust("1 second")
      const before = yield* front.requests

      const failures = yield* Effect.forEach(
        unknownTxs(20),
        (hash) => failureOf(ask(validator, hash)),
        { concurrency: "unbounded" }
      )

      assert.isTrue(failures.every(({ _tag }) => _tag === "RpcFailure"))
      assert.strictEqual((yield* front.requests) - before, 1)
      assert.deepStrictEqual(yield* validator.claimableChains, [chainName])
    })
  )

  it.effect("count one request once whose calls were all over the limit", () =>
    Effect.gen(function* () {
      const { front, validator } = yield* behindFront({ threshold: 2 })
      yield* front.setMode(errorTo("eth_getTransactionReceipt", -32005, "limit exceeded"))
      const hashes = yield* Effect.all([deposit, deposit, deposit])

      const failures = yield* inTime(
        Effect.forEach(hashes, (hash) => failureOf(ask(validator, hash)), {
          concurrency: "unbounded"
        })
      )
      assert.isTrue(failures.every(({ _tag }) => _tag === "RpcFailure"))
      assert.deepStrictEqual(yield* validator.claimableChains, [chainName])
      yield* lastFailureOf(ask(validator))
      assert.deepStrictEqual(yield* validator.claimableChains, [])
    })
  )

  it.effect("let one question probe a circuit, and the others wait", () =>
    Effect.gen(function* () {
      const { front, validator } = yield* behindFront({ threshold: 1 })
      yield* front.setMode(overloaded)
      yield* failureOf(ask(validator))
      yield* TestClock.adjust(openMillis)

      const errors = yield* Effect.forEach(
        unknownTxs(5),
        (hash) => failureOf(ask(validator, hash)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        errors.map(({ _tag }) => _tag),
        ["RpcFailure", "CircuitsOpen", "CircuitsOpen", "CircuitsOpen", "CircuitsOpen"]
      )
    })
  )

  it.effect("stand in for each other", () =>
    Effect.gen(function* () {
      const { anvil } = yield* LocalChain
      const { front, validator } = yield* behindFront({ urls: [anvil.url], threshold: 2 })
      const tx_hash = yield* deposit

      const askIn = (mode: FrontMode) =>
        Effect.gen(function* () {
          yield* front.setMode(mode)
          const verdict = yield* ask(validator, tx_hash)
          assert.strictEqual(verdict._tag, "Confirmed")
          assert.strictEqual(verdict.evidence.endpoint, `${new URL(anvil.url).host}#1`)
        })
      yield* askIn(overloaded)
      yield* askIn({ _tag: "Reset" })
      const sent = yield* front.requests
      yield* askIn({ _tag: "Garbage" })
      assert.strictEqual(yield* front.requests, sent, "its circuit open, the first is not asked")
      assert.deepStrictEqual(yield* validator.claimableChains, [chainName])
    })
  )

  it.effect("tell of every endpoint's failure when all fail", () =>
    Effect.gen(function* () {
      const { anvil } = yield* LocalChain
      const second = yield* startRpcFront(anvil.url)
      const { front, validator } = yield* behindFront({ urls: [second.url] })
      yield* front.setMode({ _tag: "Status", status: 429, retryAfter: "7" })
      yield* second.setMode({ _tag: "Status", status: 503, retryAfter: "3" })

      const error = yield* failureOf(ask(validator))
      assert.match(error.message, /HTTP 429 from 127.0.0.1:\d+#0; HTTP 503 from 127.0.0.1:\d+#1/)
      assert.deepInclude(error, { retry_after_ms: 3000 })
    })
  )

  it.effect("are left alone for as long as they ask", () =>
    Effect.gen(function* () {
      const { front, validator } = yield* behindFront({ threshold: 2 })
      yield* front.setMode({ _tag: "Status", status: 429, retryAfter: "120" })
      const error = yield* failureOf(ask(validator))
      assert.deepInclude(error, { _tag: "RpcFailure", retry_after_ms: 120_000 })

      // A date is as good as seconds.
      const now = yield* Clock.currentTimeMillis
      yield* TestClock.adjust(1000 - (now % 1000))
      const date = new Date((yield* Clock.currentTimeMillis) + 120_000)
      yield* front.setMode({ _tag: "Status", status: 503, retryAfter: date.toUTCString() })
      assert.deepInclude(yield* failureOf(ask(validator)), { retry_after_ms: 120_000 })

      yield* TestClock.adjust(openMillis)
      assert.deepStrictEqual(yield* validator.claimableChains, [], "longer than the setting")
      const open = yield* failureOf(ask(validator))
      assert.deepInclude(open, { _tag: "CircuitsOpen", retry_after_ms: 120_000 - openMillis })
      yield* TestClock.adjust(120_000 - openMillis)
      assert.deepStrictEqual(yield* validator.claimableChains, [chainName])
    })
  )

  it.effect("of another chain are never believed, and the deposits wait", () =>
    Effect.gen(function* () {
      const { anvil } = yield* LocalChain
      const tx_hash = yield* deposit
      const validator = yield* openValidator({ chainId: 1, threshold: 2 })

      const error = yield* lastFailureOf(ask(validator, tx_hash))
      assert.strictEqual(error._tag, "RpcFailure")
      assert.match(error.message, /serves chain 31337, but localchain is chain 1 in surehook.yaml/)
      yield* lastFailureOf(ask(validator, tx_hash))
      assert.deepStrictEqual(yield* validator.claimableChains, [])

      // One wrong endpoint among right ones costs nothing but itself.
      const front = yield* startRpcFront(anvil.url)
      yield* front.setMode({
        _tag: "Rewrite",
        rewrite: ({ method }) => (method === "eth_chainId" ? { result: "0x1" } : undefined)
      })
      const mixed = yield* openValidator({ urls: [front.url, anvil.url] })
      const verdict = yield* ask(mixed, tx_hash)
      assert.strictEqual(verdict._tag, "Confirmed")
      assert.strictEqual(yield* front.calls("eth_getTransactionReceipt"), 0)
    })
  )

  it.effect("that come back after an outage as another chain are not believed", () =>
    Effect.gen(function* () {
      const { front, validator } = yield* behindFront()
      yield* ask(validator)
      yield* front.setMode(overloaded)
      yield* TestClock.adjust("1 second")
      yield* lastFailureOf(ask(validator))
      yield* front.setMode({
        _tag: "Rewrite",
        rewrite: ({ method }) => (method === "eth_chainId" ? { result: "0x1" } : undefined)
      })
      const error = yield* lastFailureOf(ask(validator))
      assert.match(error.message, /serves chain 1, but localchain is chain 31337/)
    })
  )

  it.effect(
    "that answer nonsense fail, and are not taken for a chain without the transaction",
    () =>
      Effect.gen(function* () {
        const receiptIs = (result: unknown): FrontMode => ({
          _tag: "Rewrite",
          rewrite: ({ method }) =>
            method === "eth_getTransactionReceipt"
              ? { result: JSON.parse(JSON.stringify(result)) }
              : undefined
        })
        const { anvil } = yield* LocalChain
        const tx_hash = yield* deposit
        const foreign = yield* anvil.rpc("eth_getTransactionReceipt", [yield* deposit])
        const cases: ReadonlyArray<readonly [FrontMode, RegExp]> = [
          [{ _tag: "Garbage" }, /something other than JSON/],
          [{ _tag: "Reset" }, /could not reach/],
          [receiptIs({ status: "0x1" }), /malformed answer to eth_getTransactionReceipt/],
          [receiptIs("0x"), /malformed answer to eth_getTransactionReceipt/],
          [receiptIs(foreign), /the receipt of another transaction/]
        ]
        for (const [mode, expected] of cases) {
          const { front, validator } = yield* behindFront({ threshold: 1 })
          yield* front.setMode(mode)
          const error = yield* lastFailureOf(ask(validator, tx_hash))
          assert.strictEqual(error._tag, "RpcFailure")
          assert.match(error.message, expected)
          assert.deepStrictEqual(
            yield* validator.claimableChains,
            [],
            `${expected} opens the circuit`
          )
        }
      })
  )

  it.effect("that drop an answer from a batch do not shift the others", () =>
    Effect.gen(function* () {
      const { front, validator } = yield* behindFront()
      const lost = yield* deposit
      const kept = yield* deposit
      yield* ask(validator)
      yield* front.setMode({
        _tag: "Rewrite",
        rewrite: ({ method, params }) =>
          method === "eth_getTransactionReceipt" && params[0] === lost ? "drop" : undefined
      })

      const [unanswered, verdict] = yield* Effect.all(
        [lastFailureOf(ask(validator, lost)), ask(validator, kept)],
        { concurrency: "unbounded" }
      )
      assert.match(unanswered.message, /left a call of a batch unanswered/)
      assert.strictEqual(verdict._tag, "Confirmed")
    })
  )

  it.effect("that take no batches are asked one by one instead of failing every deposit", () =>
    Effect.gen(function* () {
      const hashes = yield* Effect.all([deposit, deposit, deposit])
      // The last is how a wrong call is answered: it must not dead-letter what was in the batch.
      for (const [status, code] of [
        [200, -32600],
        [400, -32600],
        [413, -32000],
        [200, -32602]
      ] as const) {
        const { front, validator } = yield* behindFront({ threshold: 1 })
        yield* front.setMode({ _tag: "NoBatches", status, code })
        const verifyAll = Effect.forEach(hashes, (hash) => ask(validator, hash), {
          concurrency: "unbounded"
        })
        for (let turn = 1; turn <= 2; turn++) {
          const verdicts = yield* verifyAll
          assert.isTrue(verdicts.every(({ _tag }) => _tag === "Confirmed"))
        }
        const before = (yield* front.batchSizes).length
        yield* verifyAll
        const sizes = (yield* front.batchSizes).slice(before)
        assert.isTrue(
          sizes.every((size) => size === 1),
          "by then batches are no longer tried"
        )
      }
    })
  )

  it.effect("are blamed for their errors, and not for ours", () =>
    Effect.gen(function* () {
      const { front, validator } = yield* behindFront({ threshold: 1 })
      yield* front.setMode(errorTo("eth_getTransactionReceipt", -32602, "ours"))
      const refused = yield* lastFailureOf(ask(validator))
      assert.strictEqual(refused._tag, "RpcRefused")
      assert.deepStrictEqual(yield* validator.claimableChains, [chainName])

      for (const [code, message] of [
        [-32000, "header not found"],
        [-32603, "internal error"],
        [-32005, "limit exceeded"],
        [-32600, "must be authenticated"],
        [-32601, "the method eth_getTransactionReceipt does not exist"],
        [429, "too many requests"]
      ] as const) {
        const fresh = yield* behindFront({ threshold: 1 })
        yield* fresh.front.setMode(errorTo("eth_getTransactionReceipt", code, message))
        const failure = yield* lastFailureOf(ask(fresh.validator))
        assert.strictEqual(failure._tag, "RpcFailure")
        assert.include(failure.message, message)
        assert.deepStrictEqual(yield* fresh.validator.claimableChains, [])
      }
    })
  )

  it.effect("whose key expired fail with what they say of it, and dead-letter nothing", () =>
    Effect.gen(function* () {
      const { front, validator } = yield* behindFront({ threshold: 1 })
      const error = { code: -32602, message: `the key ${front.key} is unknown` }
      const body = JSON.stringify({ jsonrpc: "2.0", id: 1, error })
      for (const status of [401, 403]) {
        yield* front.setMode({ _tag: "Status", status, body })
        const failure = yield* lastFailureOf(ask(validator))
        assert.strictEqual(failure._tag, "RpcFailure")
        assert.match(failure.message, new RegExp(`^HTTP ${status} from .*: the key <redacted> is`))
        yield* TestClock.adjust(openMillis)
      }
    })
  )

  it.effect("never show their keys in an error, whatever they answer", () =>
    Effect.gen(function* () {
      const { front, validator } = yield* behindFront({ threshold: 100 })
      const modes: ReadonlyArray<FrontMode> = [
        overloaded,
        { _tag: "Status", status: 401 },
        { _tag: "Garbage" },
        { _tag: "Reset" },
        {
          _tag: "Rewrite",
          rewrite: () => ({ error: { code: -32602, message: `no such project: ${front.key}` } })
        },
        {
          _tag: "Rewrite",
          rewrite: () => ({ error: { code: -32000, message: `${front.url} is over its quota` } })
        }
      ]
      for (const mode of modes) {
        yield* front.setMode(mode)
        const error = yield* lastFailureOf(ask(validator))
        const shown = `${JSON.stringify(error)} ${error.message} ${String(error)} ${error.stack}`
        assert.notInclude(shown, front.key)
        assert.include(shown, "127.0.0.1")
      }
      const unreachable = yield* openValidator({ urls: ["http://127.0.0.1:9/v2/an-unlisted-key"] })
      const error = yield* lastFailureOf(ask(unreachable))
      assert.match(error.message, /could not reach 127.0.0.1:9#0/)
      assert.notInclude(`${JSON.stringify(error)} ${error.stack}`, "an-unlisted-key")
    })
  )
})
