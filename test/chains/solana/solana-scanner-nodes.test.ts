import { assert, describe, layer } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { type FrontCall, type Rewritten, startRpcFront } from "../../../src/demo/rpc-front.ts"
import {
  answerTo,
  asConfirmed,
  failureOf,
  frontWith,
  openScanner,
  Solana,
  unknownTx
} from "../../support/solana.ts"
import { expectTag } from "../../support/verdicts.ts"

const oneUsdc = 1_000_000n

/** A confirmed deposit, and where to look for it. */
const deposit = Effect.gen(function* () {
  const { chain, usdc: token } = yield* Solana
  const owner = yield* chain.freshAddress
  const tx_hash = yield* chain.pay([{ to: owner, token, units: oneUsdc }])
  yield* chain.confirm
  const slot = yield* chain.slot("confirmed")
  return { owner, tx_hash, range: { from: slot, to: slot }, addresses: new Set([owner]) }
})

const hashes = (found: ReadonlyArray<{ readonly claim: { readonly tx_hash: string } }>) =>
  found.map(({ claim }) => claim.tx_hash)

const frontThat = (rewrite: (call: FrontCall) => Rewritten | undefined) =>
  Effect.gen(function* () {
    const { chain } = yield* Solana
    const front = yield* startRpcFront(chain.url)
    yield* front.setMode({ _tag: "Rewrite", rewrite })
    return front
  })

/** Alone it is no answer; with another endpoint behind it, that one's. */
const isPassedOver = Effect.fnUntraced(function* (
  url: string,
  tag: "RpcFailure" | "RpcRefused",
  why: RegExp
) {
  const { chain } = yield* Solana
  const { addresses, range, tx_hash } = yield* deposit
  const alone = yield* openScanner({ urls: [url] })
  const failure = yield* failureOf(alone.scanner.scan(range, addresses))
  assert.strictEqual(failure._tag, tag)
  assert.match(failure.message, why)
  const both = yield* openScanner({ urls: [url, chain.url] })
  assert.deepStrictEqual(hashes(yield* both.scanner.scan(range, addresses)), [tx_hash])
})

