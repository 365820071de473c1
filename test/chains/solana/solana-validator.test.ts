import { assert, describe, layer } from "@effect/vitest"
import { Duration, Effect, Result, Schema } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import { startRpcFront } from "../../../src/demo/rpc-front.ts"
import { wrappedSol } from "../../../src/demo/solana/instructions.ts"
import { Amount } from "../../../src/domain/amount.ts"
import type { Address, TxHash } from "../../../src/domain/chain.ts"
import { TokenSymbol } from "../../../src/domain/ids.ts"
import {
  answerTo,
  asConfirmed,
  chainName,
  claimOf,
  failureOf,
  fee,
  frontWith,
  openValidator,
  Solana,
  sol,
  unknownTx,
  usdc,
  wsol
} from "../../support/solana.ts"
import { expectTag, isMismatchBecause } from "../../support/verdicts.ts"
import { isHarmless, strangeAnswers } from "./strange-answers.ts"

const amount = (text: string) => Amount.make(text)
const units = 1_500_000n
const oneUsdc = 1_000_000n
const oneSol = 10n ** 9n

/** A deposit of 1.5 USDC that is processed, to a fresh owner. */
const payUsdc = (paid = units) =>
  Effect.gen(function* () {
    const { chain, usdc: token } = yield* Solana
    const to_address = yield* chain.freshAddress
    const tx_hash = yield* chain.pay([{ to: to_address, token, units: paid }])
    return { tx_hash, to_address }
  })

/** A front to a node that knows no transaction. */
const blindFront = Effect.gen(function* () {
  const { chain } = yield* Solana
  const front = yield* startRpcFront(chain.url)
  const statuses = { context: { slot: 1 }, value: [null] }
  yield* front.setMode({
    _tag: "Rewrite",
    rewrite: ({ method }) => {
      if (method === "getTransaction") return { result: null }
      return method === "getSignatureStatuses" ? { result: statuses } : undefined
    }
  })
  return front
})

