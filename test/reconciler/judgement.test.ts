/** What a look at the chain means for a deposit, whatever the chain says. */
import { assert, describe, it } from "@effect/vitest"
import { Duration } from "effect"
import type { Verdict } from "../../src/chains/validator.ts"
import { Amount } from "../../src/domain/amount.ts"
import { ChainName, TxHash } from "../../src/domain/chain.ts"
import { judgeUnsettled, judgeWatched } from "../../src/reconciler/judgement.ts"

const identity = {
  chain: ChainName.make("localchain"),
  tx_hash: TxHash.make("0x1"),
  transfer_index: "log:0"
}
const inBlock = (block_hash: string) => ({ evidence: { block_hash } })

const confirmed: Verdict = {
  _tag: "Confirmed",
  identity,
  amount: Amount.make("1"),
  block_number: 7,
  block_hash: "0xa",
  confirmations: 3,
  finality: "watching",
  ...inBlock("0xa")
}
const final: Verdict = { ...confirmed, finality: "final" }
const moved: Verdict = { ...confirmed, identity: { ...identity, transfer_index: "log:1" } }
const notFinal: Verdict = {
  _tag: "NotFinal",
  confirmations_seen: 1,
  confirmations_needed: 3,
  look_again_after: Duration.seconds(1),
  evidence: {}
}
const notReadable: Verdict = { ...notFinal, confirmations_seen: 0 }
const notInChain: Verdict = { ...notReadable, absence: { head: 7 } }
const disagreement: Verdict = { ...notReadable, reason: "two endpoints differ" }
const notFound: Verdict = { _tag: "NotFound", head: 1_000_000, evidence: {} }
const reverted: Verdict = { _tag: "Reverted", ...inBlock("0xb") }
const mismatch: Verdict = {
  _tag: "Mismatch",
  reason: "another amount",
  expected: {},
  found: {},
  ...inBlock("0xb")
}
const misconfigured: Verdict = { ...mismatch, about: "config", evidence: {} }

const minute = 60_000
const patience = Duration.minutes(1)

describe("a deposit that is not settled", () => {
  const judge = (verdict: Verdict, ageMinutes = 30, isSettled = false) =>
    judgeUnsettled(verdict, { firstSeenAt: 0, isSettled }, ageMinutes * minute)._tag

  it.each([
    ["is credited if the chain confirms it", confirmed, 30, "Credit"],
    ["is rejected if it reverted", reverted, 30, "Reject"],
    ["is left while it is not deep enough", notFinal, 600, "Leave"],
    ["is left if it is not the claimed transfer: a worker dead-letters it", mismatch, 600, "Leave"],
    ["is left if it was not seen for less than an hour", notFound, 59, "Leave"],
    ["is rejected if it was not seen for an hour", notFound, 60, "Reject"]
  ] as const)("%s", (_, verdict, age, expected) => {
    assert.strictEqual(judge(verdict, age), expected)
  })

  it("comes back from its end only if the chain confirms it", () => {
    assert.strictEqual(judge(confirmed, 600, true), "Credit")
    for (const verdict of [reverted, notFound, notFinal, mismatch]) {
      assert.strictEqual(judge(verdict, 600, true), "Leave")
    }
  })
})

describe("a credited deposit that is not final", () => {
  const judge = (verdict: Verdict, missingMinutes: number | null) =>
    judgeWatched(
      verdict,
      {
        transferIndex: "log:0",
        blockNumber: 7,
        blockHash: "0xa",
        missingSince: missingMinutes === null ? null : 0
      },
      (missingMinutes ?? 0) * minute,
      patience
    )._tag

  it.each([
    ["is finalized when it is final", final, "Finalize"],
    ["is left while it is there", confirmed, "Leave"],
    [
      "is left when it was mined again in another block",
      { ...confirmed, block_hash: "0xb", ...inBlock("0xb") },
      "Leave"
    ],
    ["is left while it is in the chain again, and not deep yet", notFinal, "Leave"],
    ["is left while endpoints disagree", disagreement, "Leave"],
    ["is left while it cannot be read", notReadable, "Leave"],
    ["is left if who does not know it is behind its block", { ...notFound, head: 6 }, "Leave"],
    [
      "is left if who has it in the mempool is behind its block",
      { ...notReadable, absence: { head: 6 } },
      "Leave"
    ]
  ] as const)("%s, however long it was gone before", (_, verdict, expected) => {
    for (const missing of [null, 0, 10]) assert.strictEqual(judge(verdict, missing), expected)
  })

  it.each([
    ["no endpoint knows its transaction", notFound],
    ["its transaction is not in the chain", notInChain],
    ["its transaction reverted in another block", reverted],
    ["another block has another transfer in its place", mismatch],
    [
      "the transfer stands elsewhere in its transaction, in another block",
      { ...moved, ...inBlock("0xb") }
    ]
  ] as const)("is reversed if %s, in two looks that are a minute apart", (_, verdict) => {
    assert.strictEqual(judge(verdict, null), "Missing")
    assert.strictEqual(judge(verdict, 0.9), "Missing")
    assert.strictEqual(judge(verdict, 1), "Reverse")
  })

  it.each([
    ["its token is not in the configuration any more", misconfigured],
    ["the same block says another amount", { ...mismatch, ...inBlock("0xa") }],
    ["the same block says that it reverted", { ...reverted, ...inBlock("0xa") }],
    ["the same block has it elsewhere", moved],
    ["nobody says in which block it reverted", { ...reverted, evidence: {} }],
    ["nobody says in which block another transfer is in its place", { ...mismatch, evidence: {} }]
  ] as const)("is never reversed because %s", (_, verdict) => {
    for (const missing of [null, 10]) assert.strictEqual(judge(verdict, missing), "Contradiction")
  })
})