layer(Solana.layer, { timeout: "60 seconds" })("a scan of Solana", (it) => {
  describe("asked of a node that does not have the range", () => {
    it.effect("is not answered by one that lacks the last slot", () =>
      Effect.gen(function* () {
        const behind = yield* frontWith("getSlot", { result: 1001 })
        yield* isPassedOver(behind.url, "RpcFailure", /at slot 1001 and does not have slot/)
      })
    )

    it.effect("is not answered by another node behind the same URL that lacks it", () =>
      Effect.gen(function* () {
        const { addresses, range } = yield* deposit
        const to = range.to + 9
        const context = { slot: range.to }
        for (const [method, result] of [
          ["getTokenAccountsByOwner", { context, value: [] }],
          ["getSignaturesForAddress", []]
        ] as const) {
          // It says that it is there, and one of its two lists is of it.
          const front = yield* frontThat((call) => {
            if (call.method === "getSlot") return { result: to }
            return call.method === method ? { result } : undefined
          })
          const { scanner } = yield* openScanner({ urls: [front.url] })
          const ahead = scanner.scan({ from: range.from, to }, addresses)
          assert.match((yield* failureOf(ahead)).message, /Minimum context slot/)
        }
        const error = { code: -32016, message: "Minimum context slot has not been reached" }
        const half = yield* frontWith("getSignaturesForAddress", { error })
        yield* isPassedOver(half.url, "RpcFailure", /Minimum context slot/)
      })
    )

    it.effect("is not answered by one that threw the first slot away", () =>
      Effect.gen(function* () {
        const { chain } = yield* Solana
        const result = (yield* chain.slot("processed")) + 1_000_000
        const pruned = yield* frontWith("getFirstAvailableBlock", { result })
        yield* isPassedOver(pruned.url, "RpcRefused", /the transactions since slot .* only/)
      })
    )

    it.effect("is not answered by one that lists a transaction that it cannot show", () =>
      Effect.gen(function* () {
        const blind = yield* frontWith("getTransaction", { result: null })
        yield* isPassedOver(blind.url, "RpcFailure", /lists .*, but does not have it/)
      })
    )

    it.effect("goes on where a page ended, or not at all", () =>
      Effect.gen(function* () {
        const { chain, usdc: token } = yield* Solana
        const { addresses, owner, range } = yield* deposit
        const account = yield* chain.tokenAccountOf(token, owner)
        yield* Effect.forEach(Array.from({ length: 110 }), () => chain.payInto(token, account, 1n))
        yield* chain.confirm
        const lost = yield* frontThat(({ method, params }) =>
          method === "getSignaturesForAddress" && JSON.stringify(params).includes('"before"')
            ? { result: [] }
            : undefined
        )
        const { scanner } = yield* openScanner({ urls: [lost.url] })
        const failure = yield* failureOf(scanner.scan(range, addresses))
        assert.match(failure.message, /lost its place in the transactions of/)
      })
    )
  })

  describe("asked of a node that answers badly", () => {
    it.effect("fails by any malformed answer, and finds nothing instead of it", () =>
      Effect.gen(function* () {
        const { chain } = yield* Solana
        const slot = yield* chain.slot("confirmed")
        const context = { slot }
        const listed = { signature: unknownTx, slot, err: null }
        const account = { pubkey: chain.depositor, account: { data: ["", "base64"] } }
        for (const [method, result] of [
          ["getSlot", null],
          ["getSlot", -1],
          ["getFirstAvailableBlock", "0"],
          ["getSignaturesForAddress", null],
          ["getSignaturesForAddress", {}],
          ["getSignaturesForAddress", [null]],
          ["getSignaturesForAddress", [{ ...listed, signature: "x" }]],
          ["getSignaturesForAddress", [{ ...listed, slot: "1" }]],
          ["getSignaturesForAddress", [{ signature: unknownTx, slot }]],
          ["getSignaturesForAddress", [{ ...listed, slot: slot - 1 }, listed]],
          ["getTokenAccountsByOwner", []],
          ["getTokenAccountsByOwner", { context, value: null }],
          ["getTokenAccountsByOwner", { context, value: [account] }],
          ["getTransaction", {}],
          ["getTransaction", { slot, transaction: {}, meta: null }]
        ] as const) {
          const front = yield* frontWith(method, {
            result: Schema.decodeUnknownSync(Schema.Json)(result)
          })
          yield* isPassedOver(front.url, "RpcFailure", new RegExp(`malformed answer to ${method}`))
        }
      })
    )

    it.effect("does not believe lists of another address, or of another owner or mint", () =>
      Effect.gen(function* () {
        const { chain, usdc: token } = yield* Solana
        const other = yield* deposit
        const foreign = yield* answerTo("getTokenAccountsByOwner", [
          other.owner,
          { mint: token.address },
          {
            commitment: "confirmed",
            encoding: "base64",
            dataSlice: { offset: 0, length: 64 }
          }
        ])
        const accounts = yield* frontWith("getTokenAccountsByOwner", { result: foreign })
        yield* isPassedOver(accounts.url, "RpcFailure", /other token accounts than were asked for/)

        const listed = yield* answerTo("getSignaturesForAddress", [
          other.owner,
          { commitment: "confirmed" }
        ])
        const { owner } = yield* deposit
        const front = yield* frontWith("getSignaturesForAddress", { result: listed })
        const { scanner } = yield* openScanner({ urls: [front.url] })
        const failure = yield* failureOf(
          scanner.scan({ ...other.range, to: yield* chain.slot("confirmed") }, new Set([owner]))
        )
        assert.match(failure.message, /lists .* otherwise than it shows it/)
      })
    )

    it.effect("does not believe a transaction that is shown in another slot, or as failed", () =>
      Effect.gen(function* () {
        const { addresses, range, tx_hash } = yield* deposit
        const real = yield* Schema.decodeUnknownEffect(
          Schema.StructWithRest(Schema.Struct({ slot: Schema.Int, meta: Schema.JsonObject }), [
            Schema.Record(Schema.String, Schema.Json)
          ])
        )(yield* answerTo("getTransaction", [tx_hash, asConfirmed]))
        for (const result of [
          { ...real, slot: real.slot + 1 },
          { ...real, meta: { ...real.meta, err: "AccountInUse" } }
        ]) {
          const front = yield* frontWith("getTransaction", { result })
          const { scanner } = yield* openScanner({ urls: [front.url] })
          const failure = yield* failureOf(scanner.scan(range, addresses))
          assert.match(failure.message, /lists .* otherwise than it shows it/)
        }
      })
    )

    it.effect("leaves out a transaction of a version that cannot be read, and none beside it", () =>
      Effect.gen(function* () {
        const { chain, usdc: token } = yield* Solana
        const { addresses, owner, range, tx_hash } = yield* deposit
        const strange = yield* chain.pay([{ to: owner, token, units: oneUsdc }])
        yield* chain.confirm
        const message = "Transaction version (1) is not supported by the requesting client"
        const front = yield* frontThat(({ method, params }) =>
          method === "getTransaction" && params[0] === strange
            ? { error: { code: -32015, message } }
            : undefined
        )
        const { scanner } = yield* openScanner({ urls: [front.url] })
        const wider = { from: range.from, to: yield* chain.slot("confirmed") }
        assert.deepStrictEqual(hashes(yield* scanner.scan(wider, addresses)), [tx_hash])
      })
    )
  })

  it.effect("closes no endpoint to deposits that does not offer what only a scan needs", () =>
    Effect.gen(function* () {
      const { chain } = yield* Solana
      const { addresses, range } = yield* deposit
      const full = yield* openScanner()
      const [found] = yield* full.scanner.scan(range, addresses)
      assert.isDefined(found)
      for (const method of [
        "getTokenAccountsByOwner",
        "getSignaturesForAddress",
        "getFirstAvailableBlock"
      ]) {
        const error = { code: -32601, message: "Method not found" }
        const front = yield* frontWith(method, { error })
        const { scanner, verify } = yield* openScanner({ urls: [front.url], threshold: 1 })
        const refused = yield* failureOf(scanner.scan(range, addresses))
        assert.strictEqual(refused._tag, "RpcRefused")
        assert.match(refused.message, new RegExp(`${method} with error -32601`))
        expectTag(yield* verify(found.claim), "Confirmed")
        const both = yield* openScanner({ urls: [front.url, chain.url] })
        assert.lengthOf(yield* both.scanner.scan(range, addresses), 1)
      }
    })
  )

  it.effect("goes on at the next endpoint when one is out", () =>
    Effect.gen(function* () {
      const { chain } = yield* Solana
      const { addresses, range, tx_hash } = yield* deposit
      const front = yield* startRpcFront(chain.url)
      yield* front.setMode({ _tag: "Status", status: 503 })
      const { scanner } = yield* openScanner({ urls: [front.url, chain.url] })
      assert.deepStrictEqual(hashes(yield* scanner.scan(range, addresses)), [tx_hash])
      assert.strictEqual((yield* scanner.heads).latest, range.to)
    })
  )
})
