/**
 * One HTTP exchange with an endpoint: the only place in this folder that touches the network.
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

export class ExchangeFailed extends Data.TaggedError("ExchangeFailed")<{
  readonly reason: "unreachable" | "too_slow" | "too_large"
  /** A system error's code, such as ECONNREFUSED: safe to show, and what operators look up. */
  readonly code: string | null
}> {}

export interface ExchangeLimits {
  /** For headers and body together. */
  readonly timeoutMillis: number
  readonly maxAnswerBytes: number
}

export interface HttpRequest {
  readonly method: "GET" | "POST"
  readonly target: URL
  /** JSON. */
  readonly body?: string
}

/** Where an endpoint is, without the user info of its URL: that travels in a header, and `fetch` refuses it. */
export const targetOf = (endpoint: RpcEndpointConfig): URL => {
  const target = new URL(Redacted.value(endpoint.url))
  target.username = ""
  target.password = ""
  return target
}

export const makeExchange = (
  endpoint: RpcEndpointConfig,
  limits: ExchangeLimits
): ((request: HttpRequest) => Effect.Effect<HttpAnswer, ExchangeFailed>) => {
  const credentials = basicCredentials(new URL(Redacted.value(endpoint.url)))
  const headers = new Headers({ accept: "application/json" })
  if (credentials !== undefined) headers.set("authorization", `Basic ${credentials}`)

  const headersFor = (body: string | undefined): Headers => {
    const all = new Headers(headers)
    if (body !== undefined) all.set("content-type", "application/json")
    for (const [name, value] of endpoint.headers ?? []) all.set(name, Redacted.value(value))
    return all
  }

  const exchange = async (
    { body, method, target }: HttpRequest,
    signal: AbortSignal
  ): Promise<HttpAnswer> => {
    const response = await fetch(target, {
      method,
      headers: headersFor(body),
      ...(body === undefined ? {} : { body }),
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

  return (request) =>
    Effect.tryPromise({
      try: (signal) => exchange(request, signal),
      catch: (thrown) =>
        thrown instanceof ExchangeFailed
          ? thrown
          : new ExchangeFailed({ reason: "unreachable", code: systemCode(thrown) })
    }).pipe(
      Effect.timeoutOrElse({
        duration: limits.timeoutMillis,
        orElse: () => Effect.fail(new ExchangeFailed({ reason: "too_slow", code: null }))
      })
    )
}

/** What an exchange without an answer says to a person. */
export const failureText = (
  name: string,
  { code, reason }: ExchangeFailed,
  { maxAnswerBytes, timeoutMillis }: ExchangeLimits
): string => {
  switch (reason) {
    case "too_large":
      return `${name} answered with more than ${maxAnswerBytes} bytes`
    case "too_slow":
      return `${name} did not answer within ${timeoutMillis} ms`
    case "unreachable":
      return `could not reach ${name}${code === null ? "" : ` (${code})`}`
  }
}

const boundedText = async (response: Response, maxBytes: number): Promise<string> => {
  const decoder = new TextDecoder()
  let text = ""
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength
    // Leaving the loop cancels the rest of the body.
    if (bytes > maxBytes) throw new ExchangeFailed({ reason: "too_large", code: null })
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

const maxCauseDepth = 5

const systemCode = (thrown: unknown): string | null => {
  for (let cause = thrown, depth = 0; Predicate.isObject(cause) && depth < maxCauseDepth; depth++) {
    if ("code" in cause && Predicate.isString(cause.code) && /^[A-Z_]+$/.test(cause.code)) {
      return cause.code
    }
    cause = "cause" in cause ? cause.cause : undefined
  }
  return null
}
