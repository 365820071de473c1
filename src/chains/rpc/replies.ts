/**
 * What an HTTP answer means for the JSON-RPC calls that its request held.
 *
 * Answers are matched to calls by id and by nothing else: were they matched by position, an
 * endpoint that drops one answer of a batch would hand every later call its neighbour's.
 */
import { Exit, Option, Schema } from "effect"
import type { RpcFailure } from "../validator.ts"
import { RpcErrorAnswer, retryAfterMillis } from "./faults.ts"
import type { HttpAnswer } from "./http-exchange.ts"

export type Outcome = Exit.Exit<unknown, RpcFailure | RpcErrorAnswer>

export type Reply =
  /** One outcome for each call, by id. */
  | { readonly _tag: "Answers"; readonly outcomes: ReadonlyMap<number, Outcome> }
  /** The request was not to the endpoint's taste, be it for its only call or for being a batch. */
  | { readonly _tag: "Refusal"; readonly outcome: Outcome }
  | { readonly _tag: "TooLarge"; readonly outcome: Outcome }
  /** The request failed whole. */
  | { readonly _tag: "Failure"; readonly outcome: Outcome }

const Answer = Schema.Struct({
  id: Schema.optionalKey(Schema.Unknown),
  result: Schema.optionalKey(Schema.Unknown),
  error: Schema.optionalKey(Schema.Unknown)
})
type Answer = typeof Answer.Type

const Answers = Schema.Union([Schema.Array(Answer), Answer])
const decodeAnswers = Schema.decodeUnknownOption(Answers)
const decodeText = Schema.decodeUnknownOption(Schema.fromJsonString(Answers))
const decodeError = Schema.decodeUnknownOption(
  Schema.Struct({ code: Schema.Finite, message: Schema.optionalKey(Schema.String) })
)

/** Bad request, payload too large. */
const statusesOfRefusals: ReadonlySet<number> = new Set([400, 413])
/** With these, some servers send JSON-RPC errors about the call; with others an error is about the key, the quota or the server. */
const statusesOfErrorAnswers: ReadonlySet<number> = new Set([400, 404, 405])

export interface Replier {
  /** The endpoint's name. */
  readonly name: string
  /** Instead of `JSON.parse`, for a family whose numbers do not all fit a JavaScript number. */
  readonly parse?: (text: string) => unknown
  readonly failure: (message: string, retryAfterMs?: number | null) => RpcFailure
  /** Makes the endpoint's own words fit to be logged. */
  readonly redact: (text: string) => string
}

export const readReply = (
  { name, parse, failure, redact }: Replier,
  ids: ReadonlyArray<number>,
  http: HttpAnswer,
  nowMillis: number
): Reply => {
  const toErrorAnswer = ({ error }: Answer): RpcErrorAnswer | undefined =>
    decodeError(error).pipe(
      Option.map(({ code, message }) => {
        return new RpcErrorAnswer({ code, message: redact(message ?? "no message") })
      }),
      Option.getOrUndefined
    )
  const decoded =
    parse === undefined
      ? decodeText(http.text)
      : Option.flatMap(Option.liftThrowable(parse)(http.text), decodeAnswers)
  const answers = decoded.pipe(
    Option.map((body) => (Array.isArray(body) ? body : [body])),
    Option.getOrUndefined
  )
  const firstError = answers?.map(toErrorAnswer).find((error) => error !== undefined)

  if (http.status < 200 || http.status > 299) {
    const said = firstError === undefined ? "" : `: ${firstError.message}`
    const failed = failure(
      `HTTP ${http.status} from ${name}${said}`,
      retryAfterMillis(http.retryAfter, nowMillis)
    )
    const isAnswer = firstError !== undefined && statusesOfErrorAnswers.has(http.status)
    return {
      _tag: statusesOfRefusals.has(http.status) ? "Refusal" : "Failure",
      outcome: Exit.fail(isAnswer ? firstError : failed)
    }
  }
  if (answers === undefined) {
    const malformed = failure(`${name} answered with something other than JSON-RPC`)
    return { _tag: "Failure", outcome: Exit.fail(malformed) }
  }
  const byId = new Map(answers.map((answer) => [answer.id, answer]))
  if (firstError !== undefined && !ids.some((id) => byId.has(id))) {
    return { _tag: "Refusal", outcome: Exit.fail(firstError) }
  }

  // Equal faults are one object, for the circuit counts objects: twenty calls that one request
  // brought over a rate limit are one failed request.
  const faults = new Map<string, Outcome>()
  const fail = (key: string, fault: () => RpcFailure | RpcErrorAnswer): Outcome => {
    const known = faults.get(key) ?? Exit.fail(fault())
    faults.set(key, known)
    return known
  }
  const outcomeOf = (answer: Answer | undefined): Outcome => {
    if (answer === undefined) {
      return fail("missing", () => failure(`${name} left a call of a batch unanswered`))
    }
    if (answer.error !== undefined && answer.error !== null) {
      const error = toErrorAnswer(answer)
      return error === undefined
        ? fail("malformed", () => failure(`${name} answered a call with a malformed error`))
        : fail(`${error.code} ${error.message}`, () => error)
    }
    return "result" in answer
      ? Exit.succeed(answer.result)
      : fail("empty", () => failure(`${name} answered a call without a result`))
  }
  return { _tag: "Answers", outcomes: new Map(ids.map((id) => [id, outcomeOf(byId.get(id))])) }
}
