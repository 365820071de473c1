import { assert, describe, it } from "@effect/vitest"
import {
  isNotOffered,
  isOurFault,
  isTagUnknown,
  RpcErrorAnswer,
  retryAfterMillis
} from "../../../src/chains/rpc/faults.ts"

describe("an error that an endpoint answers", () => {
  // What it means: of a call that every node offers, of one that not all do, of a block tag.
  const cases: ReadonlyArray<
    readonly [code: number, message: string, ours: boolean, notOffered: boolean, noTag: boolean]
  > = [
    [-32602, "invalid argument 0: hex string without 0x prefix", true, true, true],
    [-32601, "the method does not exist/is not available", false, true, false],
    [-32600, "Must be authenticated!", false, true, false],
    [-32004, "method not supported", false, true, false],
    [-39001, "Unknown block", false, false, true],
    [-32000, "finalized block not found", false, false, true],
    [-32000, "'finalized' tag not supported on pre-merge network", false, false, true],
    [-32000, "header not found", false, false, false],
    [-32000, "execution timeout", false, false, false],
    [-32005, "limit exceeded while reading the finalized block", false, false, false],
    [-32603, "internal error", false, false, false],
    [-32700, "parse error", false, false, false],
    [-32007, "15/second request limit reached", false, false, false],
    [429, "too many requests", false, false, false],
    [0, "", false, false, false]
  ]
  it.each(cases)("%s %s", (code, message, ours, notOffered, noTag) => {
    const answer = new RpcErrorAnswer({ code, message })
    assert.strictEqual(isOurFault(answer), ours, "the call is wrong")
    assert.strictEqual(isNotOffered(answer), notOffered, "the method is not offered")
    assert.strictEqual(isTagUnknown(answer), noTag, "the tag is unknown")
  })
})

describe("Retry-After", () => {
  const now = Date.UTC(2026, 0, 1)
  const cases: ReadonlyArray<readonly [header: string | null, millis: number | null]> = [
    ["5", 5000],
    [" 5 ", 5000],
    ["0", 0],
    ["Thu, 01 Jan 2026 00:00:05 GMT", 5000],
    ["Thursday, 01-Jan-26 00:00:05 GMT", 5000],
    ["Wed, 31 Dec 2025 23:59:59 GMT", 0],
    ["3601", 3_600_000],
    ["99999999999999999999", 3_600_000],
    ["Fri, 01 Jan 2027 00:00:00 GMT", 3_600_000],
    ["-5", null],
    ["1.5", null],
    ["soon", null],
    ["2026-01-01T00:00:05Z", null],
    ["", null],
    [null, null]
  ]
  it.each(cases)("%s is %s ms", (header, millis) => {
    assert.strictEqual(retryAfterMillis(header, now), millis)
  })
})