layer(Solana.layer, { timeout: "60 seconds" })("a deposit on Solana", (it) => {
  describe("of a token", () => {
    it.effect("is confirmed when its owner's balance rose by the claimed amount", () =>
      Effect.gen(function* () {
        const { chain, usdc: mint } = yield* Solana
        const validator = yield* openValidator()
        const { tx_hash, to_address } = yield* payUsdc()
        yield* chain.confirm
        const slot = yield* chain.slot("confirmed")

        // A provider's index counts its own list: whatever it is, it is ignored.
        const claim = claimOf({ tx_hash, to_address, transfer_index: 7 })
        const verdict = expectTag(yield* validator.verify(claim), "Confirmed")

        assert.deepStrictEqual(verdict.identity, {
          chain: chainName,
          tx_hash,
          transfer_index: `token:${mint.address}:${to_address}`
        })
        assert.strictEqual(verdict.amount, "1.5")
        assert.strictEqual(verdict.block_number, slot)
        const block = yield* answerTo("getBlock", [
          slot,
          { ...asConfirmed, transactionDetails: "none" }
        ])
        assert.deepInclude(block, { blockhash: verdict.block_hash })
        assert.strictEqual(verdict.confirmations, 1)
        assert.strictEqual(verdict.finality, "watching")
        assert.deepInclude(verdict.evidence, { tx_hash, slot, err: null })
        assert.deepStrictEqual(verdict.evidence.transfer, {
          owner: to_address,
          mint: mint.address,
          decimals: 6,
          before: "0",
          after: "1500000",
          gain: "1500000",
          account_count: 1,
          accounts: [
            {
              account: yield* chain.tokenAccountOf(mint, to_address),
              before: "0",
              after: "1500000"
            }
          ]
        })
        yield* Schema.decodeUnknownEffect(Schema.JsonObject)(verdict.evidence)
      })
    )

    it.effect(
      "to an owner who had some before is credited with what came, not with what is there",
      () =>
        Effect.gen(function* () {
          const { chain, usdc: token } = yield* Solana
          const validator = yield* openValidator()
          const { to_address } = yield* payUsdc(5n * oneUsdc)
          const tx_hash = yield* chain.pay([{ to: to_address, token, units }])
          yield* chain.confirm

          const claim = claimOf({ tx_hash, to_address })
          expectTag(yield* validator.verify(claim), "Confirmed")
          const all = yield* validator.verify({ ...claim, amount: amount("6.5") })
          isMismatchBecause(all, /brought .* 1.5 USDC in total, not 6.5/)
        })
    )

    it.effect("that only calls itself USDC is never credited", () =>
      Effect.gen(function* () {
        const { chain, spoof } = yield* Solana
        const validator = yield* openValidator()
        const to_address = yield* chain.freshAddress
        const tx_hash = yield* chain.pay([{ to: to_address, token: spoof, units }])
        yield* chain.confirm

        const verdict = yield* validator.verify(claimOf({ tx_hash, to_address }))
        isMismatchBecause(verdict, new RegExp(`of the mint ${spoof.address}.*a symbol proves`))
      })
    )

    it.effect("whose transaction failed is not credited, though its transfer came first", () =>
      Effect.gen(function* () {
        const { chain, usdc: token } = yield* Solana
        const validator = yield* openValidator()
        const { to_address } = yield* payUsdc()
        const payment = { to: to_address, token, units }
        const tx_hash = yield* chain.pay([payment], { fails: true })
        yield* chain.confirm

        const verdict = yield* validator.verify(claimOf({ tx_hash, to_address }))
        const { evidence } = expectTag(verdict, "Reverted")
        assert.strictEqual(evidence.err, '{"InstructionError":[2,{"Custom":1}]}')
        assert.strictEqual(yield* chain.balance(token, to_address), units)
      })
    )

    it.effect("that went to another owner is not credited", () =>
      Effect.gen(function* () {
        const { chain } = yield* Solana
        const validator = yield* openValidator()
        const { tx_hash, to_address: other } = yield* payUsdc()
        yield* chain.confirm

        const to_address = yield* chain.freshAddress
        const verdict = yield* validator.verify(claimOf({ tx_hash, to_address }))
        isMismatchBecause(verdict, new RegExp(`${to_address} no USDC, but ${other} 1.5`))
      })
    )

    it.effect("of another amount is not credited, be it more or less by a millionth", () =>
      Effect.gen(function* () {
        const { chain } = yield* Solana
        const validator = yield* openValidator()
        const { tx_hash, to_address } = yield* payUsdc()
        yield* chain.confirm

        for (const wrong of ["1.500001", "1.499999", "15", "1.5000000000000001"]) {
          const claim = claimOf({ tx_hash, to_address, amount: amount(wrong) })
          const mismatch = isMismatchBecause(
            yield* validator.verify(claim),
            new RegExp(`1.5 USDC in total, not ${wrong}`)
          )
          assert.strictEqual(mismatch.expected.amount, wrong)
        }
      })
    )

    it.effect("that left the claimed owner is not credited to the one who paid", () =>
      Effect.gen(function* () {
        const { chain } = yield* Solana
        const validator = yield* openValidator()
        const { tx_hash } = yield* payUsdc()
        yield* chain.confirm

        const claim = claimOf({ tx_hash, to_address: chain.depositor })
        isMismatchBecause(yield* validator.verify(claim), /minus 1.5 of USDC: it is no deposit/)
      })
    )

    it.effect("has its own identity among several of one transaction to different owners", () =>
      Effect.gen(function* () {
        const { chain, usdc: token } = yield* Solana
        const validator = yield* openValidator()
        const [one, two] = [yield* chain.freshAddress, yield* chain.freshAddress]
        const tx_hash = yield* chain.pay([
          { to: one, token, units },
          { to: two, token, units }
        ])
        yield* chain.confirm

        const verify = (to_address: Address) => validator.verify(claimOf({ tx_hash, to_address }))
        const first = expectTag(yield* verify(one), "Confirmed").identity
        const second = expectTag(yield* verify(two), "Confirmed").identity
        assert.strictEqual(first.transfer_index, `token:${token.address}:${one}`)
        assert.strictEqual(second.transfer_index, `token:${token.address}:${two}`)
      })
    )

    it.effect(
      "is the sum of several of one transaction to the same owner, never a part of it",
      () =>
        Effect.gen(function* () {
          const { chain, usdc: token } = yield* Solana
          const validator = yield* openValidator()
          const to_address = yield* chain.freshAddress
          const tx_hash = yield* chain.pay([
            { to: to_address, token, units: oneUsdc },
            { to: to_address, token, units: oneUsdc },
            { to: to_address, token, units: 3n * oneUsdc }
          ])
          yield* chain.confirm

          const claim = claimOf({ tx_hash, to_address })
          for (const [index, part] of ["1", "1", "3"].entries()) {
            const verdict = yield* validator.verify({
              ...claim,
              amount: amount(part),
              transfer_index: index
            })
            isMismatchBecause(verdict, /5 USDC in total, not .*one deposit of the sum/)
          }
          const sum = yield* validator.verify({ ...claim, amount: amount("5") })
          assert.strictEqual(expectTag(sum, "Confirmed").amount, "5")
        })
    )

    it.effect(
      "of Token-2022 with a fee is credited with what arrived, never with what was sent",
      () =>
        Effect.gen(function* () {
          const { chain, feeToken } = yield* Solana
          const validator = yield* openValidator()
          const to_address = yield* chain.freshAddress
          const payment = { to: to_address, token: feeToken, units: 100n * oneUsdc }
          const tx_hash = yield* chain.pay([payment])
          yield* chain.confirm

          const claim = claimOf({ tx_hash, to_address, token: fee })
          const sent = yield* validator.verify({ ...claim, amount: amount("100") })
          const arrived = yield* validator.verify({ ...claim, amount: amount("99") })
          isMismatchBecause(sent, /99 FEE in total, not 100/)
          assert.strictEqual(expectTag(arrived, "Confirmed").amount, "99")
        })
    )

    it.effect("that a program made by an inner instruction is credited like any other", () =>
      Effect.gen(function* () {
        const { chain, usdc: token } = yield* Solana
        const validator = yield* openValidator()
        const { tx_hash, owner } = yield* chain.payByProgram(token, units)
        yield* chain.confirm

        const shown = JSON.stringify(yield* answerTo("getTransaction", [tx_hash, asConfirmed]))
        assert.match(shown, /"innerInstructions":\[\{"index":0,"instructions":\[\{/)
        const verdict = yield* validator.verify(claimOf({ tx_hash, to_address: owner }))
        assert.strictEqual(expectTag(verdict, "Confirmed").amount, "1.5")
      })
    )

    it.effect("that names the token account instead of its owner is told who the owner is", () =>
      Effect.gen(function* () {
        const { chain, usdc: token } = yield* Solana
        const validator = yield* openValidator()
        const { tx_hash, to_address: owner } = yield* payUsdc()
        yield* chain.confirm

        const to_address = yield* chain.tokenAccountOf(token, owner)
        const reason = new RegExp(`is a token account of ${owner}: .*to_address must be the owner`)
        isMismatchBecause(yield* validator.verify(claimOf({ tx_hash, to_address })), reason)
        // The rent that opened the account is no deposit of SOL either.
        const rent = claimOf({ tx_hash, to_address, token: sol, amount: amount("0.00203928") })
        isMismatchBecause(yield* validator.verify(rent), reason)
      })
    )

    it.effect(
      "that surehook.yaml does not name is not credited, and the reason says what to do",
      () =>
        Effect.gen(function* () {
          const { chain } = yield* Solana
          const validator = yield* openValidator()
          const verdict = yield* validator.verify(
            claimOf({
              tx_hash: unknownTx,
              to_address: chain.depositor,
              token: TokenSymbol.make("DOGE")
            })
          )
          isMismatchBecause(verdict, /DOGE is not among the tokens of localsolana.*replay/)
        })
    )
  })

  describe("of SOL", () => {
    const paySol = (paid: bigint) =>
      Effect.gen(function* () {
        const { chain } = yield* Solana
        const to_address = yield* chain.freshAddress
        const tx_hash = yield* chain.pay([{ to: to_address, token: "SOL", units: paid }])
        yield* chain.confirm
        return { ...claimOf({ tx_hash, to_address, token: sol }) }
      })

    it.effect("is confirmed by the account's own lamports", () =>
      Effect.gen(function* () {
        const validator = yield* openValidator()
        const claim = yield* paySol((3n * oneSol) / 2n)

        const verdict = expectTag(yield* validator.verify(claim), "Confirmed")
        assert.strictEqual(verdict.identity.transfer_index, `native:${claim.to_address}`)
        assert.deepInclude(verdict.evidence.transfer, { mint: null, gain: "1500000000" })
        const more = { ...claim, amount: amount("1.500000001") }
        isMismatchBecause(yield* validator.verify(more), /1.5 SOL in total/)
      })
    )

    it.effect("is exact beyond what a JavaScript number holds", () =>
      Effect.gen(function* () {
        const validator = yield* openValidator()
        // 2^53 + 1 lamports: a number would say one less.
        const claim = yield* paySol(2n ** 53n + 1n)

        const right = { ...claim, amount: amount("9007199.254740993") }
        const rounded = { ...claim, amount: amount("9007199.254740992") }
        const verdict = expectTag(yield* validator.verify(right), "Confirmed")
        assert.deepInclude(verdict.evidence.transfer, { after: "9007199254740993" })
        isMismatchBecause(yield* validator.verify(rounded), /9007199.254740993 SOL in total/)
      })
    )

    it.effect(
      "that arrives without any transfer, from an account that is closed, counts as well",
      () =>
        Effect.gen(function* () {
          const { chain } = yield* Solana
          const validator = yield* openValidator()
          const to_address = yield* chain.freshAddress
          const tx_hash = yield* chain.payByClosing(to_address, (3n * oneSol) / 2n)
          yield* chain.confirm

          const claim = claimOf({ tx_hash, to_address, token: sol })
          expectTag(yield* validator.verify(claim), "Confirmed")
          isMismatchBecause(yield* validator.verify({ ...claim, token: wsol }), /nobody any WSOL/)
        })
    )

    it.effect("to an account that the transaction does not touch is not credited", () =>
      Effect.gen(function* () {
        const { chain } = yield* Solana
        const validator = yield* openValidator()
        const claim = yield* paySol(oneSol)
        const elsewhere = { ...claim, to_address: yield* chain.freshAddress }
        isMismatchBecause(yield* validator.verify(elsewhere), /does not touch/)
      })
    )

    it.effect("is not mistaken for wrapped SOL", () =>
      Effect.gen(function* () {
        const validator = yield* openValidator()
        const claim = yield* paySol((3n * oneSol) / 2n)
        const wrapped = { ...claim, token: wsol }
        isMismatchBecause(yield* validator.verify(wrapped), /nobody any WSOL/)
        assert.strictEqual(wrappedSol.decimals, 9)
      })
    )
  })

  describe("that is not settled", () => {
    it.effect("is never credited while it is only processed", () =>
      Effect.gen(function* () {
        const { chain } = yield* Solana
        yield* chain.finalize
        const claim = claimOf(yield* payUsdc())
        // However many slots came after it: nobody has voted for any of them.
        yield* chain.advance(50)

        for (const confirmations of [1, "safe", "finalized"] as const) {
          const validator = yield* openValidator({ confirmations })
          const verdict = expectTag(yield* validator.verify(claim), "NotFinal")
          assert.strictEqual(verdict.confirmations_seen, 0)
          assert.isAtLeast(verdict.confirmations_needed, 1)
          assert.match(String(verdict.evidence.not_confirmed), /processed, but not confirmed/)
        }
      })
    )

    it.effect(
      "is credited as watched once it is confirmed, and is final once it is finalized",
      () =>
        Effect.gen(function* () {
          const { chain } = yield* Solana
          const safe = yield* openValidator({ confirmations: "safe" })
          const finalized = yield* openValidator({ confirmations: "finalized" })
          const claim = claimOf(yield* payUsdc())
          expectTag(yield* safe.verify(claim), "NotFinal")
          yield* chain.confirm

          assert.strictEqual(expectTag(yield* safe.verify(claim), "Confirmed").finality, "watching")
          const waiting = expectTag(yield* finalized.verify(claim), "NotFinal")
          assert.strictEqual(waiting.confirmations_seen, 1)
          assert.isAbove(waiting.confirmations_needed, 1)
          const wait = Duration.toMillis(waiting.look_again_after)
          assert.isTrue(wait >= 1000 && wait <= 60_000, `${wait} ms`)

          yield* chain.finalize
          assert.strictEqual(expectTag(yield* safe.verify(claim), "Confirmed").finality, "final")
          assert.strictEqual(
            expectTag(yield* finalized.verify(claim), "Confirmed").finality,
            "final"
          )
        })
    )

    it.effect("waits for the operator's number of confirmed slots, its own included", () =>
      Effect.gen(function* () {
        const { chain } = yield* Solana
        const validator = yield* openValidator({ confirmations: 3 })
        const claim = claimOf(yield* payUsdc())
        yield* chain.confirm
        const fresh = expectTag(yield* validator.verify(claim), "NotFinal")
        assert.deepInclude(fresh, { confirmations_seen: 1, confirmations_needed: 3 })

        // Slots that are processed only do not count.
        yield* chain.advance(2)
        assert.strictEqual(
          expectTag(yield* validator.verify(claim), "NotFinal").confirmations_seen,
          1
        )
        yield* chain.confirm
        const deep = expectTag(yield* validator.verify(claim), "Confirmed")
        assert.deepInclude(deep, { confirmations: 3, finality: "watching" })
      })
    )

    it.effect("of a large amount needs the second threshold", () =>
      Effect.gen(function* () {
        const { chain } = yield* Solana
        const validator = yield* openValidator()
        const claim = claimOf({
          ...(yield* payUsdc(1000n * oneUsdc + 1n)),
          amount: amount("1000.000001")
        })
        const small = claimOf({ ...(yield* payUsdc(1000n * oneUsdc)), amount: amount("1000") })
        yield* chain.confirm

        expectTag(yield* validator.verify(small), "Confirmed")
        expectTag(yield* validator.verify(claim), "NotFinal")
        yield* chain.finalize
        expectTag(yield* validator.verify(claim), "Confirmed")
      })
    )

    it.effect("is judged, for worse as for better, only as deep as it would be credited", () =>
      Effect.gen(function* () {
        const { chain, usdc: token } = yield* Solana
        const validator = yield* openValidator({ confirmations: "finalized" })
        const good = yield* payUsdc()
        const wrong = claimOf({ ...good, amount: amount("7") })
        const payment = { to: good.to_address, token, units }
        const failed = claimOf({
          ...good,
          tx_hash: yield* chain.pay([payment], { fails: true })
        })
        yield* chain.confirm
        expectTag(yield* validator.verify(wrong), "NotFinal")
        expectTag(yield* validator.verify(failed), "NotFinal")

        yield* chain.finalize
        isMismatchBecause(yield* validator.verify(wrong), /1.5 USDC in total, not 7/)
        expectTag(yield* validator.verify(failed), "Reverted")
      })
    )

    it.effect("is not found when no node knows its transaction, and the newest slot is told", () =>
      Effect.gen(function* () {
        const { chain } = yield* Solana
        const validator = yield* openValidator()
        const claim = claimOf({ tx_hash: unknownTx, to_address: chain.depositor })
        const { evidence } = expectTag(yield* validator.verify(claim), "NotFound")
        assert.deepInclude(evidence.heads, { confirmed: yield* chain.slot("confirmed") })
      })
    )
  })

  describe("asked of nodes that fail", () => {
    const confirmedDeposit = Effect.gen(function* () {
      const { chain } = yield* Solana
      const claim = claimOf(yield* payUsdc())
      yield* chain.confirm
      return claim
    })

    const confirmedTransaction = (tx_hash: TxHash) =>
      answerTo("getTransaction", [tx_hash, asConfirmed]).pipe(
        Effect.flatMap(Schema.decodeUnknownEffect(Schema.JsonObject))
      )

    it.effect("of another cluster is not credited", () =>
      Effect.gen(function* () {
        const validator = yield* openValidator({
          genesisHash: "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d"
        })
        const failure = yield* failureOf(validator.verify(yield* confirmedDeposit))
        assert.strictEqual(failure._tag, "RpcFailure")
        assert.match(failure.message, /serves chain .*correct the URL or chain_id/)
      })
    )

    it.effect("is looked for at every endpoint before it is called unknown", () =>
      Effect.gen(function* () {
        const { chain } = yield* Solana
        const claim = yield* confirmedDeposit
        const blind = yield* blindFront
        const validator = yield* openValidator({ urls: [blind.url, chain.url] })
        const { evidence } = expectTag(yield* validator.verify(claim), "Confirmed")
        assert.match(String(evidence.endpoint), /#1$/)
        const alone = yield* openValidator({ urls: [blind.url] })
        expectTag(yield* alone.verify(claim), "NotFound")
      })
    )

    it.effect("waits while its status is known but the node cannot read it yet", () =>
      Effect.gen(function* () {
        const claim = yield* confirmedDeposit
        const front = yield* frontWith("getTransaction", { result: null })
        const validator = yield* openValidator({ urls: [front.url] })
        const verdict = expectTag(yield* validator.verify(claim), "NotFinal")
        assert.match(String(verdict.evidence.not_confirmed), /cannot be read yet/)
      })
    )

    it.effect(
      "waits while the node's own answers name two slots, or say it is only processed",
      () =>
        Effect.gen(function* () {
          const claim = yield* confirmedDeposit
          const { slot } = yield* Schema.decodeUnknownEffect(Schema.Struct({ slot: Schema.Int }))(
            yield* confirmedTransaction(claim.tx_hash)
          )
          for (const [status, reason] of [
            [{ slot: slot + 1, confirmationStatus: "confirmed" }, /by getTransaction, in slot/],
            [{ slot, confirmationStatus: "processed" }, /processed, but not confirmed/]
          ] as const) {
            const value = [{ confirmations: 0, err: null, ...status }]
            const front = yield* frontWith("getSignatureStatuses", {
              result: { context: { slot: 1 }, value }
            })
            const validator = yield* openValidator({ urls: [front.url] })
            const verdict = expectTag(yield* validator.verify(claim), "NotFinal")
            assert.strictEqual(verdict.confirmations_seen, 0)
            assert.match(String(verdict.evidence.not_confirmed), reason)
          }
        })
    )

    it.effect("is not credited when a node says both that it failed and that it succeeded", () =>
      Effect.gen(function* () {
        const claim = yield* confirmedDeposit
        const { slot } = yield* Schema.decodeUnknownEffect(Schema.Struct({ slot: Schema.Int }))(
          yield* confirmedTransaction(claim.tx_hash)
        )
        const status = { slot, confirmations: 0, err: "X", confirmationStatus: "confirmed" }
        const front = yield* frontWith("getSignatureStatuses", {
          result: { context: { slot: 1 }, value: [status] }
        })
        const validator = yield* openValidator({ urls: [front.url] })
        const failure = yield* failureOf(validator.verify(claim))
        assert.strictEqual(failure._tag, "RpcFailure")
      })
    )

    it.effect("is not credited by the answer about another transaction", () =>
      Effect.gen(function* () {
        const other = yield* confirmedDeposit
        const claim = { ...other, tx_hash: (yield* confirmedDeposit).tx_hash }
        const front = yield* frontWith("getTransaction", {
          result: yield* confirmedTransaction(other.tx_hash)
        })
        const validator = yield* openValidator({ urls: [front.url] })
        const failure = yield* failureOf(validator.verify(claim))
        assert.strictEqual(failure._tag, "RpcFailure")
        assert.match(failure.message, /gave another transaction than was asked for/)
      })
    )

    it.effect("waits while the block of its slot is not there yet, unless the slot is final", () =>
      Effect.gen(function* () {
        const { chain } = yield* Solana
        const claim = yield* confirmedDeposit
        for (const answer of [
          { error: { code: -32004, message: "Block not available for slot 1" } },
          { error: { code: -32014, message: "Block status not yet available for slot 1" } },
          { result: null }
        ]) {
          const front = yield* frontWith("getBlock", answer)
          const validator = yield* openValidator({ urls: [front.url] })
          expectTag(yield* validator.verify(claim), "NotFinal")
        }
        yield* chain.finalize
        const front = yield* frontWith("getBlock", { result: null })
        const validator = yield* openValidator({ urls: [front.url] })
        const failure = yield* failureOf(validator.verify(claim))
        assert.strictEqual(failure._tag, "RpcFailure")
      })
    )

    it.effect("waits, and is not dead-lettered, when a node is behind or has no history", () =>
      Effect.gen(function* () {
        const { chain } = yield* Solana
        const claim = yield* confirmedDeposit
        for (const [method, code] of [
          ["getTransaction", -32005],
          ["getTransaction", -32011],
          ["getTransaction", -32016],
          ["getBlock", -32001],
          ["getBlock", -32007],
          ["getBlock", -32009]
        ] as const) {
          const front = yield* frontWith(method, { error: { code, message: "not now" } })
          const alone = yield* openValidator({ urls: [front.url] })
          const failure = yield* failureOf(alone.verify(claim))
          assert.strictEqual(failure._tag, "RpcFailure", `${code}`)
          const both = yield* openValidator({ urls: [front.url, chain.url] })
          expectTag(yield* both.verify(claim), "Confirmed")
        }
      })
    )

    it.effect("of a version that is not known is refused, and closes no endpoint to others", () =>
      Effect.gen(function* () {
        const { chain } = yield* Solana
        const strange = yield* confirmedDeposit
        const claim = yield* confirmedDeposit
        const front = yield* startRpcFront(chain.url)
        const message = "Transaction version (1) is not supported by the requesting client"
        yield* front.setMode({
          _tag: "Rewrite",
          rewrite: ({ method, params }) =>
            method === "getTransaction" && params[0] === strange.tx_hash
              ? { error: { code: -32015, message } }
              : undefined
        })
        const validator = yield* openValidator({ urls: [front.url], threshold: 1 })
        const refused = yield* failureOf(validator.verify(strange))
        assert.strictEqual(refused._tag, "RpcRefused")
        assert.match(refused.message, /version that Surehook does not read yet .*\(1\)/)
        expectTag(yield* validator.verify(claim), "Confirmed")
      })
    )

    it.effect("is not credited on the word of a node that lags behind the newest slot seen", () =>
      Effect.gen(function* () {
        const { chain } = yield* Solana
        const claim = yield* confirmedDeposit
        yield* chain.advance(20)
        yield* chain.confirm
        const blind = yield* blindFront
        const lagging = yield* frontWith("getSlot", { result: 3 })
        const options = { urls: [blind.url, lagging.url], maxLag: 10 }
        const validator = yield* openValidator(options)
        // Nor is it dead-lettered on the word of one that knows nothing: who lags may well know.
        const doubt = yield* failureOf(validator.verify(claim))
        assert.strictEqual(doubt._tag, "RpcFailure")

        // Alone, it is all there is.
        const alone = yield* openValidator({ ...options, urls: [lagging.url] })
        expectTag(yield* alone.verify(claim), "Confirmed")
      })
    )

    it.effect(
      "is final by its status, and by the finalized slot where the status is forgotten",
      () =>
        Effect.gen(function* () {
          const { chain } = yield* Solana
          const claim = yield* confirmedDeposit
          const slot = yield* chain.slot("confirmed")
          yield* chain.finalize
          const forgotten = yield* frontWith("getSignatureStatuses", {
            result: { context: { slot }, value: [null] }
          })
          const behind = yield* frontWith("getSlot", { result: slot - 1 })
          for (const { url } of [forgotten, behind]) {
            const validator = yield* openValidator({ urls: [url], confirmations: "finalized" })
            assert.strictEqual(
              expectTag(yield* validator.verify(claim), "Confirmed").finality,
              "final"
            )
          }
        })
    )

    it.effect("does not wait for an endpoint that is stuck while another is not", () =>
      Effect.gen(function* () {
        const { chain } = yield* Solana
        const claim = yield* confirmedDeposit
        const stuck = yield* startRpcFront(chain.url)
        const newest = {
          confirmed: yield* chain.slot("confirmed"),
          finalized: yield* chain.slot("finalized")
        }
        yield* stuck.setMode({
          _tag: "Rewrite",
          rewrite: ({ method, params }) => {
            if (method !== "getSlot") return undefined
            const isFinalized = JSON.stringify(params).includes("finalized")
            return { result: isFinalized ? newest.finalized : newest.confirmed }
          }
        })
        yield* chain.advance(9)
        yield* chain.confirm
        const options = { urls: [stuck.url, chain.url], confirmations: 10 }
        const validator = yield* openValidator(options)

        yield* TestClock.adjust("1 minute")
        const waiting = expectTag(yield* validator.verify(claim), "NotFinal")
        assert.match(String(waiting.evidence.endpoint), /#0$/, "a slow slot is no stuck endpoint")
        yield* TestClock.adjust("2 minutes")
        const verdict = expectTag(yield* validator.verify(claim), "Confirmed")
        assert.match(String(verdict.evidence.endpoint), /#1$/)

        // Alone, it is all there is.
        const alone = yield* openValidator({ ...options, urls: [stuck.url] })
        expectTag(yield* alone.verify(claim), "NotFinal")
      })
    )

    it.effect("is never credited by a malformed answer, and no answer crashes the validator", () =>
      Effect.gen(function* () {
        const { chain } = yield* Solana
        const claim = yield* confirmedDeposit
        const real = yield* confirmedTransaction(claim.tx_hash)
        const front = yield* startRpcFront(chain.url)
        // Behind it one that answers, or each failure would be tried again after a pause.
        const urls = [front.url, (yield* blindFront).url]
        const validator = yield* openValidator({ urls, threshold: 1000 })
        yield* Effect.promise(() =>
          fc.assert(
            fc.asyncProperty(strangeAnswers(real), async (answer) => {
              await Effect.runPromise(
                front.setMode({
                  _tag: "Rewrite",
                  rewrite: ({ method }) =>
                    method === "getTransaction" ? { result: answer } : undefined
                })
              )
              const exit = await Effect.runPromise(Effect.result(validator.verify(claim)))
              if (Result.isFailure(exit)) return exit.failure._tag === "RpcFailure"
              return exit.success._tag !== "Confirmed" || isHarmless(answer, real)
            }),
            { numRuns: 25 }
          )
        )
      })
    )
  })

  it.effect("asks one request for many transactions and one for their blocks", () =>
    Effect.gen(function* () {
      const { chain } = yield* Solana
      const claims = yield* Effect.forEach(Array.from({ length: 5 }), () =>
        Effect.map(payUsdc(), claimOf)
      )
      const [first] = claims
      yield* chain.confirm
      const front = yield* startRpcFront(chain.url)
      const validator = yield* openValidator({ urls: [front.url] })
      const twice = first === undefined ? [] : [first, { ...first, token: sol }]
      yield* Effect.forEach([...claims, ...twice], validator.verify, { concurrency: "unbounded" })
      // The cluster; a transaction and a status for each, and two heads; the blocks.
      assert.deepStrictEqual(yield* front.batchSizes, [1, 12, 5])
      assert.strictEqual(yield* front.calls("getTransaction"), 5)
    })
  )

  it.effect("is remembered once it is final, and asked anew until then", () =>
    Effect.gen(function* () {
      const { chain } = yield* Solana
      const claim = claimOf(yield* payUsdc())
      yield* chain.confirm
      const front = yield* startRpcFront(chain.url)
      const validator = yield* openValidator({ urls: [front.url] })
      const asked = front.calls("getTransaction")
      yield* validator.verify(claim)
      yield* validator.verify(claim)
      assert.strictEqual(yield* asked, 2)
      yield* chain.finalize
      yield* validator.verify(claim)
      yield* validator.verify({ ...claim, token: usdc, amount: amount("9") })
      assert.strictEqual(yield* asked, 3)
    })
  )
})
