/** The demo's judge, before outcomes that were broken on purpose: each must be found. */
import { assert, describe, it } from "@effect/vitest"
import {
  differences,
  type Expectation,
  type ExpectedAnswer,
  type Outcome,
  type Transfer
} from "../../src/demo/verdict.ts"

const transfer = (letter: string, amount: string): Transfer => ({
  tx_hash: `0x${letter.repeat(64)}`,
  to_address: `0x${letter.repeat(40)}`,
  token: "USDC",
  amount
})

const deposit = transfer("a", "25")
const other = transfer("b", "40")
/** Claimed, and never on chain. */
const forged = transfer("c", "1000")
/** Claimed, and reverted on chain. */
const reverted = transfer("d", "5")

const answer = (what: string, expected: Partial<ExpectedAnswer>): ExpectedAnswer => ({
  what,
  answer: "accepted",
  because: null,
  fate: null,
  duplicateOf: null,
  ...expected
})

const expected: Expectation = {
  confirmed: [deposit, other],
  answers: [
    answer("deposit", { fate: { fate: "credited", because: null } }),
    answer("again", { answer: "duplicate", duplicateOf: 0 }),
    answer("other", { fate: { fate: "credited", because: null } }),
    answer("forged", { answer: "refused 401", because: "no signature" }),
    answer("reverted", { fate: { fate: "dead-lettered", because: "reverted" } })
  ]
}

const balance = ({ to_address: address, token }: Transfer, amount: string) => ({
  address,
  token,
  credited: amount,
  onChain: amount
})

const right: Outcome = {
  answers: [
    { answer: "accepted", reason: null, job_ids: ["job-1"] },
    { answer: "duplicate", reason: null, job_ids: ["job-1"] },
    { answer: "accepted", reason: null, job_ids: ["job-2"] },
    { answer: "refused 401", reason: "no signature fits", job_ids: [] },
    { answer: "accepted", reason: null, job_ids: ["job-3"] }
  ],
  jobs: [
    { job_id: "job-1", fate: "credited", reason: null },
    { job_id: "job-2", fate: "credited", reason: "the endpoint failed once" },
    { job_id: "job-3", fate: "dead-lettered", reason: "the transaction reverted" }
  ],
  credits: [deposit, other],
  balances: [
    balance(deposit, "25"),
    balance(other, "40"),
    balance(forged, "0"),
    balance(reverted, "0")
  ],
  sums: [{ token: "USDC", sum: "0" }]
}

/** The list with one member in another's place. */
const replaced = <A>(list: ReadonlyArray<A>, index: number, change: Partial<A>) =>
  list.map((member, at) => (at === index ? { ...member, ...change } : member))

const broken: Record<string, { readonly outcome: Partial<Outcome>; readonly told: RegExp }> = {
  "a deposit that was credited twice": {
    outcome: { credits: [deposit, deposit, other] },
    told: /^credited 2 times instead of 1: 25 USDC to 0xa+/
  },
  "a confirmed deposit that was not credited": {
    outcome: { credits: [deposit] },
    told: /^not credited, though confirmed: 40 USDC to 0xb+/
  },
  "a credit of what was refused at the door": {
    outcome: { credits: [deposit, other, forged] },
    told: /^credited, though never confirmed: 1000 USDC to 0xc+/
  },
  "a credit of what reverted on chain": {
    outcome: { credits: [deposit, other, reverted] },
    told: /though never confirmed: 5 USDC to 0xd+/
  },
  "a credit of another amount": {
    outcome: { credits: [{ ...deposit, amount: "250" }, other] },
    told: /though never confirmed: 250 USDC/
  },
  "a credit to another address": {
    outcome: { credits: [{ ...deposit, to_address: other.to_address }, other] },
    told: /^not credited, though confirmed: 25 USDC to 0xa+/
  },
  "a balance that is not the chain's": {
    outcome: { balances: replaced(right.balances, 0, { credited: "50" }) },
    told: /^0xa+ has 50 USDC in its account and 25 on chain$/
  },
  "a balance where the chain has nothing": {
    outcome: { balances: replaced(right.balances, 2, { credited: "1000" }) },
    told: /^0xc+ has 1000 USDC in its account and 0 on chain$/
  },
  "a balance that was not compared": {
    outcome: { balances: right.balances.slice(1) },
    told: /USDC of 0xa+ were not compared with the chain$/
  },
  "a ledger that does not sum to zero": {
    outcome: { sums: [{ token: "USDC", sum: "0.000001" }] },
    told: /^the ledger's entries in USDC sum to 0.000001, not to 0$/
  },
  "a bad signature that was accepted": {
    outcome: {
      answers: replaced(right.answers, 3, { answer: "accepted", reason: null, job_ids: ["job-1"] })
    },
    told: /^forged: answered accepted, expected refused 401: no signature$/
  },
  "a refusal for another reason": {
    outcome: { answers: replaced(right.answers, 3, { reason: "the body is too large" }) },
    told: /^forged: answered refused 401: the body is too large/
  },
  "a webhook that was not answered": {
    outcome: {
      answers: right.answers.slice(0, 4),
      jobs: right.jobs.slice(0, 2)
    },
    told: /^reverted: it was not sent$/
  },
  "a duplicate that made a job of its own": {
    outcome: {
      answers: replaced(right.answers, 1, { answer: "accepted", job_ids: ["job-4"] }),
      jobs: [...right.jobs, { job_id: "job-4", fate: "already credited", reason: null }]
    },
    told: /^again: answered accepted, expected duplicate$/
  },
  "a duplicate that names another job": {
    outcome: { answers: replaced(right.answers, 1, { job_ids: ["job-2"] }) },
    told: /^again: answered with job job-2/
  },
  "a deposit that is stuck": {
    outcome: { jobs: replaced(right.jobs, 1, { fate: "failed.scheduled", reason: null }) },
    told: /^other: its job ended as failed.scheduled, expected credited$/
  },
  "a deposit that was dead-lettered": {
    outcome: { jobs: replaced(right.jobs, 0, { fate: "dead-lettered", reason: "by mistake" }) },
    told: /^deposit: its job ended as dead-lettered: by mistake, expected credited$/
  },
  "a dead letter that is completed": {
    outcome: { jobs: replaced(right.jobs, 2, { fate: "credited" }) },
    told: /^reverted: its job ended as credited/
  },
  "a dead letter for another reason": {
    outcome: { jobs: replaced(right.jobs, 2, { reason: "USDC is not configured" }) },
    told: /^reverted: its job ended as dead-lettered: USDC is not configured, expected/
  },
  "a job that vanished": {
    outcome: { jobs: right.jobs.slice(1) },
    told: /^deposit: its job job-1 is not in the database$/
  },
  "a job that nobody announced": {
    outcome: { jobs: [...right.jobs, { job_id: "job-9", fate: "pending", reason: null }] },
    told: /^job job-9 \(pending\) belongs to no accepted webhook$/
  }
}

describe("the demo's verdict", () => {
  it("finds nothing wrong with what is as it must be", () => {
    assert.deepStrictEqual(differences(expected, right), [])
  })

  for (const [what, { outcome, told }] of Object.entries(broken)) {
    it(`reports ${what}`, () => {
      const found = differences(expected, { ...right, ...outcome })
      assert.isTrue(
        found.some((difference) => told.test(difference)),
        `not told: ${found.join(" | ")}`
      )
    })
  }
})
