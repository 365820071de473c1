/** The lagging node of the harness lags as real ones do: nothing of it is newer than its newest block. */
import { assert, describe, it } from "@effect/vitest"
import { laggingCall, laggingResult } from "./lagging.ts"

const call = (method: string, ...params: ReadonlyArray<unknown>) => ({ id: 1, method, params })

describe("a node that is at block 10", () => {
  it("gives block 10 as the latest, and leaves other heights alone", () => {
    assert.deepStrictEqual(
      laggingCall(call("eth_getBlockByNumber", "latest", false), 10),
      call("eth_getBlockByNumber", "0xa", false)
    )
    const older = call("eth_getBlockByNumber", "0x2", false)
    assert.strictEqual(laggingCall(older, 10), older)
  })

  it("knows no newer receipt, block or log, and has newer transactions in its mempool", () => {
    const newer = { blockNumber: "0xb", blockHash: "0x01", transactionIndex: "0x0" }
    const known = { ...newer, blockNumber: "0xa" }
    assert.strictEqual(laggingResult("eth_getTransactionReceipt", newer, 10), null)
    assert.strictEqual(laggingResult("eth_getTransactionReceipt", known, 10), known)
    assert.strictEqual(laggingResult("eth_getBlockByNumber", { number: "0xb" }, 10), null)
    assert.deepStrictEqual(laggingResult("eth_getLogs", [known, newer], 10), [known])
    assert.deepStrictEqual(laggingResult("eth_getTransactionByHash", newer, 10), {
      blockNumber: null,
      blockHash: null,
      transactionIndex: null
    })
  })
})
