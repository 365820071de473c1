import { assert, describe, layer } from "@effect/vitest"
import { Duration, Effect, Redacted, Schema } from "effect"
import { TestClock } from "effect/testing"
import fc from "fast-check"
import type { Verdict } from "../../../src/chains/validator.ts"
import { startAptosFront } from "../../../src/demo/aptos/aptos-front.ts"
import { freshAptosAddress, makeAptosLedger } from "../../../src/demo/aptos/aptos-ledger.ts"
import { Amount } from "../../../src/domain/amount.ts"
import { Address, TxHash } from "../../../src/domain/chain.ts"
import { TokenSymbol } from "../../../src/domain/ids.ts"
import {
  AptosNode,
  apt,
  aptCoin,
  aptMetadata,
  cent,
  centMetadata,
  chainName,
  claimOf,
  coinPayment,
  depositAddress,
  depositor,
  openAptosValidator,
  otherAddress,
  payment,
  usdcMetadata
} from "../../support/aptos.ts"
import { inTime } from "../../support/in-time.ts"
import { expectTag, isMismatchBecause } from "../../support/verdicts.ts"

const amount = (text: string) => Amount.make(text)
const unknownTx = TxHash.make(`0x${"00".repeat(31)}01`)

const indexOf = (verdict: Verdict) => expectTag(verdict, "Confirmed").identity.transfer_index

/** Whole answers that are anything, and good transactions of which a part that counts is. */
const answerParts = fc.constantFrom("transaction", "block")
const spoilings: fc.Arbitrary<(good: Schema.JsonObject) => Schema.Json> = fc.oneof(
  fc.jsonValue().map((value) => () => value as Schema.Json),
  fc
    .record({
      part: fc.constantFrom("type", "hash", "version", "success", "sender", "events"),
      value: fc.jsonValue().filter((value) => value !== true)
    })
    .map(
      ({ part, value }) =>
        (good: Schema.JsonObject) =>
          ({ ...good, [part]: value }) as Schema.Json
    ),
  fc
    .record({
      part: fc.constantFrom("guid", "type", "data"),
      value: fc.oneof(fc.jsonValue(), fc.record({ store: fc.jsonValue(), amount: fc.jsonValue() }))
    })
    .map(
      ({ part, value }) =>
        (good: Schema.JsonObject) =>
          ({
            ...good,
            events: (good.events as ReadonlyArray<Schema.JsonObject>).map((event) => ({
              ...event,
              [part]: value
            }))
          }) as Schema.Json
    )
)

