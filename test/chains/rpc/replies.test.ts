import { assert, describe, it } from "@effect/vitest"
import { Exit } from "effect"
import { type Outcome, type Reply, readReply } from "../../../src/chains/rpc/replies.ts"
import { RpcFailure } from "../../../src/chains/validator.ts"

const replyTo = (ids: ReadonlyArray<number>, body: unknown, status = 200): Reply =>
  readReply(
    {
      name: "x.example#0",
      redact: (text) => text.replace("key", "<redacted>"),
      failure: (message, retry_after_ms = null) =>
        new RpcFailure({ chain: "c", endpoint: "x.example#0", message, retry_after_ms })
    },
    ids,
    { status, retryAfter: "7", text: typeof body === "string" ? body : JSON.stringify(body) },
    0
  )

const shown = (outcome: Outcome | undefined): unknown => {
  if (outcome === undefined) return undefined
  if (Exit.isSuccess(outcome)) return outcome.value
  const [reason] = outcome.cause.reasons
  return reason?._tag === "Fail"
    ? `${reason.error._tag === "RpcErrorAnswer" ? reason.error.code : "failure"}: ${reason.error.message}`
    : reason
}

const outcomes = (reply: Reply): unknown =>
  reply._tag === "Answers"
    ? [...reply.outcomes].map(([id, outcome]) => [id, shown(outcome)])
    : [reply._tag, shown(reply.outcome)]

describe("a reply", () => {
  const error = { code: -32000, message: "bad key" }
  const cases: ReadonlyArray<
    readonly [string, ids: ReadonlyArray<number>, status: number, body: unknown, read: unknown]
  > = [
    [
      "is matched by id, in any order",
      [1, 2],
      200,
      [
        { id: 2, result: "b" },
        { id: 1, result: null }
      ],
      [
        [1, null],
        [2, "b"]
      ]
    ],
    [
      "that is shorter than its batch shifts nothing",
      [1, 2],
      200,
      [{ id: 2, result: "b" }],
      [
        [1, "failure: x.example#0 left a call of a batch unanswered"],
        [2, "b"]
      ]
    ],
    [
      "may hold an error beside a null result",
      [1],
      200,
      { id: 1, result: null, error },
      [[1, "-32000: bad <redacted>"]]
    ],
    [
      "may hold a null error beside a result",
      [1],
      200,
      { id: 1, result: "a", error: null },
      [[1, "a"]]
    ],
    [
      "with one malformed error fails that call only",
      [1, 2],
      200,
      [
        { id: 1, error: "no" },
        { id: 2, result: "b" }
      ],
      [
        [1, "failure: x.example#0 answered a call with a malformed error"],
        [2, "b"]
      ]
    ],
    [
      "without a result is no result",
      [1],
      200,
      { id: 1 },
      [[1, "failure: x.example#0 answered a call without a result"]]
    ],
    [
      "for another call is not taken for ours",
      [1],
      200,
      { id: 9, result: "z" },
      [[1, "failure: x.example#0 left a call of a batch unanswered"]]
    ],
    [
      "with one error for a whole batch is a refusal of the batch",
      [1, 2],
      200,
      { id: null, error },
      ["Refusal", "-32000: bad <redacted>"]
    ],
    [
      "that is a page fails whole",
      [1, 2],
      200,
      "<html>",
      ["Failure", "failure: x.example#0 answered with something other than JSON-RPC"]
    ],
    [
      "of status 400 about a call is an answer",
      [1],
      400,
      { id: 1, error: { code: -32602, message: "no" } },
      ["Refusal", "-32602: no"]
    ],
    [
      "of status 413 is a refusal",
      [1, 2],
      413,
      "too large",
      ["Refusal", "failure: HTTP 413 from x.example#0"]
    ],
    [
      "of status 404 without an error fails",
      [1],
      404,
      "not found",
      ["Failure", "failure: HTTP 404 from x.example#0"]
    ],
    [
      "of status 401 fails, whatever code it names",
      [1],
      401,
      { id: 1, error: { code: -32602, message: "no key" } },
      ["Failure", "failure: HTTP 401 from x.example#0: no <redacted>"]
    ],
    [
      "of status 429 fails, whatever code it names",
      [1],
      429,
      { id: 1, error: { code: -32602, message: "slow" } },
      ["Failure", "failure: HTTP 429 from x.example#0: slow"]
    ]
  ]
  it.each(cases)("%s", (_, ids, status, body, read) => {
    assert.deepStrictEqual(outcomes(replyTo(ids, body, status)), read)
  })

  it("with equal errors holds one error, so that they count as one failure", () => {
    const reply = replyTo(
      [1, 2, 3],
      [
        { id: 1, error },
        { id: 2, error }
      ]
    )
    assert.strictEqual(reply._tag, "Answers")
    const [first, second, third] = reply._tag === "Answers" ? [...reply.outcomes.values()] : []
    assert.strictEqual(first, second)
    assert.notStrictEqual(first, third)
  })

  it("of an overloaded server says when to come back", () => {
    const reply = replyTo([1], "", 503)
    const outcome = reply._tag === "Failure" ? reply.outcome : undefined
    const [reason] = outcome !== undefined && Exit.isFailure(outcome) ? outcome.cause.reasons : []
    assert.deepInclude(reason?._tag === "Fail" ? reason.error : {}, { retry_after_ms: 7000 })
  })
})
