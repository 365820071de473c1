/**
 * REST over HTTP with one endpoint: each call is one GET of a path below the endpoint's URL.
 *
 *     configured                          root    call            GET
 *     https://node.example                /v1     /blocks/1       https://node.example/v1/blocks/1
 *     https://node.example/KEY/v1/        /v1     /blocks/1       https://node.example/KEY/v1/blocks/1
 *     https://node.example/v1?key=KEY     /v1     /blocks/1?a=b   https://node.example/v1/blocks/1?key=KEY&a=b
 *
 * Calls of one path that overlap share a request, and its failure: the circuit counts it once.
 * No error says more of the endpoint than its name, because its URL may hold a key.
 */
import { Clock, Effect, Option, Redacted, Result, Schema, Semaphore } from "effect"
import type { RpcEndpointConfig } from "../../config/chain-config.ts"
import type { ChainName } from "../../domain/chain.ts"
import { makeSharedLook } from "../shared-look.ts"
import { RpcFailure } from "../validator.ts"
import { ofAnswerSize, RpcErrorAnswer, retryAfterMillis } from "./faults.ts"
import {
  type ExchangeFailed,
  type ExchangeLimits,
  failureText,
  type HttpAnswer,
  makeExchange,
  targetOf
} from "./http-exchange.ts"
import { makeRateLimit } from "./rate-limit.ts"
import type { RpcClient } from "./rpc-client.ts"
import { redactor } from "./url-secrets.ts"

export interface RestLimits extends ExchangeLimits {
  /** Requests at a time; others wait for their turn. */
  readonly maxConcurrent: number
}

export const defaultLimits: RestLimits = {
  timeoutMillis: 10_000,
  maxConcurrent: 10,
  maxAnswerBytes: 10_485_760
}

export interface RestApi {
  /** The path under which the API stands on every host, such as "/v1": a URL may end with it or not. */
  readonly root: string
  readonly limits?: RestLimits
}

/** With these, an error in the API's own words is about what was asked for; with others about the key, the quota or the server. */
const statusesOfErrorAnswers: ReadonlySet<number> = new Set([400, 404, 410])

/** As Aptos gives it: https://aptos.dev/build/apis/fullnode-rest-api-reference ("AptosError"). */
const decodeError = Schema.decodeUnknownOption(
  Schema.fromJsonString(
    Schema.Struct({
      error_code: Schema.String.pipe(Schema.check(Schema.isPattern(/^[a-z_]{1,64}$/))),
      message: Schema.optionalKey(Schema.String)
    })
  )
)
const decodeJson = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))

export const makeRest = (
  chain: ChainName,
  endpoint: RpcEndpointConfig,
  position: number,
  { root, limits = defaultLimits }: RestApi
): RpcClient => {
  const url = new URL(Redacted.value(endpoint.url))
  const name = `${url.host}#${position}`
  const redact = redactor(url, endpoint.headers)
  const failure = (message: string, retryAfterMs: number | null = null) =>
    new RpcFailure({ chain, endpoint: name, message, retry_after_ms: retryAfterMs })

  const base = targetOf(endpoint)
  const exchange = makeExchange(endpoint, limits)
  const limit = makeRateLimit(endpoint.rate_limit)
  const permits = Semaphore.makeUnsafe(limits.maxConcurrent)

  const withoutAnswer = (failed: ExchangeFailed): RpcFailure => {
    const said = failure(failureText(name, failed, limits))
    return failed.reason === "too_large" ? ofAnswerSize(said) : said
  }

  const read = (
    answer: HttpAnswer,
    nowMillis: number
  ): Effect.Effect<unknown, RpcFailure | RpcErrorAnswer> => {
    const { status, text } = answer
    if (status >= 200 && status <= 299) {
      return Option.match(decodeJson(text), {
        onNone: () => Effect.fail(failure(`${name} answered with something other than JSON`)),
        onSome: Effect.succeed
      })
    }
    const error = Option.getOrUndefined(decodeError(text))
    const said =
      error === undefined ? undefined : `${error.error_code}: ${redact(error.message ?? "")}`
    return said !== undefined && statusesOfErrorAnswers.has(status)
      ? Effect.fail(new RpcErrorAnswer({ code: status, message: said }))
      : Effect.fail(
          failure(
            `HTTP ${status} from ${name}${said === undefined ? "" : `: ${said}`}`,
            retryAfterMillis(answer.retryAfter, nowMillis)
          )
        )
  }

  const shared = Effect.runSync(
    makeSharedLook(
      Effect.fnUntraced(function* (path: string) {
        yield* limit.take(1)
        const answer = yield* Effect.result(
          permits.withPermits(1)(exchange({ method: "GET", target: pathBelow(base, root, path) }))
        )
        if (Result.isFailure(answer)) return yield* withoutAnswer(answer.failure)
        return yield* read(answer.success, yield* Clock.currentTimeMillis)
      }),
      // Nothing is remembered here, only shared: what is final the family knows.
      () => false
    )
  )

  return {
    name,
    limit,
    failure,
    request: (path) => shared(path),
    // Each call travels alone anyway.
    requestApart: (path) => shared(path)
  }
}

const pathBelow = (url: URL, root: string, path: string): URL => {
  const target = new URL(url)
  const base = url.pathname.replace(/\/+$/, "")
  const [below = "", query = ""] = path.split("?")
  const whole = `${base.endsWith(root) ? base : `${base}${root}`}${below}`
  target.pathname = whole.replace(/\/+$/, "")
  target.search = [url.search.slice(1), query].filter((part) => part !== "").join("&")
  return target
}
