/** What a scan of Starknet finds: every transfer to our addresses, as its validator confirms it, and no other. */
import { createServer } from "node:http"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Predicate } from "effect"
import type { ChainScanner } from "../../../src/chains/scanner.ts"
import { listen } from "../../../src/demo/listening.ts"
import { feeToken } from "../../../src/demo/starknet/starknet-chain.ts"
import type { TxHash } from "../../../src/domain/chain.ts"
import { liveChain } from "../../support/live-validator.ts"
import {
  chainOf,
  claimOf,
  depositAddress,
  otherAddress,
  spoofContract,
  startChain,
  strk,
  transferOf
} from "../../support/starknet.ts"
import { expectTag } from "../../support/verdicts.ts"

const ours = new Set([depositAddress])

const open = (urls: ReadonlyArray<string>) => liveChain(chainOf({ urls }))

/** The hash and the index of each. */
const found = (scanner: ChainScanner, from: number, to: number) =>
  Effect.map(scanner.scan({ from, to }, ours), (transfers) =>
    transfers.map(
      ({ block_number, claim }) => `${block_number} ${claim.tx_hash} ${claim.transfer_index}`
    )
  )

/** Another node in front of the same chain, which answers some calls in its own way. */
const startProxy = (url: string, answer: (method: string, params: unknown) => unknown) =>
  listen(
    createServer((request, response) => {
      const chunks: Array<Buffer> = []
      request.on("data", (chunk: Buffer) => chunks.push(chunk))
      request.on("end", () => {
        const body = Buffer.concat(chunks).toString()
        const calls: unknown = JSON.parse(body)
        const replyTo = async (call: unknown) => {
          const { id, method, params } = call as { id: number; method: string; params: unknown }
          const own = answer(method, params)
          if (own !== undefined) return { jsonrpc: "2.0", id, ...(own as object) }
          const reply = await fetch(url, { method: "POST", body: JSON.stringify(call) })
          return reply.json()
        }
        Promise.all((Array.isArray(calls) ? calls : [calls]).map(replyTo)).then((replies) => {
          response.writeHead(200, { "content-type": "application/json" })
          response.end(JSON.stringify(Array.isArray(calls) ? replies : replies[0]))
        })
      })
    })
  )

