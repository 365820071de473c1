/**
 * JSON-RPC over HTTP with one endpoint: calls made at the same moment travel in one request.
 *
 * No error says more of the endpoint than its name, because its URL may hold a key.
 */
import {
  Array as Arr,
  Clock,
  Effect,
  Exit,
  Redacted,
  Request,
  RequestResolver,
  Result,
  type Schema
} from "effect"
import type { RpcEndpointConfig } from "../../config/chain-config.ts"
import type { ChainName } from "../../domain/chain.ts"
import { RpcFailure } from "../validator.ts"
import { ofAnswerSize, type RpcErrorAnswer } from "./faults.ts"
import {
  type ExchangeFailed,
  type ExchangeLimits,
  failureText,
  makeExchange,
  targetOf
} from "./http-exchange.ts"
import { pack } from "./packing.ts"
import { makeRateLimit } from "./rate-limit.ts"
import { type Replier, type Reply, readReply } from "./replies.ts"
import type { RpcClient } from "./rpc-client.ts"
import { redactor } from "./url-secrets.ts"

export interface JsonRpcLimits extends ExchangeLimits {
  /** Calls in one HTTP request. Providers allow 100 to 1000. */
  readonly maxBatch: number
  /** HTTP requests at a time for the calls of one moment. */
  readonly maxConcurrent: number
}

export const defaultLimits: JsonRpcLimits = {
  timeoutMillis: 10_000,
  maxBatch: 100,
  maxConcurrent: 10,
  maxAnswerBytes: 10_485_760
}

/** After so many refused batches in a row an endpoint is taken for one that never takes any. */
const maxRefusedBatches = 3

class Call extends Request.Class<
  {
    readonly method: string
    readonly params: ReadonlyArray<Schema.Json>
    readonly key: string
    readonly group: string | null
    readonly isApart: boolean
  },
  unknown,
  RpcFailure | RpcErrorAnswer
> {}

type Entry = Request.Entry<Call>

/** A call as it is written, and all who wait for its answer. */
interface WireCall {
  readonly id: number
  readonly call: Call
  readonly entries: ReadonlyArray<Entry>
}

export const makeJsonRpc = (
  chain: ChainName,
  endpoint: RpcEndpointConfig,
  position: number,
  limits: JsonRpcLimits = defaultLimits,
  /** Reads an answer, where `JSON.parse` would lose something of it. */
  parse?: (text: string) => unknown
): RpcClient => {
  const url = new URL(Redacted.value(endpoint.url))
  const name = `${url.host}#${position}`
  const replier: Replier = {
    name,
    ...(parse === undefined ? {} : { parse }),
    redact: redactor(url, endpoint.headers),
    failure: (message, retryAfterMs = null) =>
      new RpcFailure({ chain, endpoint: name, message, retry_after_ms: retryAfterMs })
  }
  const target = targetOf(endpoint)
  const exchangeHttp = makeExchange(endpoint, limits)
  const limit = makeRateLimit(endpoint.rate_limit)
  const maxBatch = Math.min(limits.maxBatch, limit.burst)
  let nextId = 1
  let refusedBatches = 0

  const exchange = Effect.fnUntraced(function* (calls: Arr.NonEmptyReadonlyArray<WireCall>) {
    const wire = calls.map(({ id, call: { method, params } }) => {
      return { jsonrpc: "2.0", id, method, params }
    })
    yield* limit.take(calls.length)
    // Some endpoints take no batches, not even of one.
    const body = JSON.stringify(wire.length === 1 ? wire[0] : wire)
    const answer = yield* Effect.result(exchangeHttp({ method: "POST", target, body }))
    if (Result.isFailure(answer)) return withoutReply(answer.failure, replier, limits)
    const ids = calls.map(({ id }) => id)
    return readReply(replier, ids, answer.success, yield* Clock.currentTimeMillis)
  })

  const settle = (calls: ReadonlyArray<WireCall>, reply: Reply) => {
    for (const { id, entries } of calls) {
      const outcome = reply._tag === "Answers" ? reply.outcomes.get(id) : reply.outcome
      for (const entry of entries) entry.completeUnsafe(outcome ?? Exit.die("a call was lost"))
    }
  }

  const send = (calls: Arr.NonEmptyReadonlyArray<WireCall>): Effect.Effect<void> =>
    Effect.gen(function* () {
      const [first, ...others] = calls
      const reply = yield* exchange(calls)
      if (others.length === 0) return settle(calls, reply)
      switch (reply._tag) {
        case "Answers":
          refusedBatches = 0
          return settle(calls, reply)
        case "Failure":
          return settle(calls, reply)
        case "TooLarge":
          // One answer may be too large for all: alone, each of the others fits.
          return yield* sendSingly(calls)
        case "Refusal": {
          // The batch was refused as a whole. Taken for a verdict on the calls, it would dead-letter
          // every deposit of a chain whose endpoint merely takes no batches, or none of this size.
          const alone = yield* exchange([first])
          settle([first], alone)
          if (alone._tag === "Answers") {
            refusedBatches++
            return yield* sendSingly(others)
          }
          const refused = replier.failure(`${name} refused a batch of calls, and a single one too`)
          return settle(
            others,
            alone._tag === "Failure" ? alone : { _tag: "Failure", outcome: Exit.fail(refused) }
          )
        }
      }
    })

  const sendAll = (requests: ReadonlyArray<Arr.NonEmptyReadonlyArray<WireCall>>) =>
    Effect.forEach(requests, send, { concurrency: limits.maxConcurrent, discard: true })

  const sendSingly = (calls: ReadonlyArray<WireCall>) => sendAll(Arr.chunksOf(calls, 1))

  const requestsFor = (entries: ReadonlyArray<Entry>, perRequest: number) => {
    const packable = entries.map((entry) => {
      const { key, group } = entry.request
      return { key, group, entry }
    })
    return pack(packable, perRequest).map((request) =>
      Arr.map(request, (equals): WireCall => {
        const [{ entry }] = equals
        return { id: nextId++, call: entry.request, entries: equals.map((one) => one.entry) }
      })
    )
  }

  const resolver = RequestResolver.make<Call>((entries) => {
    const together = entries.filter(({ request }) => !request.isApart)
    const apart = entries.filter(({ request }) => request.isApart)
    const perRequest = refusedBatches < maxRefusedBatches ? maxBatch : 1
    return sendAll([...requestsFor(together, perRequest), ...requestsFor(apart, 1)])
  })

  const requestAs = (
    isApart: boolean,
    method: string,
    params: ReadonlyArray<Schema.Json>,
    group: string | null
  ) => {
    const key = JSON.stringify([method, params])
    return Effect.request(new Call({ method, params, key, group, isApart }), resolver)
  }

  return {
    name,
    limit,
    failure: replier.failure,
    request: (method, params, group = null) => requestAs(false, method, params, group),
    requestApart: (method, params) => requestAs(true, method, params, null)
  }
}

const withoutReply = (
  failed: ExchangeFailed,
  { failure, name }: Replier,
  limits: ExchangeLimits
): Reply => {
  const said = failure(failureText(name, failed, limits))
  return failed.reason === "too_large"
    ? { _tag: "TooLarge", outcome: Exit.fail(ofAnswerSize(said)) }
    : { _tag: "Failure", outcome: Exit.fail(said) }
}
