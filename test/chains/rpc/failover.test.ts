/** Which endpoint is asked, and when the next one is: before anvil stand fronts that fail as told. */
import { assert, layer } from "@effect/vitest"
import { Cause, Clock, Effect, Exit, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"
import type { Validator } from "../../../src/chains/validator.ts"
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

/** A validator behind as many fronts as there are endpoints. */
const behindFronts = (endpoints: NonNullable<ValidatorOptions["endpoints"]>, options = {}) =>
  Effect.gen(function* () {
    const { anvil } = yield* LocalChain
    const fronts = yield* Effect.forEach(endpoints, () => startRpcFront(anvil.url))
    const urls = fronts.map(({ url }) => url)
    const validator = yield* openValidator({ urls, endpoints, ...options })
    const [first, second = first] = fronts
    if (first === undefined || second === undefined) return yield* Effect.die("no front")
    return { first, second, validator }
  })

const deposit = Effect.gen(function* () {
  const { anvil, depositor, usdc } = yield* LocalChain
  const data = transfer(depositAddress, 1_500_000n)
  return yield* anvil.send({ from: depositor, to: usdc, data })
})

const ask = (validator: Validator["Service"], tx_hash: TxHash = unknownTx) =>
  validator.verify(claimOf({ tx_hash }))

/** The position of the endpoint that a deposit is confirmed by. */
const confirmedBy = (validator: Validator["Service"], tx_hash: TxHash) =>
  Effect.map(ask(validator, tx_hash), (verdict) => {
    assert.strictEqual(verdict._tag, "Confirmed", JSON.stringify(verdict))
    return Number(String(verdict.evidence.endpoint).split("#")[1])
  })

const took = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const begin = yield* Clock.currentTimeMillis
    yield* inTime(effect)
    return (yield* Clock.currentTimeMillis) - begin
  })

const callsOf = (front: RpcFront) =>
  Effect.map(front.batchSizes, (sizes) => sizes.reduce((sum, size) => sum + size, 0))

const awaitRequest = (front: RpcFront) =>
  front.requests.pipe(Effect.repeat({ until: (requests) => requests > 0 }), TestClock.withLive)

