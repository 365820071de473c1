import { assert, describe, it } from "@effect/vitest"
import { makeChainTip } from "../../../src/chains/rpc/tip.ts"

const maxLag = 20
const second = 1000
const minute = 60 * second

describe("an endpoint's newest block", () => {
  const chain = () => {
    const tip = makeChainTip()
    return (endpoint: string, height: number, at: number) =>
      tip.observe(endpoint, height, at, maxLag)
  }

  it("is behind by as many blocks as the newest that any endpoint has shown", () => {
    const behind = chain()
    assert.strictEqual(behind("a", 100, 0), 0)
    assert.strictEqual(behind("b", 130, second), 0)
    assert.strictEqual(behind("a", 101, second), 29)
    assert.strictEqual(behind("b", 131, second), 0)
  })

  it("is behind what the same endpoint has shown before: behind its load balancer one node lags", () => {
    const behind = chain()
    behind("a", 100, 0)
    assert.strictEqual(behind("a", 70, second), 30)
    assert.strictEqual(behind("a", 101, second), 0)
  })

  it("counts again a minute after the chain went backwards, however often it was shown", () => {
    const behind = chain()
    behind("a", 1000, 0)
    behind("b", 1000, 0)
    for (let at = 0; at <= minute; at += second) {
      assert.strictEqual(behind("a", 10, at), 990)
      assert.strictEqual(behind("b", 10, at), 990)
    }
    assert.strictEqual(behind("a", 10, minute + 1), 0)
    assert.strictEqual(behind("b", 10, minute + 1), 0)
  })

  it("is not shut out for ever by one that speaks of blocks far ahead again and again", () => {
    const behind = chain()
    behind("honest", 100, 0)
    let at = second
    for (; at <= 5 * minute; at += second) {
      behind("liar", 1_000_000 + at, at)
      assert.isAbove(behind("honest", 100 + at / second, at), maxLag, `at ${at}`)
    }
    for (at += second; at <= 20 * minute; at += second) {
      assert.strictEqual(behind("liar", 1_000_000 + at, at), 0)
      assert.strictEqual(behind("honest", 100 + at / second, at), 0, `at ${at}`)
    }
  })

  it("is not shut out for ever while its own circuit is open and it is not asked", () => {
    const behind = chain()
    behind("honest", 100, 0)
    for (let at = second; at <= 6 * minute; at += second) {
      behind("liar", 1_000_000, at)
      if (at % (2 * minute) === 0 && at < 5 * minute) {
        assert.isAbove(behind("honest", 120, at), maxLag)
      }
    }
    assert.strictEqual(behind("honest", 150, 6 * minute), 0)
  })

  it("stays behind for as long as two others are ahead together", () => {
    const behind = chain()
    behind("lagging", 100, 0)
    for (let at = 0; at <= 20 * minute; at += second) {
      behind("b", 1000 + at / second, at)
      behind("c", 1001 + at / second, at)
      assert.isAbove(behind("lagging", 100 + at / second, at), maxLag)
    }
  })

  it("leads anew each time: to have been alone long ago costs nothing", () => {
    const behind = chain()
    behind("a", 100, 0)
    behind("b", 200, second)
    // Then nothing is asked for an hour, and again one is behind the other.
    const later = 60 * minute
    behind("a", 1000, later)
    behind("b", 1100, later)
    assert.strictEqual(behind("a", 1000, later + second), 100)
  })
})
