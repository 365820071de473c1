/** The road from webhook to credit on real parts: HTTP, Postgres, a chain with tokens on it. */
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer, Schema } from "effect"
import { Address } from "../../src/domain/chain.ts"
import { JobId } from "../../src/domain/ids.ts"
import { hashOf } from "../../src/event-log/event-record.ts"
import { chainName, chainOf, LocalChain, oneEther, oneUsdc } from "../support/anvil.ts"
import { awaitStatus, balancesOf, eventsOf, get, jobOf, send } from "../support/api.ts"
import { announce, splitNative, splitToken, transfer } from "../support/contracts.ts"
import { TestDatabase } from "../support/postgres.ts"
import { type RunningService, startService, strangerToken } from "../support/service.ts"

class Service extends Context.Service<Service, RunningService>()("test/Service") {
  static readonly layer = Layer.effect(
    Service,
    Effect.gen(function* () {
      const { url } = yield* TestDatabase
      return yield* startService({
        databaseUrl: url,
        chains: [yield* chainOf()],
        env: { FUNDING_WORKER_MAX_ATTEMPTS: "2", FUNDING_WORKER_POLL_INTERVAL: "1s" }
      })
    })
  ).pipe(Layer.provideMerge(LocalChain.layer), Layer.provideMerge(TestDatabase.layer), Layer.orDie)
}

let addresses = 0
/** Holds nothing yet, and belongs to this test alone. */
const freshAddress = () =>
  Address.make(`0x${(0xd000 + ++addresses).toString(16).padStart(40, "0")}`)

const claim = (
  tx_hash: string,
  to_address: string,
  fields: Readonly<Record<string, unknown>> = {}
) => ({
  chain: chainName,
  tx_hash,
  token: "USDC",
  amount: "1.5",
  to_address,
  ...fields
})

const Mined = Schema.Struct({ transactionHash: Schema.String })

const payUsdc = (to: Address, units = (3n * oneUsdc) / 2n) =>
  Effect.gen(function* () {
    const { anvil, depositor, usdc: contract } = yield* LocalChain
    return yield* anvil.send({ from: depositor, to: contract, data: transfer(to, units) })
  })