describe("a scan of Starknet", () => {
  it.live("finds each transfer of a token to our address, and its validator confirms each", () =>
    Effect.gen(function* () {
      const { chain, url } = yield* startChain()
      const { scanner, validator } = yield* open([url])
      const several = yield* chain.send([
        { from_address: "0x1", keys: ["0x2"], data: [] },
        transferOf({ layout: "data" }),
        transferOf({ to: otherAddress }),
        transferOf({ units: 2_000_000n })
      ])
      yield* chain.send([transferOf({ contract: spoofContract })])
      yield* chain.send([transferOf()], { revertReason: "out of gas" })
      yield* chain.send([transferOf({ from: depositAddress })])
      const ofStrk = yield* chain.send([transferOf({ contract: feeToken, units: 10n ** 18n })])
      yield* chain.mine()
      const head = yield* chain.head
      const transfers = yield* scanner.scan({ from: 0, to: head }, ours)
      const claims = transfers.map(({ claim }) => claim)
      assert.sameDeepMembers(claims, [
        claimOf({ tx_hash: several, transfer_index: 1 }),
        claimOf({ tx_hash: several, transfer_index: 3, amount: "2" as never }),
        claimOf({ tx_hash: ofStrk, token: strk, transfer_index: 0, amount: "1" as never })
      ])
      for (const claim of claims) {
        const { amount } = expectTag(yield* validator.verify(claim), "Confirmed")
        assert.strictEqual(amount, claim.amount)
      }
    }).pipe(Effect.scoped)
  )

  it.live("reads exactly the blocks that it is asked for", () =>
    Effect.gen(function* () {
      const { chain, url } = yield* startChain()
      const { scanner } = yield* open([url])
      const at = new Map<number, TxHash>()
      for (const _ of [1, 2, 3]) {
        const hash = yield* chain.send([transferOf()])
        yield* chain.mine()
        at.set(yield* chain.head, hash)
      }
      const head = yield* chain.head
      assert.deepStrictEqual(yield* found(scanner, head - 1, head - 1), [
        `${head - 1} ${at.get(head - 1)} 0`
      ])
      assert.deepStrictEqual(
        yield* found(scanner, head - 2, head),
        [head - 2, head - 1, head].map((height) => `${height} ${at.get(height)} 0`)
      )
    }).pipe(Effect.scoped)
  )

  it.live("reads all pages of a busy token", () =>
    Effect.gen(function* () {
      const { chain, url } = yield* startChain()
      const { scanner } = yield* open([url])
      const noise = Array.from({ length: 1_100 }, () => transferOf({ to: otherAddress }))
      yield* chain.send(noise)
      const last = yield* chain.send([...noise, transferOf()])
      yield* chain.mine()
      const head = yield* chain.head
      assert.deepStrictEqual(yield* found(scanner, head, head), [`${head} ${last} 1100`])
    }).pipe(Effect.scoped)
  )

  it.live("knows which blocks are final, also of a node that does not know the tag", () =>
    Effect.gen(function* () {
      const { chain, url } = yield* startChain()
      yield* chain.mine(10)
      const head = yield* chain.head
      yield* chain.acceptOnL1(head - 4)
      const { scanner } = yield* open([url])
      assert.deepStrictEqual(yield* scanner.heads, { latest: head, final: head - 4 })
      const older = yield* startProxy(url, (method, params) =>
        method === "starknet_getBlockWithTxHashes" && JSON.stringify(params) === '["l1_accepted"]'
          ? { error: { code: -32602, message: "Invalid params" } }
          : undefined
      )
      const { scanner: other } = yield* open([older])
      assert.deepStrictEqual(yield* other.heads, { latest: head, final: 0 })
    }).pipe(Effect.scoped)
  )

  it.live("asks another endpoint where one lacks the last block, or answers with nonsense", () =>
    Effect.gen(function* () {
      const { chain, url } = yield* startChain()
      const hash = yield* chain.send([transferOf()])
      yield* chain.mine()
      const head = yield* chain.head
      const answers: ReadonlyArray<readonly [string, unknown]> = [
        ["starknet_blockNumber", { result: head - 1 }],
        ["starknet_getEvents", { result: { events: "none" } }],
        ["starknet_getEvents", { error: { code: 24, message: "Block not found" } }],
        [
          "starknet_getEvents",
          {
            result: {
              events: [
                {
                  from_address: "0x1",
                  keys: [],
                  data: [],
                  block_number: head + 1,
                  transaction_hash: "0x1"
                }
              ]
            }
          }
        ],
        ["starknet_getEvents", { result: { events: [], continuation_token: "same" } }],
        ["starknet_getTransactionReceipt", { error: { code: 29, message: "not found" } }]
      ]
      for (const [wanted, own] of answers) {
        const bad = yield* startProxy(url, (method) => (method === wanted ? own : undefined))
        const { scanner: alone } = yield* open([bad])
        const failure = yield* Effect.flip(alone.scan({ from: head, to: head }, ours))
        assert.isTrue(Predicate.isTagged(failure, "RpcFailure"), `${wanted} ${failure.message}`)
        const { scanner } = yield* open([bad, url])
        assert.deepStrictEqual(yield* found(scanner, head, head), [`${head} ${hash} 0`])
      }
    }).pipe(Effect.scoped)
  )

  it.live("asks nothing where there are no addresses", () =>
    Effect.gen(function* () {
      const { scanner } = yield* open(["http://127.0.0.1:9/"])
      assert.deepStrictEqual(yield* scanner.scan({ from: 0, to: 9 }, new Set()), [])
    }).pipe(Effect.scoped)
  )
})