layer(AptosNode.layer)("a deposit on Aptos", (it) => {
  describe("of a fungible asset", () => {
    it.effect("is confirmed when its event matches in every part", () =>
      Effect.gen(function* () {
        const { ledger } = yield* AptosNode
        const validator = yield* openAptosValidator()
        const tx_hash = yield* ledger.commit([payment()])
        const block = ledger.newest()

        const verdict = expectTag(yield* validator.verify(claimOf({ tx_hash })), "Confirmed")

        assert.deepStrictEqual(verdict.identity, {
          chain: chainName,
          tx_hash,
          transfer_index: "event:1"
        })
        assert.strictEqual(verdict.amount, "1.5")
        assert.strictEqual(verdict.block_number, block.height)
        assert.strictEqual(verdict.block_hash, block.hash)
        assert.strictEqual(verdict.confirmations, 1)
        assert.strictEqual(verdict.finality, "final")
        assert.deepInclude(verdict.evidence, {
          success: true,
          sender: depositor,
          version: block.lastVersion
        })
        assert.deepInclude(verdict.evidence.transfer, {
          place: "event 1",
          asset: usdcMetadata,
          account: depositAddress,
          units: "1500000"
        })
        assert.strictEqual((verdict.evidence.withdrawals as ReadonlyArray<unknown>).length, 1)
        yield* Schema.decodeUnknownEffect(Schema.JsonObject)(verdict.evidence)
      })
    )

    it.effect("of a token that only calls itself USDC is never credited", () =>
      Effect.gen(function* () {
        const { ledger } = yield* AptosNode
        const validator = yield* openAptosValidator()
        const metadata = freshAptosAddress()
        const tx_hash = yield* ledger.commit([payment({ metadata })])

        const reason = new RegExp(`it is of ${metadata}, not of ${usdcMetadata}.*a symbol proves`)
        isMismatchBecause(yield* validator.verify(claimOf({ tx_hash })), reason)
        isMismatchBecause(yield* validator.verify(claimOf({ tx_hash, transfer_index: 1 })), reason)
      })
    )

    it.effect("whose transaction failed is not credited, and the reason is kept", () =>
      Effect.gen(function* () {
        const { ledger } = yield* AptosNode
        const validator = yield* openAptosValidator()
        const failure = "Move abort in 0x1::fungible_asset: EINSUFFICIENT_BALANCE(0x10004)"
        const tx_hash = yield* ledger.commit([payment()], { failure })

        const verdict = expectTag(yield* validator.verify(claimOf({ tx_hash })), "Reverted")
        assert.deepInclude(verdict.evidence, { success: false, vm_status: failure })
      })
    )

    it.effect("is not credited where the node shows events of a transaction that failed", () =>
      Effect.gen(function* () {
        const { ledger, front } = yield* AptosNode
        const validator = yield* openAptosValidator()
        const tx_hash = yield* ledger.commit([payment()])
        yield* front.setMode({
          _tag: "Rewrite",
          rewrite: (path, { status, body }) =>
            path.startsWith("/transactions")
              ? { status, body: { ...(body as Schema.JsonObject), success: false } }
              : undefined
        })
        expectTag(yield* validator.verify(claimOf({ tx_hash })), "Reverted")
        yield* front.setMode({ _tag: "Answer" })
      })
    )

    it.effect("that went to another address is not credited", () =>
      Effect.gen(function* () {
        const { ledger } = yield* AptosNode
        const validator = yield* openAptosValidator()
        const tx_hash = yield* ledger.commit([payment({ to: otherAddress })])

        isMismatchBecause(
          yield* validator.verify(claimOf({ tx_hash })),
          new RegExp(`it went to ${otherAddress}, not to ${depositAddress}`)
        )
      })
    )

    it.effect("of another amount is not credited, be it more or less by a millionth", () =>
      Effect.gen(function* () {
        const { ledger } = yield* AptosNode
        const validator = yield* openAptosValidator()
        const tx_hash = yield* ledger.commit([payment()])

        for (const wrong of ["1.500001", "1.499999", "15", "1.5000000000000001"]) {
          const verdict = yield* validator.verify(claimOf({ tx_hash, amount: amount(wrong) }))
          const mismatch = isMismatchBecause(verdict, new RegExp(`it moved 1.5 USDC, not ${wrong}`))
          assert.strictEqual(mismatch.expected.amount, wrong)
        }
      })
    )

    it.effect("into a store that its maker could still empty is not credited", () =>
      Effect.gen(function* () {
        const { ledger } = yield* AptosNode
        const validator = yield* openAptosValidator()
        const store = freshAptosAddress()
        const tx_hash = yield* ledger.commit([payment({ store })])

        isMismatchBecause(
          yield* validator.verify(claimOf({ tx_hash })),
          new RegExp(`it went into ${store}, which .* not its primary store`)
        )
      })
    )

    it.effect("from an account to itself brings nothing and is not credited", () =>
      Effect.gen(function* () {
        const { ledger } = yield* AptosNode
        const validator = yield* openAptosValidator()
        const tx_hash = yield* ledger.commit([payment({ from: depositAddress })])

        isMismatchBecause(
          yield* validator.verify(claimOf({ tx_hash, transfer_index: 1 })),
          /event 0 takes 1.5 USDC out of the same account/
        )
      })
    )

    it.effect("is not credited where funds leave as a coin and come back as its asset", () =>
      Effect.gen(function* () {
        const { ledger } = yield* AptosNode
        const validator = yield* openAptosValidator()
        for (const tells of ["handles", "modules"] as const) {
          const tx_hash = yield* ledger.commit([
            coinPayment({ from: depositAddress, to: otherAddress, tells, units: 700_000n }),
            payment()
          ])
          isMismatchBecause(
            yield* validator.verify(claimOf({ tx_hash })),
            /event 0 takes 0.7 USDC out of the same account/
          )
        }
      })
    )

    it.effect(
      "is credited though the account pays with another token in the same transaction",
      () =>
        Effect.gen(function* () {
          const { ledger } = yield* AptosNode
          const validator = yield* openAptosValidator()
          const tx_hash = yield* ledger.commit([
            payment({ from: depositAddress, to: otherAddress, metadata: centMetadata }),
            payment()
          ])
          assert.strictEqual(indexOf(yield* validator.verify(claimOf({ tx_hash }))), "event:3")
        })
    )

    it.effect("is found by its amount among several, each with its own identity", () =>
      Effect.gen(function* () {
        const { ledger } = yield* AptosNode
        const validator = yield* openAptosValidator()
        const tx_hash = yield* ledger.commit([
          payment({ units: 1_000_000n }),
          payment({ units: 2_000_000n, to: otherAddress }),
          payment({ units: 3_000_000n })
        ])
        const verify = (text: string, transfer_index: number | null = null) =>
          validator.verify(claimOf({ tx_hash, amount: amount(text), transfer_index }))

        assert.strictEqual(indexOf(yield* verify("1")), "event:1")
        assert.strictEqual(indexOf(yield* verify("3")), "event:5")
        assert.strictEqual(indexOf(yield* verify("3", 5)), "event:5")
        isMismatchBecause(yield* verify("2"), /no transfer of 2 USDC .* event 1, and 1 more/)
        isMismatchBecause(yield* verify("3", 1), /event 1 is not the claimed .* it moved 1 USDC/)
        isMismatchBecause(yield* verify("3", 4), /event 4 of the transaction is not a deposit/)
        isMismatchBecause(yield* verify("3", 6), /event 6 of the transaction is not a deposit/)
        isMismatchBecause(yield* verify("3", 7), /the transaction has no event 7/)
      })
    )

    it.effect("is never guessed from two identical ones: only an index tells them apart", () =>
      Effect.gen(function* () {
        const { ledger } = yield* AptosNode
        const validator = yield* openAptosValidator()
        const tx_hash = yield* ledger.commit([payment(), payment()])

        const guess = yield* validator.verify(claimOf({ tx_hash }))
        const first = yield* validator.verify(claimOf({ tx_hash, transfer_index: 1 }))
        const second = yield* validator.verify(claimOf({ tx_hash, transfer_index: 3 }))

        isMismatchBecause(guess, /ambiguous: 2 identical transfers .* send transfer_index/)
        assert.strictEqual(indexOf(first), "event:1")
        assert.strictEqual(indexOf(second), "event:3")
      })
    )

    it.effect("is found whose store the node's changes do not show", () =>
      Effect.gen(function* () {
        const { ledger, front } = yield* AptosNode
        const validator = yield* openAptosValidator()
        const tx_hash = yield* ledger.commit([payment()], { isTerse: true })
        const version = ledger.newest().lastVersion

        assert.strictEqual(indexOf(yield* validator.verify(claimOf({ tx_hash }))), "event:1")
        const asked = (yield* front.targets).filter((target) => target.includes("/accounts/"))
        assert.isTrue(
          asked.slice(-4).every((target) => target.endsWith(`?ledger_version=${version}`))
        )
      })
    )

    it.effect("is not credited whose owner no resource shows", () =>
      Effect.gen(function* () {
        const { ledger, front } = yield* AptosNode
        const validator = yield* openAptosValidator()
        const tx_hash = yield* ledger.commit([payment()], { isTerse: true })
        const hide = (type: string) =>
          front.setMode({
            _tag: "Rewrite",
            rewrite: (path) =>
              path.includes(type)
                ? { status: 404, body: { error_code: "resource_not_found", message: "no" } }
                : undefined
          })

        yield* hide("ObjectCore")
        isMismatchBecause(yield* validator.verify(claimOf({ tx_hash })), /does not show to whom/)
        yield* hide("FungibleStore")
        const again = yield* openAptosValidator()
        isMismatchBecause(yield* again.verify(claimOf({ tx_hash })), /not show of which token/)
        yield* front.setMode({ _tag: "Answer" })
      })
    )

    it.effect("of the largest amount that Aptos knows is exact to the last unit", () =>
      Effect.gen(function* () {
        const { ledger } = yield* AptosNode
        const validator = yield* openAptosValidator()
        const units = 2n ** 64n - 1n
        const tx_hash = yield* ledger.commit([payment({ units })])
        const verify = (text: string) =>
          validator.verify(claimOf({ tx_hash, amount: amount(text) }))

        const exact = expectTag(yield* verify("18446744073709.551615"), "Confirmed")
        assert.deepInclude(exact.evidence.transfer, { units: "18446744073709551615" })
        isMismatchBecause(yield* verify("18446744073709.551614"), /it moved 18446744073709.551615/)
        isMismatchBecause(yield* verify("18446744073709.552"), /it moved 18446744073709.551615/)
      })
    )

    it.effect("that is more than an amount can hold is not credited", () =>
      Effect.gen(function* () {
        const { ledger } = yield* AptosNode
        const validator = yield* openAptosValidator()
        const units = 2n ** 64n - 1n
        const tx_hash = yield* ledger.commit([payment({ metadata: centMetadata, units })])
        const claim = claimOf({ tx_hash, token: cent, amount: amount("999999999999999999") })

        isMismatchBecause(yield* validator.verify(claim), /it moved 18446744073709551615 units/)
      })
    )

    it.effect("that surehook.yaml does not name is not credited, and the reason says so", () =>
      Effect.gen(function* () {
        const validator = yield* openAptosValidator()
        const token = TokenSymbol.make("DOGE")
        const verdict = yield* validator.verify(claimOf({ tx_hash: unknownTx, token }))
        isMismatchBecause(verdict, /DOGE is not among the tokens of aptos .*replay/)
      })
    )
  })

  describe("of a coin", () => {
    it.effect("is confirmed by its handle's event or by its module's", () =>
      Effect.gen(function* () {
        const { ledger } = yield* AptosNode
        const validator = yield* openAptosValidator()
        for (const tells of ["handles", "modules"] as const) {
          const tx_hash = yield* ledger.commit([coinPayment({ tells })])
          assert.strictEqual(indexOf(yield* validator.verify(claimOf({ tx_hash }))), "event:1")
        }
      })
    )

    it.effect("that both events tell of is one deposit, by whichever it is named", () =>
      Effect.gen(function* () {
        const { ledger } = yield* AptosNode
        const validator = yield* openAptosValidator()
        const tx_hash = yield* ledger.commit([coinPayment({ tells: "both" })])

        for (const transfer_index of [null, 2, 3]) {
          const verdict = yield* validator.verify(claimOf({ tx_hash, transfer_index }))
          assert.strictEqual(indexOf(verdict), "event:2")
        }
      })
    )

    it.effect("is two deposits where both events tell of each of two", () =>
      Effect.gen(function* () {
        const { ledger } = yield* AptosNode
        const validator = yield* openAptosValidator()
        const both = coinPayment({ tells: "both" })
        const tx_hash = yield* ledger.commit([both, both])
        const verify = (transfer_index: number | null) =>
          validator.verify(claimOf({ tx_hash, transfer_index }))

        isMismatchBecause(yield* verify(null), /ambiguous: 2 identical transfers/)
        assert.strictEqual(indexOf(yield* verify(3)), "event:2")
        assert.strictEqual(indexOf(yield* verify(7)), "event:6")
      })
    )

    it.effect("and one of its asset are two deposits", () =>
      Effect.gen(function* () {
        const { ledger } = yield* AptosNode
        const validator = yield* openAptosValidator()
        const tx_hash = yield* ledger.commit([coinPayment(), payment()])

        isMismatchBecause(yield* validator.verify(claimOf({ tx_hash })), /ambiguous: 2/)
        const asset = yield* validator.verify(claimOf({ tx_hash, transfer_index: 3 }))
        assert.strictEqual(indexOf(asset), "event:3")
      })
    )

    it.effect("of another type of the same name is never credited", () =>
      Effect.gen(function* () {
        const { ledger } = yield* AptosNode
        const validator = yield* openAptosValidator()
        for (const tells of ["handles", "modules", "both"] as const) {
          const tx_hash = yield* ledger.commit([coinPayment({ coin: "0xbad::asset::USDC", tells })])
          isMismatchBecause(yield* validator.verify(claimOf({ tx_hash })), /bad::asset::USDC, not/)
        }
      })
    )

    it.effect("whose type no change shows is not credited", () =>
      Effect.gen(function* () {
        const { ledger } = yield* AptosNode
        const validator = yield* openAptosValidator()
        const tx_hash = yield* ledger.commit([coinPayment()], { isTerse: true })
        isMismatchBecause(yield* validator.verify(claimOf({ tx_hash })), /not show of which token/)
      })
    )

    it.effect("from an account to itself brings nothing and is not credited", () =>
      Effect.gen(function* () {
        const { ledger } = yield* AptosNode
        const validator = yield* openAptosValidator()
        for (const tells of ["handles", "modules", "both"] as const) {
          const tx_hash = yield* ledger.commit([coinPayment({ from: depositAddress, tells })])
          isMismatchBecause(
            yield* validator.verify(claimOf({ tx_hash })),
            /out of the same account/
          )
        }
      })
    )

    it.effect("is not taken for its namesake's asset where the token has no coin", () =>
      Effect.gen(function* () {
        const { ledger } = yield* AptosNode
        const validator = yield* openAptosValidator()
        const tx_hash = yield* ledger.commit([coinPayment({ coin: aptCoin, units: 1n })])
        const claim = claimOf({ tx_hash, token: cent, amount: amount("1") })
        isMismatchBecause(yield* validator.verify(claim), /aptos_coin::AptosCoin, not of/)
      })
    )
  })

  describe("of APT", () => {
    const claim = { token: apt, amount: amount("1.5") }
    const units = 150_000_000n

    it.effect("is confirmed as the coin and as the fungible asset", () =>
      Effect.gen(function* () {
        const { ledger } = yield* AptosNode
        const validator = yield* openAptosValidator()
        for (const transfer of [
          payment({ metadata: aptMetadata, units }),
          coinPayment({ coin: aptCoin, units }),
          coinPayment({
            coin: `${Address.make(`0x${"1".padStart(64, "0")}`)}::aptos_coin::AptosCoin`,
            units,
            tells: "modules"
          })
        ]) {
          const tx_hash = yield* ledger.commit([transfer])
          assert.strictEqual(
            indexOf(yield* validator.verify(claimOf({ tx_hash, ...claim }))),
            "event:1"
          )
        }
      })
    )

    it.effect("is not an asset or a coin of that name", () =>
      Effect.gen(function* () {
        const { ledger } = yield* AptosNode
        const validator = yield* openAptosValidator()
        for (const transfer of [
          payment({ metadata: usdcMetadata, units }),
          coinPayment({ coin: "0x2::aptos_coin::AptosCoin", units })
        ]) {
          const tx_hash = yield* ledger.commit([transfer])
          isMismatchBecause(yield* validator.verify(claimOf({ tx_hash, ...claim })), /a symbol/)
        }
      })
    )
  })

  describe("that is not settled", () => {
    it.effect("is not found when no node knows its transaction", () =>
      Effect.gen(function* () {
        const validator = yield* openAptosValidator()
        expectTag(yield* validator.verify(claimOf({ tx_hash: unknownTx })), "NotFound")
      })
    )

    it.effect("is not credited while it is pending, and is when it is committed", () =>
      Effect.gen(function* () {
        const { ledger } = yield* AptosNode
        const validator = yield* openAptosValidator()
        const tx_hash = yield* ledger.pend([payment()])

        const early = expectTag(yield* validator.verify(claimOf({ tx_hash })), "NotFinal")
        assert.strictEqual(early.confirmations_seen, 0)
        assert.strictEqual(early.confirmations_needed, 1)
        assert.strictEqual(Duration.toMillis(early.look_again_after), 1000)

        yield* ledger.land(tx_hash)
        assert.strictEqual(indexOf(yield* validator.verify(claimOf({ tx_hash }))), "event:1")
      })
    )

    it.effect("is found on the second node where the first does not know it yet", () =>
      Effect.gen(function* () {
        const { ledger, front } = yield* AptosNode
        const lagging = yield* startAptosFront(makeAptosLedger())
        const validator = yield* openAptosValidator({ urls: [lagging.url, front.url] })
        const tx_hash = yield* ledger.commit([payment()])
        assert.strictEqual(indexOf(yield* validator.verify(claimOf({ tx_hash }))), "event:1")
      })
    )

    it.effect("waits where the only node that does not know it lags behind", () =>
      Effect.gen(function* () {
        const { ledger, front } = yield* AptosNode
        const lagging = yield* startAptosFront(makeAptosLedger())
        const validator = yield* openAptosValidator({ urls: [lagging.url, front.url] })
        yield* ledger.advance(250)
        expectTag(yield* validator.verify(claimOf({ tx_hash: unknownTx })), "NotFound")

        yield* front.setMode({ _tag: "Status", status: 503 })
        const failure = yield* inTime(
          Effect.flip(validator.verify(claimOf({ tx_hash: unknownTx })))
        )
        yield* front.setMode({ _tag: "Answer" })
        assert.strictEqual(failure._tag, "RpcFailure")
        assert.match(failure.message, /blocks behind the newest block seen on aptos/)
      })
    )

    it.effect("and pending at a node that stands still is asked of another", () =>
      Effect.gen(function* () {
        const { ledger, front } = yield* AptosNode
        const stuckLedger = makeAptosLedger()
        const stuck = yield* startAptosFront(stuckLedger)
        const tx_hash = yield* ledger.commit([payment()])
        yield* stuck.setMode({
          _tag: "Rewrite",
          rewrite: (path) =>
            path.includes(tx_hash)
              ? { status: 200, body: { type: "pending_transaction", hash: tx_hash } }
              : undefined
        })
        const validator = yield* openAptosValidator({ urls: [stuck.url, front.url] })

        expectTag(yield* validator.verify(claimOf({ tx_hash })), "NotFinal")
        yield* TestClock.adjust("2 minutes")
        assert.strictEqual(indexOf(yield* validator.verify(claimOf({ tx_hash }))), "event:1")
      })
    )

    it.effect("is asked for once by all the claims about it, and remembered when it is final", () =>
      Effect.gen(function* () {
        const { ledger, front } = yield* AptosNode
        const validator = yield* openAptosValidator()
        const tx_hash = yield* ledger.commit([payment()])
        const claims = Array.from({ length: 20 }, () => validator.verify(claimOf({ tx_hash })))

        yield* Effect.all(claims, { concurrency: "unbounded" })
        yield* validator.verify(claimOf({ tx_hash }))
        const asked = (yield* front.targets).filter((target) => target.includes(tx_hash))
        assert.strictEqual(asked.length, 1)
      })
    )

    it.effect("is no deposit when the chain itself made the transaction", () =>
      Effect.gen(function* () {
        const { ledger } = yield* AptosNode
        const validator = yield* openAptosValidator()
        yield* ledger.advance(1)
        const [begin] = ledger.transactionsFrom(ledger.newest().firstVersion, 1)
        const tx_hash = TxHash.make(String(begin?.hash))
        isMismatchBecause(
          yield* validator.verify(claimOf({ tx_hash })),
          /it is a block_metadata_transaction/
        )
      })
    )
  })

  describe("and its endpoint", () => {
    const failureOf = (options: Parameters<typeof openAptosValidator>[0], tx_hash: TxHash) =>
      Effect.gen(function* () {
        const validator = yield* openAptosValidator(options)
        const failure = yield* inTime(Effect.flip(validator.verify(claimOf({ tx_hash }))))
        assert.strictEqual(failure._tag, "RpcFailure")
        return failure
      })

    it.effect("of another chain is not believed", () =>
      Effect.gen(function* () {
        const { ledger } = yield* AptosNode
        const tx_hash = yield* ledger.commit([payment()])
        const { message } = yield* failureOf({ chainId: 1 }, tx_hash)
        assert.match(message, /serves chain 4, but aptos is chain 1/)

        const mainnet = yield* startAptosFront(makeAptosLedger(1))
        const other = yield* failureOf({ urls: [mainnet.url] }, tx_hash)
        assert.match(other.message, /serves chain 1, but aptos is chain 4/)
      })
    )

    it.effect("that has pruned the version is at fault, and another is asked", () =>
      Effect.gen(function* () {
        const { ledger, front } = yield* AptosNode
        const tx_hash = yield* ledger.commit([payment()])
        const pruning = yield* startAptosFront(ledger)
        yield* pruning.setMode({
          _tag: "Rewrite",
          rewrite: (path) =>
            path.includes(tx_hash)
              ? { status: 410, body: { message: "pruned", error_code: "version_pruned" } }
              : undefined
        })
        const { message } = yield* failureOf({ urls: [pruning.url] }, tx_hash)
        assert.match(message, /error 410: version_pruned: pruned/)

        const validator = yield* openAptosValidator({ urls: [pruning.url, front.url] })
        assert.strictEqual(indexOf(yield* validator.verify(claimOf({ tx_hash }))), "event:1")
      })
    )

    it.effect("that writes an amount as a number, which may have been rounded, is at fault", () =>
      Effect.gen(function* () {
        const { ledger, front } = yield* AptosNode
        const tx_hash = yield* ledger.commit([payment()])
        const text = JSON.stringify(ledger.transactionOf(tx_hash))
        const body: Schema.Json = JSON.parse(
          text.replaceAll('"amount":"1500000"', '"amount":1500000')
        )
        yield* front.setMode({
          _tag: "Rewrite",
          rewrite: (path) => (path.includes(tx_hash) ? { status: 200, body } : undefined)
        })
        const { message } = yield* failureOf({}, tx_hash)
        yield* front.setMode({ _tag: "Answer" })
        assert.match(message, /gave a transaction with a malformed event/)
      })
    )

    it.effect("that does not know the path is at fault, and its 404 is no verdict", () =>
      Effect.gen(function* () {
        const { ledger, front } = yield* AptosNode
        const tx_hash = yield* ledger.commit([payment()])
        for (const body of [
          "<html>404</html>",
          `{"message":"no","error_code":"web_framework_error"}`
        ]) {
          const answer = { status: 404, body: body.startsWith("{") ? JSON.parse(body) : body }
          yield* front.setMode({
            _tag: "Rewrite",
            rewrite: (path) => (path.includes(tx_hash) ? answer : undefined)
          })
          yield* failureOf({}, tx_hash)
        }
        yield* front.setMode({ _tag: "Answer" })
      })
    )

    it.effect("that answers with another transaction or another block is at fault", () =>
      Effect.gen(function* () {
        const { ledger, front } = yield* AptosNode
        const other = yield* ledger.commit([payment()])
        const tx_hash = yield* ledger.commit([payment({ units: 1n })])
        const shown = ledger.transactionOf(other) ?? {}
        yield* front.setMode({
          _tag: "Rewrite",
          rewrite: (path) => (path.includes(tx_hash) ? { status: 200, body: shown } : undefined)
        })
        assert.match((yield* failureOf({}, tx_hash)).message, /another transaction than was asked/)

        yield* front.setMode({
          _tag: "Rewrite",
          rewrite: (path, { status, body }) =>
            path.startsWith("/blocks")
              ? {
                  status,
                  body: { ...(body as Schema.JsonObject), last_version: "1", first_version: "0" }
                }
              : undefined
        })
        assert.match((yield* failureOf({}, tx_hash)).message, /another block than was asked/)
        yield* front.setMode({ _tag: "Answer" })
      })
    )

    it.effect("gets the headers of its configuration, and neither they nor its key are told", () =>
      Effect.gen(function* () {
        const { ledger, front } = yield* AptosNode
        const tx_hash = yield* ledger.commit([payment()])
        const endpoint = {
          url: Redacted.make(front.url),
          headers: new Map([["x-api-key", Redacted.make("my-api-key")]])
        }
        yield* front.setMode({
          _tag: "Status",
          status: 400,
          body: JSON.stringify({
            error_code: "invalid_input",
            message: `bad ${front.key} my-api-key`
          })
        })
        const { message } = yield* failureOf({ endpoints: [endpoint] }, tx_hash)
        yield* front.setMode({ _tag: "Answer" })

        assert.strictEqual((yield* front.headers)["x-api-key"], "my-api-key")
        assert.match(message, /invalid_input: bad <redacted> <redacted>/)
      })
    )
  })

  it.effect("is never credited on a malformed answer, whichever answer and whatever is in it", () =>
    Effect.gen(function* () {
      const { ledger } = yield* AptosNode
      const front = yield* startAptosFront(ledger)
      const validator = yield* openAptosValidator({ urls: [front.url] })
      const bodies = new Map<string, Schema.Json>()
      const hashes: Array<TxHash> = []
      for (const [part, spoil] of fc.sample(fc.tuple(answerParts, spoilings), 120)) {
        const tx_hash = yield* ledger.commit([payment()])
        const body = spoil(ledger.transactionOf(tx_hash) ?? {})
        const version = ledger.newest().lastVersion
        hashes.push(tx_hash)
        bodies.set(
          part === "block" ? `/blocks/by_version/${version}` : `/transactions/by_hash/${tx_hash}`,
          body
        )
      }
      yield* front.setMode({
        _tag: "Rewrite",
        rewrite: (path) => {
          const body = bodies.get(path)
          return body === undefined ? undefined : { status: 200, body }
        }
      })
      const outcomes = yield* Effect.forEach(
        hashes,
        (tx_hash) =>
          validator.verify(claimOf({ tx_hash })).pipe(
            Effect.map((verdict) => verdict._tag),
            Effect.catch((error) => Effect.succeed(error._tag))
          ),
        { concurrency: "unbounded" }
      ).pipe(inTime)
      const spoiled = [...bodies.values()]
      for (const [position, outcome] of outcomes.entries()) {
        assert.include(
          ["Mismatch", "NotFinal", "Reverted", "RpcFailure"],
          outcome,
          JSON.stringify(spoiled[position])
        )
      }
    })
  )

  it.effect("is found in its ledger by who reads all transactions from a version on", () =>
    Effect.gen(function* () {
      const { ledger, front } = yield* AptosNode
      const tx_hash = yield* ledger.commit([payment()])
      const start = ledger.newest().firstVersion
      const page = yield* Effect.promise(async () => {
        const response = await fetch(`${front.url}/v1/transactions?start=${start}&limit=2`)
        return response.json()
      })
      assert.deepStrictEqual(
        (page as ReadonlyArray<Schema.JsonObject>).map(({ type, version }) => [type, version]),
        [
          ["block_metadata_transaction", `${start}`],
          ["user_transaction", `${start + 1}`]
        ]
      )
      assert.strictEqual((page as ReadonlyArray<Schema.JsonObject>)[1]?.hash, tx_hash)
    })
  )
})
