/**
 * One POST of JSON to an endpoint: the only place in this folder that touches the network.
 *
 * Any status is an answer. What is thrown where there was none is reduced to a reason, because the
 * messages of Node and Deno hold the URL, and the URL may hold a key.
 */
import { Data, Effect, Predicate, Redacted } from "effect"
import type { RpcEndpointConfig } from "../../config/chain-config.ts"
import { basicCredentials } from "./url-secrets.ts"

export interface HttpAnswer {
  readonly status: number
  /** The header, as it came. */
  readonly retryAfter: string | null
  readonly text: string
}

export class PostFailed extends Data.TaggedError("PostFailed")<{
  readonly reason: "unreachable" | "too_slow" | "too_large"
  /** A system error's code, such as ECONNREFUSED: safe to show, and what operators look up. */
  readonly code: string | null
}> {}

export interface PostLimits {
  /** For headers and body together. */
  readonly timeoutMillis: number
  readonly maxAnswerBytes: number
}

export const makePost = (
  endpoint: RpcEndpointConfig,
  limits: PostLimits
): ((json: string) => Effect.Effect<HttpAnswer, PostFailed>) => {
  const url = new URL(Redacted.value(endpoint.url))
  const headers = new Headers({ "content-type": "application/json" })
  const target = new URL(url)
  const credentials = basicCredentials(url)
  if (credentials !== undefined) {
    headers.set("authorization", `Basic ${credentials}`)
    // `fetch` refuses a URL that holds them.
    target.username = ""
    target.password = ""
  }
  for (const [name, value] of endpoint.headers ?? []) headers.set(name, Redacted.value(value))

  const exchange = async (body: string, signal: AbortSignal): Promise<HttpAnswer> => {
    const response = await fetch(target, {
      method: "POST",
      headers,
      body,
      signal,
      // The headers may hold a key, which is not for the host that a redirect leads to.
      redirect: "manual"
    })
    return {
      status: response.status,
      retryAfter: response.headers.get("retry-after"),
      text: await boundedText(response, limits.maxAnswerBytes)
    }
  }

  return (json) =>
    Effect.tryPromise({
      try: (signal) => exchange(json, signal),
      catch: (thrown) =>
        thrown instanceof PostFailed
          ? thrown
          : new PostFailed({ reason: "unreachable", code: systemCode(thrown) })
    }).pipe(
      Effect.timeoutOrElse({
        duration: limits.timeoutMillis,
        orElse: () => Effect.fail(new PostFailed({ reason: "too_slow", code: null }))
      })
    )
}

export const boundedText = async (response: Response, maxBytes: number): Promise<string> => {
  const decoder = new TextDecoder()
  let text = ""
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength
    // Leaving the loop cancels the rest of the body.
    if (bytes > maxBytes) throw new PostFailed({ reason: "too_large", code: null })
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

const maxCauseDepth = 5

export const systemCode = (thrown: unknown): string | null => {
  for (let cause = thrown, depth = 0; Predicate.isObject(cause) && depth < maxCauseDepth; depth++) {
    if ("code" in cause && Predicate.isString(cause.code) && /^[A-Z_]+$/.test(cause.code)) {
      return cause.code
    }
    cause = "cause" in cause ? cause.cause : undefined
  }
  return null
}
