/** How failures are sorted: one row of the table for each thing that can happen. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Exit } from "effect"
import {
  ChainUnknown,
  CircuitsOpen,
  RpcFailure,
  RpcRefused,
  type ValidatorError,
  type Verdict
} from "../../src/chains/validator.ts"
import { type Finding, findingOf } from "../../src/settlement/finding.ts"

const evidence = { endpoint: "rpc.example#0" }
const said = (verdict: Verdict) => Exit.succeed(verdict)
const failed = (error: ValidatorError) => Exit.fail(error)
const at = { chain: "localchain", endpoint: "rpc.example#0" }

const failures: ReadonlyArray<
  readonly [
    what: string,
    Exit.Exit<Verdict, ValidatorError>,
    Omit<Finding & { _tag: "Failure" }, "_tag">
  ]
> = [
  [
    "a transaction that no node knows",
    said({ _tag: "NotFound", head: 1_000_000, evidence }),
    {
      error_type: "transient",
      error: "the chain does not know this transaction yet",
      retry_after: null,
      evidence
    }
  ],
  [
    "a reverted transaction",
    said({ _tag: "Reverted", evidence }),
    {
      error_type: "permanent",
      error: "the transaction reverted: it is on chain and moved nothing",
      retry_after: null,
      evidence
    }
  ],
  [
    "a transfer that is not the claimed one",
    said({
      _tag: "Mismatch",
      reason: "it moved 2, not 1.5",
      expected: { amount: "1.5" },
      found: { amount: "2" },
      evidence
    }),
    {
      error_type: "permanent",
      error: "it moved 2, not 1.5",
      retry_after: null,
      evidence: { ...evidence, expected: { amount: "1.5" }, found: { amount: "2" } }
    }
  ],
  [
    "an endpoint that is down",
    failed(new RpcFailure({ ...at, message: "HTTP 503", retry_after_ms: null })),
    { error_type: "rpc_failure", error: "HTTP 503", retry_after: null, evidence }
  ],
  [
    "an endpoint that asks to be left alone",
    failed(new RpcFailure({ ...at, message: "HTTP 429", retry_after_ms: 90_000 })),
    {
      error_type: "rpc_failure",
      error: "HTTP 429",
      retry_after: Duration.seconds(90),
      evidence
    }
  ],
  [
    "a call of ours that is wrong",
    failed(new RpcRefused({ ...at, message: "invalid params" })),
    { error_type: "permanent", error: "invalid params", retry_after: null, evidence }
  ],
  [
    "a chain that is no longer configured",
    failed(new ChainUnknown({ chain: "mars", message: "mars is not in surehook.yaml" })),
    {
      error_type: "permanent",
      error: "mars is not in surehook.yaml",
      retry_after: null,
      evidence: null
    }
  ],
  [
    "a bug, of which only the name is told",
    Exit.failCause(Cause.die(new TypeError("https://user:secret@host"))),
    {
      error_type: "unknown",
      error: "an unexpected error (TypeError) in the validator: see the log",
      retry_after: null,
      evidence: null
    }
  ],
  [
    "an interruption from inside of the validator",
    Exit.failCause(Cause.interrupt(1)),
    {
      error_type: "unknown",
      error: "an unexpected error (Error) in the validator: see the log",
      retry_after: null,
      evidence: null
    }
  ]
]

describe("a finding", () => {
  for (const [what, exit, expected] of failures) {
    it(`sorts ${what} as ${expected.error_type}`, () => {
      assert.deepStrictEqual(findingOf(exit), { _tag: "Failure", ...expected })
    })
  }

  it("takes open circuits for no attempt", () => {
    const error = new CircuitsOpen({ chain: "localchain", message: "open", retry_after_ms: 1500 })
    assert.deepStrictEqual(findingOf(failed(error)), {
      _tag: "CircuitsOpen",
      retry_after: Duration.millis(1500)
    })
  })

  it("takes a rate limit for no attempt, and says which of the two it was", () => {
    const error = new CircuitsOpen({
      chain: "localchain",
      message: "busy",
      reason: "rate_limited",
      retry_after_ms: 1500
    })
    assert.deepInclude(findingOf(failed(error)), { _tag: "CircuitsOpen", reason: "rate_limited" })
  })
})
