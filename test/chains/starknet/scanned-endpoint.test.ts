import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { type FrontCall, type Rewritten, startRpcFront } from "../../../src/demo/rpc-front.ts"
import { feeToken } from "../../../src/demo/starknet/starknet-chain.ts"
import { spoofContract, startChain, transferOf, usdcContract } from "../../support/starknet.ts"
import {
  error,
  eventsAskedBy,
  filled,
  hashesOf,
  openScanner,
  ours,
  post,
  scanned,
  start,
  startBehindFront
} from "../../support/starknet-scanner.ts"

const allOfUsdc = { address: usdcContract, from_block: { block_number: 1 }, chunk_size: 10 }

const isOfOtherContract = ({ method, params }: FrontCall): boolean =>
  method === "starknet_getEvents" && !JSON.stringify(params).includes(usdcContract)

const Page = Schema.Struct({ events: Schema.Array(Schema.JsonObject) })
const decodePage = Schema.decodeUnknownEffect(Page)

/** By which failure it is told, of which method it is, and what is said. */
type Lie = readonly [RegExp, string, Schema.Json]

/** About a transaction with two transfers in block 1; those of the page are these, and one of block 2. */
const liesAbout = (
  receipt: Schema.JsonObject,
  { events: [one = {}, two = {}, later = {}] }: typeof Page.Type,
  second: string
): ReadonlyArray<Lie> => {
  const page = (message: RegExp, events: ReadonlyArray<Schema.Json>, rest = {}): Lie => [
    message,
    "starknet_getEvents",
    { events, ...rest }
  ]
  const receiptWith = (message: RegExp, part: Schema.JsonObject): Lie => [
    message,
    "starknet_getTransactionReceipt",
    { ...receipt, ...part }
  ]
  return [
    page(/another contract or block/, [one, two, later]),
    page(/another contract or block/, [{ ...one, from_address: spoofContract }]),
    page(/another contract or block/, [{ ...one, keys: ["0x1"] }]),
    page(/malformed answer to starknet_getEvents/, [{ ...one, block_number: "0x1" }]),
    page(/malformed answer to starknet_getEvents/, [{ ...one, data: ["1500000", "0x0"] }]),
    page(/malformed answer to starknet_getEvents/, [null]),
    [/malformed answer to starknet_getEvents/, "starknet_getEvents", {}],
    [/malformed answer to starknet_getEvents/, "starknet_getEvents", null],
    page(/leads in a circle/, [one, two], { continuation_token: "again" }),
    page(/events that are not in the receipt/, [one, two, one]),
    page(/events of one block, and the receipt/, [{ ...one, block_hash: "0xbad" }]),
    receiptWith(/events of one block, and the receipt/, { block_number: 2 }),
    receiptWith(/events that are not in the receipt/, { execution_status: "REVERTED", events: [] }),
    receiptWith(/receipt of another transaction/, { transaction_hash: second }),
    receiptWith(/no receipt that shows it in a block/, { finality_status: "RECEIVED" }),
    receiptWith(/no receipt that shows it in a block/, { block_hash: null }),
    receiptWith(/incomplete receipt/, { execution_status: null }),
    receiptWith(/malformed answer to starknet_getTransactionReceipt/, { events: [null] }),
    [/malformed answer to starknet_blockNumber/, "starknet_blockNumber", "0x2"]
  ]
}

