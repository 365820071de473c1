import { assert, describe, it } from "@effect/vitest"
import { isRangeRefused } from "../../../src/chains/evm/refused-range.ts"
import { RpcErrorAnswer } from "../../../src/chains/rpc/faults.ts"

describe("an error that answers eth_getLogs", () => {
  // Whether it asks for a smaller range. The wordings are those of different nodes and providers.
  const cases: ReadonlyArray<readonly [code: number, message: string, isRange: boolean]> = [
    [-32005, "query returned more than 10000 results", true],
    [-32005, "limit exceeded", true],
    [-32602, "Log response size exceeded", true],
    [-32602, "", true],
    [-32600, "requests with up to a 10 block range are allowed", true],
    [-32000, "block range is too wide", true],
    [-32000, "exceed maximum block range: 50000", true],
    [-32000, "query timeout exceeded", true],
    [-32002, "request timed out", true],
    [-32000, "context deadline exceeded", true],
    [-32614, "eth_getLogs is limited to a 10,000 range", true],
    [-32016, "Too many logs requested", true],
    [-32008, "Response is too big: more than 10 MB", true],
    [35, "ranges over 10000 blocks are not supported", true],

    [-32005, "daily request count exceeded, request rate limited", false],
    [-32005, "project ID request rate exceeded", false],
    [-32007, "15/second request limit reached", false],
    [429, "exceeded its compute units per second capacity", false],
    [429, "Too Many Requests", false],
    [-32000, "monthly quota exceeded", false],
    [-32000, "header not found", false],
    [-32601, "the method eth_getLogs does not exist", false],
    [-32603, "internal error", false],
    [0, "", false]
  ]
  it.each(cases)("%s %s", (code, message, isRange) => {
    assert.strictEqual(isRangeRefused(new RpcErrorAnswer({ code, message })), isRange)
  })
})
