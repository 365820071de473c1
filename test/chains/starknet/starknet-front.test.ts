/** The fake node, as starknet.js sees it: what stands in for a node must be spoken to as one. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { RpcProvider } from "starknet"
import { transferSelector } from "../../../src/chains/starknet/matching.ts"
import { feeToken, freshHash } from "../../../src/demo/starknet/starknet-chain.ts"
import {
  depositAddress,
  depositor,
  otherAddress,
  startChain,
  transferOf,
  usdcContract
} from "../../support/starknet.ts"

const start = Effect.gen(function* () {
  const { chain, url } = yield* startChain()
  const provider = new RpcProvider({ nodeUrl: url, specVersion: "0.9.0", retries: 0 })
  return { chain, url, provider }
})

const post = (url: string, body: unknown) =>
  Effect.promise(async (): Promise<unknown> => {
    const response = await fetch(url, { method: "POST", body: JSON.stringify(body) })
    return await response.json()
  })

describe("the fake Starknet", () => {
  it.effect("gives receipts and blocks that starknet.js reads", () =>
    Effect.gen(function* () {
      const { chain, provider } = yield* start
      const paid = yield* chain.send([transferOf()])
      const failed = yield* chain.send([transferOf()], { revertReason: "no" })
      yield* chain.mine(2)
      yield* chain.acceptOnL1(1)

      assert.strictEqual(
        yield* Effect.promise(() => provider.getChainId()),
        "0x534e5f5345504f4c4941"
      )
      assert.strictEqual(yield* Effect.promise(() => provider.getBlockNumber()), 2)
      const receipt = yield* Effect.promise(() => provider.getTransactionReceipt(paid))
      const reverted = yield* Effect.promise(() => provider.getTransactionReceipt(failed))
      assert.isTrue(receipt.isSuccess())
      assert.isTrue(reverted.isReverted())
      const block = yield* Effect.promise(() => provider.getBlockWithTxHashes(1))
      assert.deepInclude(block, {
        status: "ACCEPTED_ON_L1",
        block_number: 1,
        transactions: [paid, failed]
      })
      const child = yield* Effect.promise(() => provider.getBlockWithTxHashes(2))
      assert.strictEqual(child.status, "ACCEPTED_ON_L2")
      assert.isDefined(block.block_hash)
      assert.strictEqual(child.parent_hash, block.block_hash)
      const status = yield* Effect.promise(() => provider.getTransactionStatus(failed))
      assert.deepInclude(status, {
        finality_status: "ACCEPTED_ON_L1",
        execution_status: "REVERTED",
        failure_reason: "no"
      })
    })
  )

  it.effect("gives the events that a filter asks for, page by page", () =>
    Effect.gen(function* () {
      const { chain, provider } = yield* start
      const sent = []
      for (let block = 1; block <= 3; block++) {
        sent.push(yield* chain.send([transferOf(), transferOf({ to: otherAddress })]))
        yield* chain.mine()
      }
      const page = (continuation_token?: string) =>
        Effect.promise(() =>
          provider.getEvents({
            from_block: { block_number: 2 },
            to_block: "latest",
            address: usdcContract,
            keys: [[transferSelector], [], [depositAddress]],
            chunk_size: 1,
            ...(continuation_token !== undefined && { continuation_token })
          })
        )
      const first = yield* page()
      const second = yield* page(first.continuation_token)
      assert.deepStrictEqual(
        [...first.events, ...second.events].map((event) => event.transaction_hash),
        sent.slice(1)
      )
      assert.isUndefined(second.continuation_token)
      assert.deepInclude(first.events[0], {
        from_address: usdcContract,
        keys: [transferSelector, depositor, depositAddress],
        data: ["0x16e360", "0x0"],
        block_number: 2
      })
      const all = yield* Effect.promise(() => provider.getEvents({ chunk_size: 1000 }))
      assert.strictEqual(all.events.length, 9, "two transfers and a fee each")
    })
  )

  it.effect("answers batches by id, and refuses as the specification says", () =>
    Effect.gen(function* () {
      const { url } = yield* start
      const call = (id: number, method: string, params: unknown = []) => {
        return { jsonrpc: "2.0", id, method, params }
      }
      const error = (id: number | null, code: number, message: string) => {
        return { jsonrpc: "2.0", id, error: { code, message } }
      }
      const filter = (part: object) => [{ chunk_size: 10, ...part }]
      const answers = yield* post(url, [
        call(7, "starknet_blockNumber"),
        call(1, "starknet_getTransactionReceipt", { transaction_hash: freshHash() }),
        call(2, "starknet_getTransactionStatus", [freshHash()]),
        call(3, "starknet_getBlockWithTxHashes", [{ block_number: 1 }]),
        call(4, "starknet_getEvents", filter({ chunk_size: 100_000 })),
        call(5, "starknet_getEvents", filter({ continuation_token: "?" })),
        call(6, "starknet_getEvents", filter({ from_block: { block_number: 5 } })),
        call(10, "starknet_getEvents", filter({ continuation_token: "5" })),
        call(11, "starknet_getEvents", filter({ keys: [Array.from({ length: 17 }, freshHash)] })),
        call(12, "starknet_getEvents", filter({ to_block: { block_number: 1 } })),
        call(8, "starknet_getTransactionReceipt", [5]),
        call(9, "eth_chainId")
      ])
      assert.deepStrictEqual(answers, [
        { jsonrpc: "2.0", id: 7, result: 0 },
        error(1, 29, "Transaction hash not found"),
        error(2, 29, "Transaction hash not found"),
        error(3, 24, "Block not found"),
        error(4, 31, "Requested page size is too big"),
        error(5, 33, "The supplied continuation token is invalid or unknown"),
        error(6, 24, "Block not found"),
        error(10, 33, "The supplied continuation token is invalid or unknown"),
        error(11, 34, "Too many keys provided in a filter"),
        error(12, 24, "Block not found"),
        error(8, -32602, "Invalid params"),
        error(9, -32601, "Method not found")
      ])
      assert.deepStrictEqual(yield* post(url, "nonsense"), error(null, -32700, "Parse error"))
    })
  )

  it.effect("counts balances from what is in blocks and succeeded", () =>
    Effect.gen(function* () {
      const { chain } = yield* start
      yield* chain.send([transferOf({ units: 5n }), transferOf({ units: 2n, layout: "data" })])
      yield* chain.send([transferOf({ units: 100n })], { revertReason: "no" })
      yield* chain.send([transferOf({ units: 3n, from: depositAddress, to: otherAddress })])
      assert.strictEqual(yield* chain.balanceOf(usdcContract, depositAddress), 0n)
      yield* chain.mine()
      assert.strictEqual(yield* chain.balanceOf(usdcContract, depositAddress), 4n)
      assert.strictEqual(yield* chain.balanceOf(feeToken, depositAddress), 0n)
      yield* chain.reorganise(1, "waiting")
      assert.strictEqual(yield* chain.balanceOf(usdcContract, depositAddress), 0n)
      yield* chain.mine()
      assert.strictEqual(yield* chain.balanceOf(usdcContract, depositAddress), 4n)
      assert.strictEqual(yield* chain.head, 2)
    })
  )

  it.effect("reorganises nothing that is accepted on L1", () =>
    Effect.gen(function* () {
      const { chain } = yield* start
      yield* chain.mine(3)
      yield* chain.acceptOnL1(2)
      const before = (yield* chain.state).blocks
      yield* chain.reorganise(10)
      const after = (yield* chain.state).blocks
      assert.deepStrictEqual(after.slice(0, 3), before.slice(0, 3))
      assert.notStrictEqual(after[3]?.hash, before[3]?.hash)
      assert.strictEqual(after.length, before.length)
    })
  )
})