layer(Service.layer, { excludeTestServices: true, timeout: "60 seconds" })("a deposit", (it) => {
  it.effect("of a token is credited, with a history that anybody can recompute", () =>
    Effect.gen(function* () {
      const { url } = yield* Service
      const to = freshAddress()
      const { job_id } = yield* send(url, claim(yield* payUsdc(to), to))
      const job = yield* awaitStatus(url, job_id, "completed")
      assert.strictEqual(job.attempt_count, 1)
      assert.deepStrictEqual(yield* balancesOf(url, chainName, to), { USDC: "1.5" })
      const events = yield* eventsOf(url, job_id)
      assert.deepStrictEqual(
        events.map(({ type, from_state, to_state }) => [type, from_state, to_state]),
        [
          ["deposit.received", null, "pending"],
          ["processing.started", "pending", "processing"],
          ["deposit.credited", "processing", "completed.watching"]
        ]
      )
      let previous = "0".repeat(64)
      for (const { previous_hash, hash, ...content } of events) {
        assert.strictEqual(previous_hash, previous)
        assert.strictEqual(
          hashOf(previous, { ...content, job_id: JobId.make(content.job_id) }),
          hash
        )
        previous = hash
      }
    })
  )

  it.effect("of the chain's own coin is credited", () =>
    Effect.gen(function* () {
      const { url } = yield* Service
      const { anvil, depositor } = yield* LocalChain
      const to = freshAddress()
      const tx = yield* anvil.send({ from: depositor, to, wei: oneEther / 4n })
      const { job_id } = yield* send(url, claim(tx, to, { token: "ETH", amount: "0.25" }))
      yield* awaitStatus(url, job_id, "completed")
      assert.deepStrictEqual(yield* balancesOf(url, chainName, to), { ETH: "0.25" })
    })
  )

  it.effect("with another in the same transaction is credited like it, without an index", () =>
    Effect.gen(function* () {
      const { url } = yield* Service
      const { anvil, depositor, usdc: contract, splitter } = yield* LocalChain
      const [ann, bob] = [freshAddress(), freshAddress()]
      const tx = yield* anvil.send({
        from: depositor,
        to: splitter,
        data: splitToken(contract, [
          [ann, (3n * oneUsdc) / 2n],
          [bob, (3n * oneUsdc) / 2n]
        ])
      })
      const jobs = yield* Effect.forEach([ann, bob], (to) => send(url, claim(tx, to)))
      yield* Effect.forEach(jobs, ({ job_id }) => awaitStatus(url, job_id, "completed"))
      assert.deepStrictEqual(yield* balancesOf(url, chainName, ann), { USDC: "1.5" })
      assert.deepStrictEqual(yield* balancesOf(url, chainName, bob), { USDC: "1.5" })
    })
  )

  it.effect("inside of a contract call is found by its trace", () =>
    Effect.gen(function* () {
      const { url } = yield* Service
      const { anvil, depositor, splitter } = yield* LocalChain
      const to = freshAddress()
      const tx = yield* anvil.send({
        from: depositor,
        to: splitter,
        wei: oneEther,
        data: splitNative([[to, oneEther]])
      })
      const { job_id } = yield* send(url, claim(tx, to, { token: "ETH", amount: "1" }))
      yield* awaitStatus(url, job_id, "completed")
    })
  )

  it.effect("announced at the same moment, in many writings, is credited once", () =>
    Effect.gen(function* () {
      const { url } = yield* Service
      const to = freshAddress()
      const tx = yield* payUsdc(to)
      const writings = [
        claim(tx, to),
        claim(tx.toUpperCase().replace("0X", "0x"), to),
        claim(tx, to.toUpperCase().replace("0X", "0x"), { amount: "1.50" })
      ]
      const sent = yield* Effect.forEach(
        Array.from({ length: 30 }, (_, index) => writings[index % 3]),
        (body) => send(url, body),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(new Set(sent.map(({ job_id }) => job_id)).size, 1)
      assert.strictEqual(sent.filter(({ status }) => status === "accepted").length, 1)
      yield* awaitStatus(url, sent[0]?.job_id ?? "", "completed")
      assert.deepStrictEqual(yield* balancesOf(url, chainName, to), { USDC: "1.5" })
    })
  )

  it.effect("claimed with and without its index is two jobs and one credit", () =>
    Effect.gen(function* () {
      const { url } = yield* Service
      const to = freshAddress()
      const tx = yield* payUsdc(to)
      const jobs = yield* Effect.forEach(
        [claim(tx, to), claim(tx, to, { transfer_index: 0 })],
        (body) => send(url, body),
        { concurrency: "unbounded" }
      )
      const [one, other] = yield* Effect.forEach(jobs, ({ job_id }) =>
        Effect.andThen(awaitStatus(url, job_id, "completed"), eventsOf(url, job_id))
      )
      assert.sameMembers(
        [one?.at(-1)?.type, other?.at(-1)?.type],
        ["deposit.credited", "deposit.already_credited"]
      )
      assert.deepStrictEqual(yield* balancesOf(url, chainName, to), { USDC: "1.5" })
    })
  )

  it.effect("that is not on the chain yet is tried again, and credited when it is", () =>
    Effect.gen(function* () {
      const { url } = yield* Service
      const { anvil, depositor, usdc: contract } = yield* LocalChain
      const to = freshAddress()
      // With its fees given, the same transaction has the same hash each time it is sent.
      const sendIt = Effect.map(
        anvil.rpc("eth_sendTransactionSync", [
          {
            from: depositor,
            to: contract,
            data: transfer(to, (3n * oneUsdc) / 2n),
            gas: "0x1e8480",
            maxFeePerGas: "0x174876e800",
            maxPriorityFeePerGas: "0x3b9aca00"
          }
        ]),
        (mined) => Schema.decodeUnknownSync(Mined)(mined).transactionHash
      )
      const snapshot = yield* anvil.rpc("evm_snapshot")
      const tx = yield* sendIt
      assert.isTrue(yield* anvil.rpc("evm_revert", [String(snapshot)]))
      const { job_id } = yield* send(url, claim(tx, to))
      const failed = yield* awaitStatus(url, job_id, "failed")
      assert.strictEqual(failed.error_type, "transient")
      assert.strictEqual(yield* sendIt, tx)
      const done = yield* awaitStatus(url, job_id, "completed")
      assert.strictEqual(done.attempt_count, 2)
    })
  )

  it.effect("that never appears is dead-lettered when its attempts are exhausted", () =>
    Effect.gen(function* () {
      const { url } = yield* Service
      const { job_id } = yield* send(url, claim(`0x${"00".repeat(31)}99`, freshAddress()))
      const dead = yield* awaitStatus(url, job_id, "dlq")
      assert.strictEqual(dead.attempt_count, 2)
      assert.strictEqual(dead.failure_reason, "the chain does not know this transaction yet")
    })
  )

  it.effect("that reverted, has another amount, or is of a spoofed token is dead-lettered", () =>
    Effect.gen(function* () {
      const { url } = yield* Service
      const { anvil, depositor, usdc: contract, spoof } = yield* LocalChain
      const to = freshAddress()
      const reverted = yield* anvil.send({
        from: emptyHanded,
        to: contract,
        data: transfer(to, oneUsdc)
      })
      const spoofed = yield* anvil.send({
        from: depositor,
        to: spoof,
        data: announce(depositor, to, (3n * oneUsdc) / 2n)
      })
      const less = yield* payUsdc(to, oneUsdc)
      const cases = [
        [claim(reverted, to, { amount: "1" }), /reverted/],
        [claim(spoofed, to), /a symbol proves nothing/],
        [claim(less, to), /it moved 1 USDC, not 1\.5/]
      ] as const
      for (const [body, reason] of cases) {
        const { job_id } = yield* send(url, body)
        const dead = yield* awaitStatus(url, job_id, "dlq")
        assert.strictEqual(dead.error_type, "permanent")
        assert.strictEqual(dead.attempt_count, 1)
        assert.match(dead.failure_reason ?? "", reason)
      }
      assert.deepStrictEqual(yield* balancesOf(url, chainName, to), {})
      const { job_id } = yield* send(url, claim(less, to, { amount: "1" }))
      yield* awaitStatus(url, job_id, "completed")
      assert.deepStrictEqual(yield* balancesOf(url, chainName, to), { USDC: "1" })
    })
  )

  it.effect("is shown to its tenant alone", () =>
    Effect.gen(function* () {
      const { url } = yield* Service
      const to = freshAddress()
      const { job_id } = yield* send(url, claim(yield* payUsdc(to), to))
      yield* awaitStatus(url, job_id, "completed")
      for (const path of [
        `/v1/jobs/${job_id}`,
        `/v1/jobs/${job_id}/events`,
        `/v1/accounts/${chainName}/${to}`
      ]) {
        assert.strictEqual((yield* get(url, path)).status, 200)
        assert.strictEqual((yield* get(url, path, strangerToken)).status, 404)
        const unauthorized = yield* get(url, path, "wrong")
        assert.strictEqual(unauthorized.status, 401)
        assert.strictEqual(unauthorized.headers.get("content-type"), "application/problem+json")
      }
      assert.strictEqual((yield* jobOf(url, job_id)).id, job_id)
      for (const path of [
        "/v1/jobs/none",
        `/v1/jobs/${job_id.replace(/[^-]/g, "0")}`,
        "/v1/nothing"
      ]) {
        assert.strictEqual((yield* get(url, path)).status, 404)
      }
    })
  )
})

/** An account of anvil that holds no USDC. */
const emptyHanded = Address.make("0x70997970c51812dc3a010c7d01b50e0d17dc79c8")
