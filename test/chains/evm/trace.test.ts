import { assert, describe, it } from "@effect/vitest"
import { innerTransfers } from "../../../src/chains/evm/trace.ts"
import { Address } from "../../../src/domain/chain.ts"

const address = (digit: string) => Address.make(`0x${digit.repeat(40)}`)
const [sender, contract, library, recipient] = ["1", "2", "3", "d"].map(address)

const frame = (type: string, from = sender, to = contract, value = "0x0", rest: object = {}) => ({
  type,
  from,
  to,
  value,
  ...rest
})
const payment = (rest: object = {}) => frame("CALL", contract, recipient, "0x5", rest)
const transaction = (...calls: ReadonlyArray<unknown>) =>
  frame("CALL", sender, contract, "0x9", { calls })

const indexes = (trace: unknown) => innerTransfers(trace)?.map(({ index }) => index)
const place = (trace: unknown) => innerTransfers(trace)?.map((transfer) => transfer.place)

describe("the value that a trace shows", () => {
  const paid = `call:${recipient}:5`
  const cases: ReadonlyArray<readonly [string, trace: unknown, found: unknown]> = [
    ["leaves out the transaction's own", transaction(), []],
    ["is what its calls move", transaction(payment()), [paid]],
    [
      "is found at any depth",
      transaction(frame("CALL", contract, library, "0x0", { calls: [payment()] })),
      [paid]
    ],
    [
      "leaves out calls without value",
      transaction(frame("CALL"), frame("STATICCALL", contract, library)),
      []
    ],
    ["leaves out what a call undid", transaction(payment({ error: "execution reverted" })), []],
    [
      "leaves out what a call undid that only gives its reason",
      transaction(payment({ revertReason: "no" })),
      []
    ],
    [
      "leaves out what a failed caller undid",
      transaction(
        frame("CALL", contract, library, "0x0", { error: "out of gas", calls: [payment()] })
      ),
      []
    ],
    [
      "leaves out a delegate call, which repeats its caller's value",
      transaction(frame("DELEGATECALL", contract, recipient, "0x5")),
      []
    ],
    [
      "leaves out CALLCODE, which pays the caller itself",
      transaction(frame("CALLCODE", contract, recipient, "0x5")),
      []
    ],
    [
      "is what a contract leaves behind",
      transaction(frame("SELFDESTRUCT", contract, recipient, "0x5")),
      [paid]
    ],
    [
      "is found below a delegate call",
      transaction(frame("DELEGATECALL", contract, library, "0x0", { calls: [payment()] })),
      [paid]
    ],
    ["keeps two equal payments apart as two", transaction(payment(), payment()), [paid, paid]],
    ["is nothing in a malformed trace", transaction({ type: "CALL" }), undefined],
    ["is nothing in no trace", null, undefined]
  ]
  it.each(cases)("%s", (_, trace, found) => {
    assert.deepStrictEqual(indexes(trace), found)
  })

  it("has one identity, though clients disagree on which calls they list", () => {
    const precompile = frame("STATICCALL", contract, library)
    const [listed, unlisted] = [transaction(precompile, payment()), transaction(payment())]
    assert.deepStrictEqual([place(listed), place(unlisted)], [["call 1"], ["call 0"]])
    assert.deepStrictEqual(indexes(listed), indexes(unlisted))
  })
})
