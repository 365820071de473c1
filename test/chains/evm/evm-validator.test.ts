import { assert, describe, layer } from "@effect/vitest"
import { Clock, Duration, Effect, Schema } from "effect"
import { TestClock } from "effect/testing"
import { startRpcFront } from "../../../src/demo/rpc-front.ts"
import { Amount, amountFromUnits } from "../../../src/domain/amount.ts"
import { Address, ChainName } from "../../../src/domain/chain.ts"
import { TokenSymbol } from "../../../src/domain/ids.ts"
import {
  chainName,
  claimOf,
  depositAddress,
  eth,
  fee,
  LocalChain,
  oneEther,
  oneUsdc,
  openValidator,
  otherAddress,
  unknownTx,
  usdc
} from "../../support/anvil.ts"
import {
  announce,
  mintCollectible,
  payInVain,
  splitNative,
  splitToken,
  transfer
} from "../../support/contracts.ts"
import { inTime } from "../../support/in-time.ts"
import { expectTag, isMismatchBecause } from "../../support/verdicts.ts"

const amount = (text: string) => Amount.make(text)
const units = 1_500_000n

/** Passes its value on to the address in its call data, and keeps it if there is none. */
const codeThatPaysTheNamed = "0x36600557005b6000600060006000346000355af100"
/** Gives its value back. */
const codeThatPaysItsCaller = "0x600060006000600034335af100"

