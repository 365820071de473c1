/** A run can be had again: its seed makes the schedule of faults and the load. */
import { assert, describe, it } from "@effect/vitest"
import { makeSchedule } from "./faults.ts"
import { makePlan } from "./plan.ts"
import { makeRandom } from "./random.ts"

const scheduleOf = (seed: number) =>
  makeSchedule(makeRandom(seed).fork("faults"), {
    durationMillis: 60_000,
    instances: 3,
    senders: 6,
    leastGapMillis: 500,
    mostGapMillis: 2000,
    mostFaultMillis: 5000,
    reorgs: true,
    fullDisk: true
  })

const planOf = (seed: number) =>
  makePlan(makeRandom(seed).fork("plan"), {
    durationMillis: 60_000,
    transactionsPerSecond: 10,
    senders: 6,
    addresses: ["0xaa", "0xbb"],
    mostDelayMillis: 5000
  })

describe("a seed", () => {
  it("always makes the same faults and the same load, and another seed makes others", () => {
    assert.deepStrictEqual(scheduleOf(1), scheduleOf(1))
    assert.deepStrictEqual(planOf(1), planOf(1))
    assert.notDeepEqual(scheduleOf(1), scheduleOf(2))
    assert.notDeepEqual(planOf(1), planOf(2))
  })

  it("brings each kind of fault once before any comes again", () => {
    const kinds = scheduleOf(3).map(({ fault }) => fault.kind)
    const distinct = new Set(kinds)
    assert.isAbove(kinds.length, distinct.size)
    assert.strictEqual(new Set(kinds.slice(0, distinct.size)).size, distinct.size)
  })

  it("makes all sorts of deposits: late, repeated, wrong, invented, reverted, and never told", () => {
    const plan = planOf(4)
    const webhooks = plan.flatMap((one) => one.webhooks)
    assert.strictEqual(new Set(plan.map(({ kind }) => kind)).size, 6)
    assert.isTrue(plan.some((one) => one.webhooks.length === 0))
    assert.isTrue(webhooks.some(({ excess }) => excess > 0n))
    assert.isTrue(webhooks.some(({ withIndex }) => withIndex))
    assert.isTrue(webhooks.some(({ delayMillis }) => delayMillis > 2000))
    assert.isBelow(new Set(webhooks.map(({ id }) => id)).size, webhooks.length)
  })
})
