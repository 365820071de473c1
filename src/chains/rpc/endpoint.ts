/**
 * What a family of chains asks of one endpoint: calls whose answers are decoded, and whose fault a
 * bad one is.
 */
import { Clock, Effect, Schema } from "effect"
import type { ChainConfig } from "../../config/chain-config.ts"
import type { ChainFamily } from "../family.ts"
import { type RpcFailure, RpcRefused } from "../validator.ts"
import { isNotOffered, type RpcErrorAnswer } from "./faults.ts"
import { hedgeMillis } from "./hedging.ts"
import type { RateLimit } from "./rate-limit.ts"
import type { RpcClient } from "./rpc-client.ts"
import type { ChainTip } from "./tip.ts"

/** One JSON-RPC call, its result decoded; a result of another shape is the endpoint's failure. */
type Call<E> = <S extends Schema.ConstraintDecoder<unknown>>(
  method: string,
  params: ReadonlyArray<Schema.Json>,
  result: S,
  /** See `RpcClient.request`. */
  group?: string
) => Effect.Effect<S["Type"], E>

export interface Endpoint {
  readonly name: string
  /** Of a method that every endpoint offers. Made at the same moment, calls share a request. */
  readonly call: Call<RpcFailure | RpcErrorAnswer>
  /**
   * Of a method that not every endpoint offers and that may take long, so it travels apart. That
   * it fails says nothing of the endpoint's health, or a few costly deposits could close a chain.
   */
  readonly optionalCall: Call<RpcFailure | RpcRefused>
  /**
   * The height of the newest block that this endpoint shows. Fails if it lags behind the newest block
   * seen on the chain: what such an endpoint does not know may well be there.
   */
  readonly observeHead: (height: number) => Effect.Effect<void, RpcFailure>
  readonly failure: (message: string) => RpcFailure
  readonly refusal: (message: string, about?: "answer_size") => RpcRefused
}

/** Several calls of one purpose, all put to one endpoint. */
export type Question<A> = (
  endpoint: Endpoint
) => Effect.Effect<A, RpcFailure | RpcRefused | RpcErrorAnswer>

export interface ConnectedEndpoint {
  readonly endpoint: Endpoint
  /** Whether a call has been without an answer for long. */
  readonly isSilent: (nowMillis: number) => boolean
  /** Whether it is the failure of an optional call. */
  readonly isOfOptionalCall: (failure: RpcFailure) => boolean
}

export const connect = (
  { chain, family, tip }: { chain: ChainConfig; family: ChainFamily; tip: ChainTip },
  rpc: RpcClient,
  limit: RateLimit
): ConnectedEndpoint => {
  const ofOptionalCalls = new WeakSet<RpcFailure>()
  /** When each call was made that has no answer yet, the oldest first. */
  const unanswered = new Set<{ readonly madeAt: number }>()

  const decode = <S extends Schema.ConstraintDecoder<unknown>>(method: string, result: S) => {
    const decodeResult = Schema.decodeUnknownEffect(result)
    return (answer: unknown) =>
      decodeResult(answer).pipe(
        Effect.mapError(() => rpc.failure(`${rpc.name} gave a malformed answer to ${method}`))
      )
  }

  const paid = <A, E>(call: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    rpc.limit === undefined ? Effect.andThen(limit.take(1), call) : call

  const timed = <A, E>(call: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.flatMap(Clock.currentTimeMillis, (madeAt) => {
      const one = { madeAt }
      unanswered.add(one)
      return Effect.ensuring(
        call,
        Effect.sync(() => unanswered.delete(one))
      )
    })

  const endpoint: Endpoint = {
    name: rpc.name,
    failure: rpc.failure,
    observeHead: (height) =>
      Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        const maxLag = chain.max_lag ?? family.defaultMaxLag
        const behind = tip.observe(rpc.name, height, now, maxLag)
        if (behind > maxLag) {
          return yield* rpc.failure(
            `${rpc.name} is ${behind} blocks behind the newest block seen on ${chain.name}`
          )
        }
      }),
    refusal: (message, about) =>
      new RpcRefused({
        chain: chain.name,
        endpoint: rpc.name,
        message,
        ...(about === undefined ? {} : { about })
      }),
    call: (method, params, result, group) =>
      paid(timed(rpc.request(method, params, group))).pipe(Effect.flatMap(decode(method, result))),
    optionalCall: (method, params, result) =>
      paid(rpc.requestApart(method, params)).pipe(
        Effect.flatMap(decode(method, result)),
        Effect.mapError((error) => {
          const blamed = blame(endpoint, error, isNotOffered)
          if (blamed._tag === "RpcFailure") ofOptionalCalls.add(blamed)
          return blamed
        })
      )
  }

  return {
    endpoint,
    isOfOptionalCall: (failure) => ofOptionalCalls.has(failure),
    isSilent: (nowMillis) => {
      const [oldest] = unanswered
      return oldest !== undefined && nowMillis - oldest.madeAt >= hedgeMillis
    }
  }
}

/** An answer that is an error, as a failure of the endpoint or a refusal of our call. */
export const blame = (
  endpoint: Endpoint,
  error: RpcFailure | RpcErrorAnswer,
  isRefusal: (answer: RpcErrorAnswer) => boolean
): RpcFailure | RpcRefused => {
  if (error._tag === "RpcFailure") return error
  const message = `${endpoint.name} answered with error ${error.code}: ${error.message}`
  return isRefusal(error) ? endpoint.refusal(message) : endpoint.failure(message)
}
