/** What the demo expects of its own scenarios: an expectation that is too weak would hide a fault. */
import { assert, describe, it } from "@effect/vitest"
import type { Payment } from "../../src/demo/demo-chain.ts"
import { evmScenarios } from "../../src/demo/evm/evm-scenarios.ts"
import { expectationOf } from "../../src/demo/expect.ts"
import { familyScenarios } from "../../src/demo/family-scenarios.ts"
import { deadLettered, longestName, type Webhook } from "../../src/demo/scenario.ts"
import type { Answer } from "../../src/demo/webhooks.ts"
import { Address, ChainName, TxHash } from "../../src/domain/chain.ts"
import { JobId } from "../../src/domain/ids.ts"

const answer: Answer = {
  _tag: "Taken",
  status: "accepted",
  job_ids: [JobId.make("job")],
  detail: null
}

const playedWith = (isReal: boolean, webhooks: ReadonlyArray<Webhook>) => {
  const payment: Payment = {
    chain: ChainName.make("localchain"),
    tx_hash: TxHash.make("0x01"),
    token: "USDC",
    amount: "1000",
    to_address: Address.make("0x02"),
    isReal
  }
  return {
    subject: { number: 1, name: "a scenario" },
    payments: [payment],
    sent: webhooks.map((webhook) => ({
      webhook,
      payments: [payment],
      answers: Array.from({ length: webhook.copies ?? 1 }, () => answer)
    }))
  }
}

const places = (webhooks: ReadonlyArray<Webhook>) =>
  expectationOf([playedWith(true, webhooks), playedWith(true, webhooks)]).answers.map(
    ({ answer: expected, duplicateOf }) => `${expected} ${duplicateOf ?? "-"}`
  )

describe("what the demo expects", () => {
  it("is that one of several copies is new, and the others are duplicates of it", () => {
    assert.deepStrictEqual(places([{ copies: 3, fate: { _tag: "Credited" } }]), [
      "accepted -",
      "duplicate 0",
      "duplicate 0",
      "accepted -",
      "duplicate 3",
      "duplicate 3"
    ])
  })

  it("is that a repeated webhook names the job of its scenario's first", () => {
    assert.deepStrictEqual(
      places([{ fate: { _tag: "Credited" } }, { fate: { _tag: "Duplicate" } }]),
      ["accepted -", "duplicate 0", "accepted -", "duplicate 2"]
    )
  })

  it("is a credit of each payment that the chain made, and of none that it did not", () => {
    const real = playedWith(true, [])
    const unreal = playedWith(false, [{ fate: { _tag: "DeadLettered", because: "reverted" } }])
    assert.deepStrictEqual(expectationOf([real, unreal]).confirmed, real.payments)
  })
})

const fate = deadLettered("")
const scenarios = [
  ...evmScenarios,
  ...familyScenarios({ family: "Starknet", native: "USDC", spoofed: fate, failed: fate }),
  ...familyScenarios({ family: "Aptos", isOneByOne: true, spoofed: fate, failed: fate })
]

describe("the demo's scenarios", () => {
  it("have names that fit into their column, each its own", () => {
    const names = scenarios.map(({ name }) => name)
    assert.deepStrictEqual([...new Set(names)], names)
    assert.deepStrictEqual(
      names.filter((name) => name.length > longestName),
      []
    )
  })

  it("say of every payment that it makes what becomes of it", () => {
    for (const { name, onChain, webhooks } of scenarios) {
      const payments = onChain.reduce(
        (sum, transaction) =>
          sum + (transaction._tag === "Splits" ? transaction.amounts.length : 1),
        0
      )
      const announced = new Set(
        webhooks.flatMap(({ payment = 0 }) =>
          payment === "all" ? Array.from({ length: payments }, (_, index) => index) : [payment]
        )
      )
      assert.strictEqual(announced.size, Math.max(1, payments), name)
    }
  })
})