layer(LocalChain.layer, { timeout: "60 seconds" })("the endpoints of a chain", (it) => {
  it.effect("are asked by priority, then those of our region, then as in the file", () =>
    Effect.gen(function* () {
      const tx_hash = yield* deposit
      const far = { region: "us-east-1" }
      const near = { region: "eu-west-1" }
      const region = "eu-west-1"
      const by = (endpoints: ReadonlyArray<object>) =>
        Effect.flatMap(behindFronts(endpoints, { region }), ({ validator }) =>
          confirmedBy(validator, tx_hash)
        )
      assert.strictEqual(yield* by([{}, {}]), 0)
      assert.strictEqual(yield* by([far, near]), 1)
      assert.strictEqual(yield* by([near, { ...far, priority: 1 }]), 1)
    })
  )

  it.effect("hold nothing up by their silence, and are asked last until they speak", () =>
    Effect.gen(function* () {
      const { first, validator } = yield* behindFronts([{}, {}], { threshold: 1 })
      const hashes = [yield* deposit, yield* deposit, yield* deposit]
      const [one = unknownTx, two = unknownTx, three = unknownTx] = hashes
      yield* first.setMode({ _tag: "Hang" })

      const wait = yield* took(
        Effect.map(confirmedBy(validator, one), (by) => assert.strictEqual(by, 1))
      )
      assert.isTrue(wait >= 1000 && wait < 2500, `${wait} ms`)
      const sent = yield* first.requests
      assert.strictEqual(yield* confirmedBy(validator, two), 1)
      assert.strictEqual(yield* first.requests, sent, "who is silent is not asked again")

      // Its time is up, and its silence counts.
      yield* inTime(Effect.sleep("10 seconds"))
      yield* first.setMode({ _tag: "Forward" })
      assert.strictEqual(yield* confirmedBy(validator, three), 1)
      assert.strictEqual(yield* first.requests, sent, "its circuit is open")
      yield* TestClock.adjust(openMillis)
      assert.strictEqual(yield* confirmedBy(validator, three), 0)
    })
  )

  it.effect("hold up none of the deposits that share a silent request", () =>
    Effect.gen(function* () {
      const { first, validator } = yield* behindFronts([{}, {}])
      yield* ask(validator)
      const hashes = [yield* deposit, yield* deposit, yield* deposit]
      yield* first.setMode({ _tag: "Hang" })
      const sent = yield* first.requests
      const by = yield* inTime(
        Effect.forEach(hashes, (hash) => confirmedBy(validator, hash), {
          concurrency: "unbounded"
        })
      )
      assert.deepStrictEqual(by, [1, 1, 1])
      assert.strictEqual((yield* first.requests) - sent, 1)
    })
  )

  it.effect("are asked again quickly if there is no other, which the circuit counts once", () =>
    Effect.gen(function* () {
      const { first, validator } = yield* behindFronts([{}], { threshold: 1 })
      const tx_hash = yield* deposit
      yield* first.setMode({ _tag: "Reset" })
      const verdict = yield* Effect.forkChild(inTime(confirmedBy(validator, tx_hash)))
      yield* awaitRequest(first)
      yield* first.setMode({ _tag: "Forward" })
      assert.strictEqual(yield* Fiber.join(verdict), 0)
      assert.deepStrictEqual(yield* validator.claimableChains, [chainName])
    })
  )

  it.effect("get one request of a crowd that is tried again, as they got one before", () =>
    Effect.gen(function* () {
      const { first, validator } = yield* behindFronts([{}], { threshold: 2 })
      yield* ask(validator)
      yield* first.setMode({ _tag: "Garbage" })
      const before = yield* first.requests
      const failures = yield* inTime(
        Effect.forEach(unknownTxs(30), (hash) => Effect.flip(ask(validator, hash)), {
          concurrency: "unbounded"
        })
      )
      assert.isTrue(failures.every(({ _tag }) => _tag === "RpcFailure"))
      assert.strictEqual((yield* first.requests) - before, 3)
      assert.deepStrictEqual(yield* validator.claimableChains, [chainName], "one failure")
    })
  )

  it.effect("are not asked again while another can be, nor if they say when to come back", () =>
    Effect.gen(function* () {
      const tx_hash = yield* deposit
      const pair = yield* behindFronts([{}, {}])
      yield* pair.first.setMode({ _tag: "Reset" })
      assert.strictEqual(yield* confirmedBy(pair.validator, tx_hash), 1)
      assert.strictEqual(yield* pair.first.requests, 1)

      const alone = yield* behindFronts([{}])
      yield* alone.first.setMode({ _tag: "Status", status: 429, retryAfter: "3" })
      const failure = yield* Effect.flip(ask(alone.validator))
      assert.deepInclude(failure, { _tag: "RpcFailure", retry_after_ms: 3000 })
      assert.strictEqual(yield* alone.first.requests, 1)
    })
  )

  it.effect("share a crowd that is too large for the rate limit of the first", () =>
    Effect.gen(function* () {
      const { first, second, validator } = yield* behindFronts([{ rate_limit: 20 }, {}])
      yield* ask(validator)
      yield* TestClock.adjust("2 seconds")
      const [before, other] = [yield* callsOf(first), yield* callsOf(second)]
      const hashes = yield* Effect.all(Array.from({ length: 24 }, () => deposit))
      // No time passes: of the first no more is asked than it allows at once.
      const verdicts = yield* Effect.forEach(hashes, (hash) =>
        Effect.forkChild(Effect.exit(ask(validator, hash)))
      )
      const asked = yield* callsOf(second).pipe(
        Effect.repeat({ until: (calls) => calls > other }),
        TestClock.withLive
      )
      assert.isAbove(asked, other)
      assert.strictEqual((yield* callsOf(first)) - before, 20)
      const exits = yield* inTime(Fiber.joinAll(verdicts))
      assert.isTrue(exits.every(Exit.isSuccess))
    })
  )

  it.effect("that are at their rate limit keep a question waiting for its turn, in order", () =>
    Effect.gen(function* () {
      const { first, validator } = yield* behindFronts([{ rate_limit: 5 }])
      const hashes = yield* Effect.all(Array.from({ length: 6 }, () => deposit))
      const wait = yield* took(
        Effect.forEach(hashes, (hash) => confirmedBy(validator, hash), {
          concurrency: "unbounded"
        })
      )
      const calls = yield* callsOf(first)
      assert.isAtLeast(wait, (calls / 5 - 1) * 1000, `${calls} calls in ${wait} ms`)
      assert.isTrue((yield* first.batchSizes).every((size) => size <= 5))
      assert.deepStrictEqual(yield* validator.claimableChains, [chainName])
    })
  )

  it.effect("that are far beyond their rate limit are left alone, which costs no attempt", () =>
    Effect.gen(function* () {
      const { validator } = yield* behindFronts([{ rate_limit: 1 }])
      const crowd = yield* Effect.forEach(unknownTxs(10), (hash) =>
        Effect.forkChild(Effect.exit(ask(validator, hash)))
      )
      yield* TestClock.adjust("10 millis")
      assert.deepStrictEqual(yield* validator.claimableChains, [], "no more are claimed")
      const exits = yield* inTime(Fiber.joinAll(crowd))
      const tags = exits.map(tagOf)
      assert.includeMembers(tags, ["NotFound", "CircuitsOpen"])
      assert.notInclude(tags, "RpcFailure")
    })
  )

  it.effect("that lag behind are passed over, and no attempt is lost", () =>
    Effect.gen(function* () {
      const { anvil } = yield* LocalChain
      const { first, validator } = yield* behindFronts([{}, {}], { maxLag: 5, threshold: 2 })
      const latest = yield* blockOf("latest")
      yield* anvil.mine(5)
      yield* first.setMode(newestIs(latest))
      const tx_hash = yield* deposit
      // Asked for what it does not know, the second shows how far the chain is.
      yield* ask(validator)

      for (let turn = 1; turn <= 2; turn++) {
        assert.strictEqual(yield* confirmedBy(validator, yield* deposit), 1)
      }
      const sent = yield* first.requests
      assert.strictEqual(yield* confirmedBy(validator, tx_hash), 1)
      assert.strictEqual(yield* first.requests, sent, "its circuit is open")
    })
  )

  it.effect("that lag by no more than max_lag are healthy", () =>
    Effect.gen(function* () {
      const { anvil } = yield* LocalChain
      const { first, validator } = yield* behindFronts([{}, {}], { maxLag: 5, threshold: 1 })
      const latest = yield* blockOf("latest")
      yield* anvil.mine(4)
      yield* first.setMode(newestIs(latest))
      const tx_hash = yield* deposit
      yield* ask(validator)
      assert.strictEqual(yield* confirmedBy(validator, tx_hash), 0)
    })
  )

  it.effect("are believed again a minute after their chain went backwards", () =>
    Effect.gen(function* () {
      const { anvil } = yield* LocalChain
      const { first, validator } = yield* behindFronts([{}], { maxLag: 5, threshold: 100 })
      const latest = yield* blockOf("latest")
      yield* anvil.mine(10)
      yield* ask(validator)
      yield* first.setMode(newestIs(latest))
      const failure = yield* inTime(Effect.flip(ask(validator)))
      assert.strictEqual(failure._tag, "RpcFailure")
      assert.match(failure.message, /is 10 blocks behind the newest block seen on localchain/)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* ask(validator))._tag, "NotFound")
    })
  )

  it.effect("are not blamed for a transaction whose receipt nobody can take", () =>
    Effect.gen(function* () {
      const { first, validator } = yield* behindFronts([{}], { threshold: 2 })
      const huge = "0x".padEnd(11_000_000, "f")
      yield* first.setMode({
        _tag: "Rewrite",
        rewrite: ({ method, params }) =>
          method === "eth_getTransactionReceipt" && params[0] === unknownTx
            ? { result: huge }
            : undefined
      })
      for (let time = 0; time < 3; time++) {
        const error = yield* inTime(Effect.flip(ask(validator)))
        assert.deepInclude(error, { _tag: "RpcFailure", about: "answer_size" })
      }
      // Other deposits of the chain go on.
      assert.deepStrictEqual(yield* validator.claimableChains, [chainName])
      assert.strictEqual(yield* confirmedBy(validator, yield* deposit), 0)
    })
  )

  it.effect("that know nothing do not outvote one that could not be asked", () =>
    Effect.gen(function* () {
      const tx_hash = yield* deposit
      const { first, second, validator } = yield* behindFronts([{}, {}], { threshold: 1 })
      yield* first.setMode({
        _tag: "Rewrite",
        rewrite: ({ method }) =>
          /^eth_getTransaction(Receipt|ByHash)$/.test(method) ? { result: null } : undefined
      })
      yield* second.setMode({ _tag: "Status", status: 503 })
      const failed = yield* inTime(Effect.flip(ask(validator, tx_hash)))
      assert.strictEqual(failed._tag, "RpcFailure")
      // Its circuit is open now: the deposit waits as long as for a failure, and not for ever.
      const unasked = yield* inTime(Effect.flip(ask(validator, tx_hash)))
      assert.strictEqual(unasked._tag, "RpcFailure")
      assert.match(unasked.message, /do not know the transaction, and .*#1 failed too often/)
      yield* second.setMode({ _tag: "Forward" })
      yield* TestClock.adjust(openMillis)
      assert.strictEqual(yield* confirmedBy(validator, tx_hash), 1)
    })
  )
})

const tagOf = <A extends { readonly _tag: string }, E extends { readonly _tag: string }>(
  exit: Exit.Exit<A, E>
): string | undefined =>
  Exit.isSuccess(exit) ? exit.value._tag : exit.cause.reasons.find(Cause.isFailReason)?.error._tag

const blockOf = (tag: string) =>
  Effect.gen(function* () {
    const { anvil } = yield* LocalChain
    const block = yield* anvil.rpc("eth_getBlockByNumber", [tag, false])
    return yield* Schema.decodeUnknownEffect(Schema.JsonObject)(block)
  })

const newestIs = (block: Schema.JsonObject): FrontMode => ({
  _tag: "Rewrite",
  rewrite: ({ params }) => (params[0] === "latest" ? { result: block } : undefined)
})
