import { assert, describe, it } from "@effect/vitest"
import { allFailed } from "../../../src/chains/rpc/all-failed.ts"
import { NotNow } from "../../../src/chains/rpc/rate-limit.ts"
import { RpcFailure, RpcRefused } from "../../../src/chains/validator.ts"
import { ChainName } from "../../../src/domain/chain.ts"

const chain = ChainName.make("localchain")
const failure = new RpcFailure({ chain, endpoint: "a", message: "a is down", retry_after_ms: null })
const refusal = new RpcRefused({ chain, endpoint: "a", message: "a refuses" })
const notNow = (why: NotNow["why"], wait_ms: number) => new NotNow({ endpoint: "b", why, wait_ms })

describe("when no endpoint answers", () => {
  it("a failure counts where all others failed before", () => {
    assert.strictEqual(allFailed(chain, [failure, notNow("circuit", 9)]), failure)
    assert.strictEqual(allFailed(chain, [refusal, failure]), failure)
  })

  it("no attempt is lost while another endpoint may live: it is busy, or being probed", () => {
    for (const why of ["limit", "probe"] as const) {
      const error = allFailed(chain, [failure, notNow(why, 7000), notNow("circuit", 9000)])
      assert.deepInclude(error, { _tag: "CircuitsOpen", retry_after_ms: 7000 })
    }
    const busy = allFailed(chain, [notNow("limit", 7000)])
    assert.match(busy.message, /b has all .* its rate_limit/)
    assert.deepInclude(busy, { reason: "rate_limited" })
    assert.notProperty(allFailed(chain, [notNow("circuit", 7000)]), "reason")
  })

  it("a refusal counts only if every endpoint was asked", () => {
    assert.strictEqual(allFailed(chain, [refusal]), refusal)
    assert.strictEqual(allFailed(chain, [refusal, notNow("circuit", 9)])._tag, "CircuitsOpen")
  })
})