layer(LocalChain.layer, { timeout: "60 seconds" })("a deposit on an EVM chain", (it) => {
  describe("of a token", () => {
    it.effect("is confirmed when its log matches in every part", () =>
      Effect.gen(function* () {
        const { anvil, depositor, usdc: contract } = yield* LocalChain
        const validator = yield* openValidator()
        const data = transfer(depositAddress, units)
        const tx_hash = yield* anvil.send({ from: depositor, to: contract, data })
        const height = yield* anvil.blockNumber

        const verdict = expectTag(yield* validator.verify(claimOf({ tx_hash })), "Confirmed")

        assert.deepStrictEqual(verdict.identity, {
          chain: chainName,
          tx_hash,
          transfer_index: "log:0"
        })
        assert.strictEqual(verdict.amount, "1.5")
        assert.strictEqual(verdict.block_number, height)
        assert.strictEqual(verdict.confirmations, 1)
        assert.strictEqual(verdict.finality, "watching")
        assert.deepInclude(verdict.evidence, { receipt_status: 1, tx_hash, block_number: height })
        assert.deepStrictEqual(verdict.evidence.transfer, {
          place: "log 0",
          log_index: 0,
          contract,
          from: depositor,
          to: depositAddress,
          units: "1500000"
        })
        yield* Schema.decodeUnknownEffect(Schema.JsonObject)(verdict.evidence)
      })
    )

    it.effect("that only calls itself USDC is never credited", () =>
      Effect.gen(function* () {
        const { anvil, depositor, spoof } = yield* LocalChain
        const validator = yield* openValidator()
        const data = announce(depositor, depositAddress, units)
        const tx_hash = yield* anvil.send({ from: depositor, to: spoof, data })

        const plain = yield* validator.verify(claimOf({ tx_hash }))
        const indexed = yield* validator.verify(claimOf({ tx_hash, transfer_index: 0 }))

        isMismatchBecause(plain, new RegExp(`emitted by ${spoof}.*a symbol proves nothing`))
        isMismatchBecause(indexed, new RegExp(`emitted by ${spoof}`))
      })
    )

    it.effect("is not taken from an NFT, whose id looks like an amount", () =>
      Effect.gen(function* () {
        const { anvil, depositor, collectible } = yield* LocalChain
        const validator = yield* openValidator()
        const data = mintCollectible(depositAddress, units)
        const tx_hash = yield* anvil.send({ from: depositor, to: collectible, data })

        const verdict = yield* validator.verify(claimOf({ tx_hash, transfer_index: 0 }))
        isMismatchBecause(verdict, /log 0 of the transaction is not an ERC-20 transfer/)
      })
    )

    it.effect("whose transaction reverted is not credited", () =>
      Effect.gen(function* () {
        const { anvil, usdc: contract } = yield* LocalChain
        const [, poor] = anvil.accounts
        const validator = yield* openValidator()
        const data = transfer(depositAddress, units)
        const tx_hash = yield* anvil.send({ from: poor, to: contract, data })

        const verdict = expectTag(yield* validator.verify(claimOf({ tx_hash })), "Reverted")
        assert.strictEqual(verdict.evidence.receipt_status, 0)
      })
    )

    it.effect("that went to another address is not credited", () =>
      Effect.gen(function* () {
        const { anvil, depositor, usdc: contract } = yield* LocalChain
        const validator = yield* openValidator()
        const data = transfer(otherAddress, units)
        const tx_hash = yield* anvil.send({ from: depositor, to: contract, data })

        const verdict = yield* validator.verify(claimOf({ tx_hash }))
        isMismatchBecause(
          verdict,
          new RegExp(`it went to ${otherAddress}, not to ${depositAddress}`)
        )
      })
    )

    it.effect("of another amount is not credited, be it more or less by a millionth", () =>
      Effect.gen(function* () {
        const { anvil, depositor, usdc: contract } = yield* LocalChain
        const validator = yield* openValidator()
        const data = transfer(depositAddress, units)
        const tx_hash = yield* anvil.send({ from: depositor, to: contract, data })

        for (const wrong of ["1.500001", "1.499999", "15", "1.5000000000000001"]) {
          const verdict = yield* validator.verify(claimOf({ tx_hash, amount: amount(wrong) }))
          const mismatch = isMismatchBecause(verdict, new RegExp(`it moved 1.5 USDC, not ${wrong}`))
          assert.strictEqual(mismatch.expected.amount, wrong)
        }
      })
    )

    it.effect("from an address to itself brings nothing and is not credited", () =>
      Effect.gen(function* () {
        const { anvil, depositor, usdc: contract } = yield* LocalChain
        const validator = yield* openValidator()
        const data = transfer(depositor, units)
        const tx_hash = yield* anvil.send({ from: depositor, to: contract, data })

        const verdict = yield* validator.verify(claimOf({ tx_hash, to_address: depositor }))
        isMismatchBecause(verdict, /to itself/)
      })
    )

    it.effect("with a fee is credited with what arrived, never with what was sent", () =>
      Effect.gen(function* () {
        const { anvil, depositor, feeToken } = yield* LocalChain
        const validator = yield* openValidator()
        const data = transfer(depositAddress, 100n * oneUsdc)
        const tx_hash = yield* anvil.send({ from: depositor, to: feeToken, data })
        const claim = claimOf({ tx_hash, token: fee })

        const sent = yield* validator.verify({ ...claim, amount: amount("100") })
        const arrived = yield* validator.verify({ ...claim, amount: amount("99") })

        isMismatchBecause(sent, /it moved 99 FEE, not 100/)
        assert.strictEqual(expectTag(arrived, "Confirmed").amount, "99")
      })
    )

    it.effect(
      "is found by its amount among several in one transaction, each with its own identity",
      () =>
        Effect.gen(function* () {
          const { anvil, depositor, splitter, usdc: contract } = yield* LocalChain
          const validator = yield* openValidator()
          const data = splitToken(contract, [
            [depositAddress, 1n * oneUsdc],
            [otherAddress, 2n * oneUsdc],
            [depositAddress, 3n * oneUsdc]
          ])
          const tx_hash = yield* anvil.send({ from: depositor, to: splitter, data })

          const one = yield* validator.verify(claimOf({ tx_hash, amount: amount("1") }))
          const three = yield* validator.verify(claimOf({ tx_hash, amount: amount("3") }))
          const two = yield* validator.verify(claimOf({ tx_hash, amount: amount("2") }))

          assert.strictEqual(expectTag(one, "Confirmed").identity.transfer_index, "log:0")
          assert.strictEqual(expectTag(three, "Confirmed").identity.transfer_index, "log:2")
          isMismatchBecause(two, /no transfer of 2 USDC/)
        })
    )

    it.effect("is never guessed from two identical ones: only an index tells them apart", () =>
      Effect.gen(function* () {
        const { anvil, depositor, splitter, usdc: contract } = yield* LocalChain
        const validator = yield* openValidator()
        const data = splitToken(contract, [
          [depositAddress, units],
          [depositAddress, units]
        ])
        const tx_hash = yield* anvil.send({ from: depositor, to: splitter, data })

        const guess = yield* validator.verify(claimOf({ tx_hash }))
        const first = yield* validator.verify(claimOf({ tx_hash, transfer_index: 0 }))
        const second = yield* validator.verify(claimOf({ tx_hash, transfer_index: 1 }))
        const third = yield* validator.verify(claimOf({ tx_hash, transfer_index: 2 }))

        isMismatchBecause(guess, /ambiguous: 2 identical transfers .* send transfer_index/)
        assert.strictEqual(expectTag(first, "Confirmed").identity.transfer_index, "log:0")
        assert.strictEqual(expectTag(second, "Confirmed").identity.transfer_index, "log:1")
        isMismatchBecause(third, /the transaction has no log 2/)
      })
    )

    it.effect("keeps its identity wherever in its block a reorg puts it", () =>
      Effect.gen(function* () {
        const { anvil, depositor, usdc: contract } = yield* LocalChain
        const validator = yield* openValidator()
        const neighbour = transfer(otherAddress, 1n)
        const data = transfer(depositAddress, units)
        yield* anvil.setAutomine(false)
        yield* anvil.send({ from: depositor, to: contract, data: neighbour })
        const tx_hash = yield* anvil.send({ from: depositor, to: contract, data })
        yield* anvil.mine(1)
        yield* anvil.setAutomine(true)

        const byBlockIndex = yield* validator.verify(claimOf({ tx_hash, transfer_index: 1 }))

        const verdict = expectTag(byBlockIndex, "Confirmed")
        assert.strictEqual(verdict.identity.transfer_index, "log:0")
        assert.deepInclude(verdict.evidence.transfer, { log_index: 1 })
      })
    )

    it.effect(
      "that surehook.yaml does not name is not credited, and the reason says what to do",
      () =>
        Effect.gen(function* () {
          const validator = yield* openValidator()
          const token = TokenSymbol.make("DOGE")
          const verdict = yield* validator.verify(claimOf({ tx_hash: unknownTx, token }))
          isMismatchBecause(verdict, /DOGE is not among the tokens of localchain.*replay/)
        })
    )
  })

  describe("of the native coin", () => {
    const value = (3n * oneEther) / 2n

    it.effect("is confirmed by the transaction's own recipient and value", () =>
      Effect.gen(function* () {
        const { anvil, depositor } = yield* LocalChain
        const validator = yield* openValidator()
        const tx_hash = yield* anvil.send({ from: depositor, to: depositAddress, wei: value })

        const right = yield* validator.verify(claimOf({ tx_hash, token: eth }))
        const more = yield* validator.verify(
          claimOf({ tx_hash, token: eth, amount: amount("1.500000000000000001") })
        )
        const other = yield* validator.verify(
          claimOf({ tx_hash, token: eth, to_address: otherAddress })
        )

        assert.strictEqual(expectTag(right, "Confirmed").identity.transfer_index, "native")
        isMismatchBecause(more, /it moved 1.5 ETH/)
        isMismatchBecause(other, new RegExp(`it went to ${depositAddress}`))
      })
    )

    it.effect("is found inside a contract call by its trace", () =>
      Effect.gen(function* () {
        const { anvil, depositor, splitter } = yield* LocalChain
        const validator = yield* openValidator()
        const data = splitNative([
          [otherAddress, value],
          [depositAddress, value]
        ])
        const tx_hash = yield* anvil.send({ from: depositor, to: splitter, wei: 2n * value, data })

        const verdict = yield* validator.verify(claimOf({ tx_hash, token: eth }))
        const { identity, evidence } = expectTag(verdict, "Confirmed")
        assert.strictEqual(identity.transfer_index, `call:${depositAddress}:${value}`)
        assert.deepInclude(evidence.transfer, { place: "call 1", from: splitter })
      })
    )

    it.effect("is never guessed from two identical ones inside a contract call", () =>
      Effect.gen(function* () {
        const { anvil, depositor, splitter } = yield* LocalChain
        const validator = yield* openValidator()
        const data = splitNative([
          [depositAddress, value],
          [depositAddress, value]
        ])
        const tx_hash = yield* anvil.send({ from: depositor, to: splitter, wei: 2n * value, data })

        const verdict = yield* validator.verify(claimOf({ tx_hash, token: eth }))
        isMismatchBecause(verdict, /ambiguous: 2 identical transfers/)
      })
    )

    it.effect(
      "is never guessed from the transaction's own value and an identical call within",
      () =>
        Effect.gen(function* () {
          const { anvil, depositor } = yield* LocalChain
          const wallet = Address.make(`0x${"a1".repeat(20)}`)
          const returner = Address.make(`0x${"a2".repeat(20)}`)
          yield* anvil.rpc("anvil_setCode", [wallet, codeThatPaysTheNamed])
          yield* anvil.rpc("anvil_setCode", [returner, codeThatPaysItsCaller])
          const pay = { from: depositor, to: wallet, wei: value }
          const once = yield* anvil.send(pay)
          const data = `0x${returner.slice(2).padStart(64, "0")}` as const
          const twice = yield* anvil.send({ ...pay, data })

          const validator = yield* openValidator()
          const claim = { token: eth, to_address: wallet }
          expectTag(yield* validator.verify(claimOf({ ...claim, tx_hash: once })), "Confirmed")
          isMismatchBecause(
            yield* validator.verify(claimOf({ ...claim, tx_hash: twice })),
            /ambiguous: 2 identical transfers/
          )
        })
    )

    it.effect("that an inner revert undid is not credited, though the transaction succeeded", () =>
      Effect.gen(function* () {
        const { anvil, depositor, splitter } = yield* LocalChain
        const validator = yield* openValidator()
        const data = payInVain(depositAddress)
        const tx_hash = yield* anvil.send({ from: depositor, to: splitter, wei: value, data })

        const verdict = yield* validator.verify(claimOf({ tx_hash, token: eth }))
        const mismatch = isMismatchBecause(verdict, /no transfer of 1.5 ETH/)
        assert.strictEqual(mismatch.evidence.receipt_status, 1)
      })
    )

    it.effect("inside a contract call is not credited blindly where no endpoint traces", () =>
      Effect.gen(function* () {
        const { anvil, depositor, splitter } = yield* LocalChain
        const front = yield* startRpcFront(anvil.url)
        yield* front.setMode({
          _tag: "Rewrite",
          rewrite: ({ method }) =>
            method === "debug_traceTransaction"
              ? {
                  error: {
                    code: -32601,
                    message: "the method debug_traceTransaction does not exist"
                  }
                }
              : undefined
        })
        const data = splitNative([[depositAddress, value]])
        const tx_hash = yield* anvil.send({ from: depositor, to: splitter, wei: value, data })

        const blind = yield* openValidator({ urls: [front.url] })
        const verdict = yield* blind.verify(claimOf({ tx_hash, token: eth }))
        isMismatchBecause(verdict, /no endpoint of localchain offers debug_traceTransaction/)
        const ofItsOwn = claimOf({ tx_hash, token: eth, to_address: splitter })
        expectTag(yield* blind.verify(ofItsOwn), "Confirmed")

        const sighted = yield* openValidator({ urls: [front.url, anvil.url] })
        expectTag(yield* sighted.verify(claimOf({ tx_hash, token: eth })), "Confirmed")
      })
    )

    it.effect(
      "inside a contract call waits while its endpoint cannot trace, which costs the endpoint nothing",
      () =>
        Effect.gen(function* () {
          const { anvil, depositor, splitter } = yield* LocalChain
          const front = yield* startRpcFront(anvil.url)
          const validator = yield* openValidator({ urls: [front.url], threshold: 1 })
          const data = splitNative([[depositAddress, value]])
          const tx_hash = yield* anvil.send({ from: depositor, to: splitter, wei: value, data })

          yield* front.setMode({
            _tag: "Rewrite",
            rewrite: ({ method }) =>
              method === "debug_traceTransaction"
                ? { error: { code: -32000, message: "execution timeout" } }
                : undefined
          })
          const failure = yield* Effect.flip(validator.verify(claimOf({ tx_hash, token: eth })))
          assert.strictEqual(failure._tag, "RpcFailure")
          assert.match(failure.message, /execution timeout/)
          assert.deepStrictEqual(yield* validator.claimableChains, [chainName])

          yield* front.setMode({ _tag: "Forward" })
          expectTag(yield* validator.verify(claimOf({ tx_hash, token: eth })), "Confirmed")
          assert.isTrue((yield* front.batchSizes).at(-1) === 1, "a trace travels apart")
        })
    )

    it.effect("is not found in the trace of a node that has the transaction in another block", () =>
      Effect.gen(function* () {
        const { anvil, depositor, splitter } = yield* LocalChain
        const [blind, astray] = [yield* startRpcFront(anvil.url), yield* startRpcFront(anvil.url)]
        const data = splitNative([[depositAddress, value]])
        const tx_hash = yield* anvil.send({ from: depositor, to: splitter, wei: value, data })
        const receipt = yield* anvil
          .rpc("eth_getTransactionReceipt", [tx_hash])
          .pipe(Effect.flatMap(Schema.decodeUnknownEffect(Schema.JsonObject)))
        yield* blind.setMode({
          _tag: "Rewrite",
          rewrite: ({ method }) =>
            method === "debug_traceTransaction"
              ? { error: { code: -32601, message: "not here" } }
              : undefined
        })
        yield* astray.setMode({
          _tag: "Rewrite",
          rewrite: ({ method }) =>
            method === "eth_getTransactionReceipt"
              ? { result: { ...receipt, blockHash: unknownTx } }
              : undefined
        })

        const validator = yield* openValidator({ urls: [blind.url, astray.url] })
        const failure = yield* inTime(
          Effect.flip(validator.verify(claimOf({ tx_hash, token: eth })))
        )
        assert.strictEqual(failure._tag, "RpcFailure")
        assert.match(failure.message, /in another block than the endpoint that gave its receipt/)
      })
    )
  })

  describe("that is not settled", () => {
    it.effect("is not found when no node knows its transaction", () =>
      Effect.gen(function* () {
        const validator = yield* openValidator()
        expectTag(yield* validator.verify(claimOf({ tx_hash: unknownTx })), "NotFound")
        expectTag(yield* validator.verify(claimOf({ tx_hash: unknownTx, token: eth })), "NotFound")
      })
    )

    it.effect("waits while its transaction is in the mempool", () =>
      Effect.gen(function* () {
        const { anvil, depositor, usdc: contract } = yield* LocalChain
        const validator = yield* openValidator({ confirmations: 3 })
        const data = transfer(depositAddress, units)
        yield* anvil.setAutomine(false)
        const tx_hash = yield* anvil.send({ from: depositor, to: contract, data })

        const verdict = expectTag(yield* validator.verify(claimOf({ tx_hash })), "NotFinal")
        yield* anvil.mine(1)
        yield* anvil.setAutomine(true)

        assert.strictEqual(verdict.confirmations_seen, 0)
        assert.strictEqual(verdict.confirmations_needed, 3)
        assert.strictEqual(verdict.evidence.not_in_chain, "in the mempool")
      })
    )

    it.effect("waits for its confirmations, then is confirmed, then final", () =>
      Effect.gen(function* () {
        const { anvil, depositor, usdc: contract } = yield* LocalChain
        const validator = yield* openValidator({ confirmations: 3 })
        const data = transfer(depositAddress, units)
        const tx_hash = yield* anvil.send({ from: depositor, to: contract, data })
        const verifyNow = validator.verify(claimOf({ tx_hash }))

        const fresh = expectTag(yield* verifyNow, "NotFinal")
        assert.strictEqual(fresh.confirmations_seen, 1)
        assert.strictEqual(fresh.confirmations_needed, 3)
        const wait = Duration.toMillis(fresh.look_again_after)
        assert.isTrue(wait >= 1000 && wait <= 60_000, `${wait} ms`)

        yield* anvil.mine(1)
        assert.strictEqual(expectTag(yield* verifyNow, "NotFinal").confirmations_seen, 2)
        yield* anvil.mine(1)
        const deep = expectTag(yield* verifyNow, "Confirmed")
        assert.strictEqual(deep.confirmations, 3)
        assert.strictEqual(deep.finality, "watching")
        // Anvil's `finalized` is 64 blocks behind its newest block.
        yield* anvil.mine(62)
        assert.strictEqual(expectTag(yield* verifyNow, "Confirmed").finality, "final")
      })
    )

    it.effect("waits for the chain's own finality where the operator asks for it", () =>
      Effect.gen(function* () {
        const { anvil, depositor, usdc: contract } = yield* LocalChain
        const safe = yield* openValidator({ confirmations: "safe" })
        const finalized = yield* openValidator({ confirmations: "finalized" })
        const data = transfer(depositAddress, units)
        const tx_hash = yield* anvil.send({ from: depositor, to: contract, data })
        const claim = claimOf({ tx_hash })

        // Anvil's `safe` is 32 blocks behind its newest block, `finalized` 64.
        const early = expectTag(yield* safe.verify(claim), "NotFinal")
        assert.strictEqual(early.confirmations_needed - early.confirmations_seen, 32)
        yield* anvil.mine(32)
        assert.strictEqual(expectTag(yield* safe.verify(claim), "Confirmed").finality, "watching")
        const half = expectTag(yield* finalized.verify(claim), "NotFinal")
        assert.strictEqual(half.confirmations_seen, 33)
        assert.strictEqual(half.confirmations_needed, 65)
        yield* anvil.mine(32)
        assert.strictEqual(expectTag(yield* finalized.verify(claim), "Confirmed").finality, "final")
      })
    )

    it.effect("is final at the operator's number on a chain without finality tags", () =>
      Effect.gen(function* () {
        const { anvil, depositor, usdc: contract } = yield* LocalChain
        const front = yield* startRpcFront(anvil.url)
        yield* front.setMode({
          _tag: "Rewrite",
          rewrite: ({ params }) =>
            params[0] === "finalized"
              ? { error: { code: -32000, message: "finalized block not found" } }
              : undefined
        })
        const data = transfer(depositAddress, units)
        const tx_hash = yield* anvil.send({ from: depositor, to: contract, data })

        const byNumber = yield* openValidator({ urls: [front.url] })
        const verdict = yield* byNumber.verify(claimOf({ tx_hash }))
        assert.strictEqual(expectTag(verdict, "Confirmed").finality, "final")

        // Asked for a tag that is not there, deposits wait and the operator is told.
        const byTag = yield* openValidator({ urls: [front.url], confirmations: "finalized" })
        const failure = yield* inTime(Effect.flip(byTag.verify(claimOf({ tx_hash }))))
        assert.strictEqual(failure._tag, "RpcFailure")
        assert.match(failure.message, /set its confirmations to a number of blocks/)
      })
    )

    it.effect("is not confirmed by the receipt of a block that a reorg threw out", () =>
      Effect.gen(function* () {
        const { anvil, depositor, usdc: contract } = yield* LocalChain
        const front = yield* startRpcFront(anvil.url)
        const validator = yield* openValidator({ urls: [front.url] })
        const data = transfer(depositAddress, units)
        const tx_hash = yield* anvil.send({ from: depositor, to: contract, data })
        const receipt = yield* anvil
          .rpc("eth_getTransactionReceipt", [tx_hash])
          .pipe(Effect.flatMap(Schema.decodeUnknownEffect(Schema.JsonObject)))
        yield* anvil.reorg(1)

        // Behind a load balancer, one node still has the receipt of the old fork.
        yield* front.setMode({
          _tag: "Rewrite",
          rewrite: ({ method }) =>
            method === "eth_getTransactionReceipt" ? { result: receipt } : undefined
        })
        const stale = expectTag(yield* validator.verify(claimOf({ tx_hash })), "NotFinal")
        assert.strictEqual(stale.confirmations_seen, 0)
        assert.match(String(stale.evidence.not_in_chain), /is not the block at height/)

        yield* front.setMode({ _tag: "Forward" })
        const gone = yield* validator.verify(claimOf({ tx_hash }))
        assert.include(["NotFound", "NotFinal"], gone._tag)
      })
    )

    it.effect("is not confirmed by a node on a dead fork, however far ahead others are", () =>
      Effect.gen(function* () {
        const { anvil, depositor, usdc: contract } = yield* LocalChain
        const front = yield* startRpcFront(anvil.url)
        const validator = yield* openValidator({ urls: [front.url], confirmations: 3 })
        const data = transfer(depositAddress, units)
        const tx_hash = yield* anvil.send({ from: depositor, to: contract, data })
        const asJson = Effect.flatMap(Schema.decodeUnknownEffect(Schema.JsonObject))
        const receipt = yield* asJson(anvil.rpc("eth_getTransactionReceipt", [tx_hash]))
        const block = yield* asJson(anvil.rpc("eth_getBlockByNumber", ["latest", false]))
        yield* anvil.reorg(1)
        yield* anvil.mine(5)

        // Behind one URL, the first question meets a node of the living fork, the second one that
        // still believes in the dead block, as its newest.
        yield* validator.verify(claimOf({ tx_hash: unknownTx }))
        yield* front.setMode({
          _tag: "Rewrite",
          rewrite: ({ method, params }) => {
            if (method === "eth_getTransactionReceipt") return { result: receipt }
            if (method !== "eth_getBlockByNumber") return undefined
            return { result: params[0] === "finalized" ? null : block }
          }
        })
        const verdict = expectTag(yield* validator.verify(claimOf({ tx_hash })), "NotFinal")
        assert.strictEqual(verdict.confirmations_seen, 1)
      })
    )

    it.effect("is judged, for worse as for better, only as deep as it would be credited", () =>
      Effect.gen(function* () {
        const { anvil, depositor, usdc: contract } = yield* LocalChain
        const [, poor] = anvil.accounts
        const validator = yield* openValidator({ confirmations: 2 })
        const data = transfer(depositAddress, units)
        const good = yield* anvil.send({ from: depositor, to: contract, data })
        const wrong = claimOf({ tx_hash: good, amount: amount("7") })
        expectTag(yield* validator.verify(wrong), "NotFinal")

        const failed = claimOf({
          tx_hash: yield* anvil.send({ from: poor, to: contract, data })
        })
        const shallow = expectTag(yield* validator.verify(failed), "NotFinal")
        assert.strictEqual(shallow.evidence.receipt_status, 0)

        yield* anvil.mine(1)
        expectTag(yield* validator.verify(failed), "Reverted")
        isMismatchBecause(yield* validator.verify(wrong), /it moved 1.5 USDC, not 7/)
      })
    )

    it.effect("is looked for at every endpoint before it is called unknown", () =>
      Effect.gen(function* () {
        const { anvil, depositor, usdc: contract } = yield* LocalChain
        const front = yield* startRpcFront(anvil.url)
        yield* front.setMode({
          _tag: "Rewrite",
          rewrite: ({ method }) =>
            method.startsWith("eth_getTransaction") ? { result: null } : undefined
        })
        const validator = yield* openValidator({ urls: [front.url, anvil.url] })
        const data = transfer(depositAddress, units)
        const tx_hash = yield* anvil.send({ from: depositor, to: contract, data })

        const verdict = expectTag(yield* validator.verify(claimOf({ tx_hash })), "Confirmed")
        assert.match(String(verdict.evidence.endpoint), /#1$/)
        const unknown = yield* validator.verify(claimOf({ tx_hash: unknownTx }))
        assert.match(String(expectTag(unknown, "NotFound").evidence.endpoint), /#0$/)
      })
    )

    it.effect("does not wait for an endpoint that is stuck while another is not", () =>
      Effect.gen(function* () {
        const { anvil, depositor, usdc: contract } = yield* LocalChain
        const front = yield* startRpcFront(anvil.url)
        const data = transfer(depositAddress, units)
        const tx_hash = yield* anvil.send({ from: depositor, to: contract, data })
        const block = yield* anvil
          .rpc("eth_getBlockByNumber", ["latest", false])
          .pipe(Effect.flatMap(Schema.decodeUnknownEffect(Schema.JsonObject)))
        yield* anvil.mine(1)
        const stuckAt = (timestamp: string) =>
          front.setMode({
            _tag: "Rewrite",
            rewrite: ({ params }) =>
              params[0] === "latest" ? { result: { ...block, timestamp } } : undefined
          })
        const options = { urls: [front.url, anvil.url], confirmations: 2 }
        const validator = yield* openValidator(options)

        yield* TestClock.adjust("3 minutes")
        const seconds = Math.floor((yield* Clock.currentTimeMillis) / 1000)
        yield* stuckAt(`0x${(seconds - 100).toString(16)}`)
        const waiting = expectTag(yield* validator.verify(claimOf({ tx_hash })), "NotFinal")
        assert.match(String(waiting.evidence.endpoint), /#0$/, "a slow block is no stuck endpoint")
        yield* stuckAt(`0x${(seconds - 130).toString(16)}`)
        const verdict = expectTag(yield* validator.verify(claimOf({ tx_hash })), "Confirmed")
        assert.match(String(verdict.evidence.endpoint), /#1$/)

        // Alone, it is all there is.
        const alone = yield* openValidator({ ...options, urls: [front.url] })
        expectTag(yield* alone.verify(claimOf({ tx_hash })), "NotFinal")
      })
    )

    it.effect("stays watched when the chain's finality cannot be read for a moment", () =>
      Effect.gen(function* () {
        const { anvil, depositor, usdc: contract } = yield* LocalChain
        const front = yield* startRpcFront(anvil.url)
        yield* front.setMode({
          _tag: "Rewrite",
          rewrite: ({ params }) =>
            params[0] === "finalized"
              ? { error: { code: -32005, message: "limit exceeded" } }
              : undefined
        })
        const data = transfer(depositAddress, units)
        const tx_hash = yield* anvil.send({ from: depositor, to: contract, data })

        const byNumber = yield* openValidator({ urls: [front.url] })
        const verdict = yield* byNumber.verify(claimOf({ tx_hash }))
        assert.strictEqual(expectTag(verdict, "Confirmed").finality, "watching")

        const byTag = yield* openValidator({ urls: [front.url], confirmations: "finalized" })
        const failure = yield* inTime(Effect.flip(byTag.verify(claimOf({ tx_hash }))))
        assert.strictEqual(failure._tag, "RpcFailure")
        assert.match(failure.message, /limit exceeded/)
      })
    )

    it.effect("is still confirmed when the newest block goes backwards", () =>
      Effect.gen(function* () {
        const { anvil, depositor, usdc: contract } = yield* LocalChain
        const front = yield* startRpcFront(anvil.url)
        const genesis = yield* anvil
          .rpc("eth_getBlockByNumber", ["0x0", false])
          .pipe(Effect.flatMap(Schema.decodeUnknownEffect(Schema.JsonObject)))
        yield* front.setMode({
          _tag: "Rewrite",
          rewrite: ({ params }) => (params[0] === "latest" ? { result: genesis } : undefined)
        })
        const data = transfer(depositAddress, units)
        const tx_hash = yield* anvil.send({ from: depositor, to: contract, data })

        const one = yield* openValidator({ urls: [front.url], confirmations: 1 })
        const two = yield* openValidator({ urls: [front.url], confirmations: 2 })
        const verdict = yield* one.verify(claimOf({ tx_hash }))
        assert.strictEqual(expectTag(verdict, "Confirmed").confirmations, 1)
        expectTag(yield* two.verify(claimOf({ tx_hash })), "NotFinal")
      })
    )
  })

  it.effect("on a chain that surehook.yaml does not name is refused", () =>
    Effect.gen(function* () {
      const validator = yield* openValidator()
      const chain = ChainName.make("nowhere")
      const error = yield* Effect.flip(validator.verify(claimOf({ tx_hash: unknownTx, chain })))
      assert.strictEqual(error._tag, "ChainUnknown")
    })
  )

  it.effect("shares its round trips with all that are validated at the same moment", () =>
    Effect.gen(function* () {
      const { anvil, depositor, usdc: contract } = yield* LocalChain
      const front = yield* startRpcFront(anvil.url)
      const validator = yield* openValidator({ urls: [front.url] })
      const hashes = yield* Effect.forEach(
        Array.from({ length: 40 }, (_, index) => index),
        (index) =>
          anvil.send({
            from: depositor,
            to: contract,
            data: transfer(depositAddress, BigInt(index + 1) * oneUsdc)
          })
      )

      const verdicts = yield* Effect.forEach(
        hashes,
        (tx_hash, index) => {
          const whole = amountFromUnits(BigInt(index + 1), 0)
          return validator.verify(
            claimOf({ tx_hash, ...(whole && { amount: whole }), token: usdc })
          )
        },
        { concurrency: "unbounded" }
      )

      for (const verdict of verdicts) expectTag(verdict, "Confirmed")
      // The chain's id; the receipts; the blocks, the newest and the finalized block.
      assert.deepStrictEqual(yield* front.batchSizes, [1, 40, 42])
    })
  )
})
