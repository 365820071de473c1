/** What several endpoints say together must prove no more than what each of them says. */
import { assert, describe, it } from "@effect/vitest"
import { Duration } from "effect"
import { consensus, type Opinion } from "../../src/chains/consensus.ts"
import type { Verdict } from "../../src/chains/validator.ts"

const opinions = (...verdicts: ReadonlyArray<Verdict>): ReadonlyArray<Opinion> =>
  verdicts.map((verdict, index) => ({
    endpoint: `host-${index}#0`,
    host: `host-${index}`,
    verdict
  }))

const notFinal = (seen: number, head?: number): Verdict => ({
  _tag: "NotFinal",
  confirmations_seen: seen,
  confirmations_needed: 3,
  look_again_after: Duration.seconds(1),
  ...(head === undefined ? {} : { absence: { head } }),
  evidence: {}
})

const reverted = (block_hash: string): Verdict => ({ _tag: "Reverted", evidence: { block_hash } })

describe("a consensus", () => {
  it("takes a transaction for absent only if nobody sees it, as of who is behind most", () => {
    const all = consensus(opinions(notFinal(0, 9), notFinal(0, 7)))
    assert.deepInclude(all, { _tag: "NotFinal", absence: { head: 7 } })
    const one = consensus(opinions(notFinal(0, 9), notFinal(2)))
    assert.deepInclude(one, { _tag: "NotFinal", confirmations_seen: 0 })
    assert.notProperty(one, "absence")
  })

  it("knows a transaction no further than who is behind most", () => {
    const verdict = consensus(
      opinions(
        { _tag: "NotFound", head: 9, evidence: {} },
        { _tag: "NotFound", head: 7, evidence: {} }
      )
    )
    assert.deepInclude(verdict, { _tag: "NotFound", head: 7 })
  })

  it("names the block in which all see it, and none if they see it in different ones", () => {
    const same = consensus(opinions(reverted("0xa"), reverted("0xa")))
    assert.strictEqual(same?.evidence.block_hash, "0xa")
    const different = consensus(opinions(reverted("0xa"), reverted("0xb")))
    assert.strictEqual(different?._tag, "Reverted")
    assert.isUndefined(different?.evidence.block_hash)
  })
})