describe("an endpoint that is scanned", () => {
  it.live("does not answer for blocks that it does not have", () =>
    Effect.gen(function* () {
      const { chain, scanner, rewrite } = yield* startBehindFront()
      yield* filled(chain, [1, 1])
      // As real nodes do: what is above the newest block is cut off without a word.
      yield* rewrite(({ method }) => {
        if (method === "starknet_blockNumber") return { result: 1 }
        return method === "starknet_getEvents" ? { result: { events: [] } } : undefined
      })
      const failure = yield* Effect.flip(scanner.scan({ from: 1, to: 2 }, ours))
      assert.strictEqual(failure._tag, "RpcFailure")
      assert.match(failure.message, /has no block 2 yet, only 1/)
    })
  )

  it.live("does not answer by a page of a node behind it that does not have them", () =>
    Effect.gen(function* () {
      const { chain, scanner, rewrite } = yield* startBehindFront()
      yield* filled(chain, [1, 1])
      // A load balancer: whoever is asked for the height alone has it.
      let heights = 0
      yield* rewrite(({ method }) => {
        if (method === "starknet_blockNumber") return { result: heights++ % 2 === 0 ? 2 : 1 }
        return method === "starknet_getEvents" ? { result: { events: [] } } : undefined
      })
      const failure = yield* Effect.flip(scanner.scan({ from: 1, to: 2 }, ours))
      assert.match(failure.message, /has no block 2 yet, only 1/)
    })
  )

  it.effect("is left for the next if it lacks the last block, fails, or lags", () =>
    Effect.gen(function* () {
      const { chain, url } = yield* startChain()
      const front = yield* startRpcFront(url)
      const { scanner } = yield* openScanner({ urls: [front.url, url], threshold: 100 })
      const sent = yield* filled(
        chain,
        Array.from({ length: 30 }, () => 1)
      )
      const rewrite = (rewritten: (call: FrontCall) => Rewritten | undefined) =>
        front.setMode({ _tag: "Rewrite", rewrite: rewritten })
      const scan = scanner.scan({ from: 1, to: 30 }, ours)

      yield* rewrite(({ method }) =>
        method === "starknet_blockNumber" ? { result: 29 } : undefined
      )
      assert.deepStrictEqual(hashesOf(yield* scan), sent)
      yield* rewrite(({ method }) =>
        method === "starknet_blockNumber" ? { result: 1 } : undefined
      )
      const short = yield* scanner.scan({ from: 1, to: 1 }, ours)
      assert.deepStrictEqual(hashesOf(short), sent.slice(0, 1))
      assert.strictEqual((yield* scanner.heads).latest, 30, "it lags by more than it may")
      yield* front.setMode({ _tag: "Status", status: 503 })
      assert.deepStrictEqual(hashesOf(yield* scan), sent)
      yield* rewrite(({ method }) =>
        method === "starknet_getTransactionReceipt"
          ? error(29, "Transaction hash not found")
          : undefined
      )
      assert.deepStrictEqual(hashesOf(yield* scan), sent)
    })
  )

  it.live("is not believed if it gives what was not asked for, or contradicts itself", () =>
    Effect.gen(function* () {
      const { chain, url } = yield* startChain()
      const [tx_hash = "", second = ""] = yield* filled(chain, [2, 1])
      const lies = liesAbout(
        yield* post(url, "starknet_getTransactionReceipt", [tx_hash]),
        yield* decodePage(yield* post(url, "starknet_getEvents", [allOfUsdc])),
        second
      )
      yield* Effect.forEach(
        lies,
        Effect.fnUntraced(function* ([message, method, result]) {
          const front = yield* startRpcFront(url)
          const { scanner } = yield* openScanner({ urls: [front.url] })
          yield* front.setMode({
            _tag: "Rewrite",
            rewrite: (call) =>
              call.method === method && !isOfOtherContract(call) ? { result } : undefined
          })
          const failure = yield* Effect.flip(scanner.scan({ from: 1, to: 1 }, ours))
          assert.strictEqual(failure._tag, "RpcFailure")
          assert.match(failure.message, message)
        }),
        { concurrency: "unbounded", discard: true }
      )
    })
  )

  it.live("is not followed for ever through pages that do not end", () =>
    Effect.gen(function* () {
      const { chain, front, rewrite, scanner } = yield* startBehindFront()
      yield* chain.mine(1)
      let pages = 0
      yield* rewrite((call) =>
        eventsAskedBy(call) === undefined
          ? undefined
          : { result: { events: [], continuation_token: `${pages++}` } }
      )
      const failure = yield* Effect.flip(scanner.scan({ from: 1, to: 1 }, ours))
      assert.match(failure.message, /more than 200 pages/)
      assert.isAtMost(yield* front.calls("starknet_getEvents"), 400, "200 for each contract")
    })
  )

  it.effect("may tell of events that are in no block yet: they are left out", () =>
    Effect.gen(function* () {
      const { chain, url, scanner, rewrite } = yield* startBehindFront()
      const sent = yield* filled(chain, [1])
      yield* chain.send([transferOf()])
      const filter = { address: usdcContract, chunk_size: 10, to_block: "pre_confirmed" }
      const page = yield* post(url, "starknet_getEvents", [filter])
      yield* rewrite((call) =>
        eventsAskedBy(call) !== undefined && JSON.stringify(call.params).includes(usdcContract)
          ? { result: page }
          : undefined
      )
      assert.deepStrictEqual(hashesOf(yield* scanner.scan({ from: 1, to: 1 }, ours)), sent)
    })
  )

  it.live("does not hide a deposit behind a receipt that is too large to be taken", () =>
    Effect.gen(function* () {
      const { chain, scanner } = yield* start()
      const megabytes = { from_address: spoofContract, keys: [], data: Array(300).fill(feeToken) }
      const tx_hash = yield* chain.send([transferOf(), ...Array(600).fill(megabytes)])
      const small = yield* chain.send([transferOf()])
      yield* chain.mine()
      assert.sameDeepMembers(
        [...(yield* scanner.scan({ from: 1, to: 1 }, ours))],
        [scanned(1, { tx_hash }), scanned(1, { tx_hash: small, transfer_index: 0 })]
      )
    })
  )
})
