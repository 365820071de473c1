/**
 * One endpoint and its circuit, which counts questions:
 *
 *   Closed ──threshold failures in a row──▶ Open ──its time ends, next question──▶ HalfOpen
 *     ▲                                      ▲                                        │
 *     └───────────── the probe succeeds ─────┴──────── the probe fails ───────────────┘
 *
 * Nothing is believed of an endpoint before it has named the chain that it serves.
 */
import { Cause, Clock, Duration, Effect, Exit, Schema } from "effect"
import { CircuitBreaker } from "effect/persistence"
import type { ChainConfig } from "../../config/chain-config.ts"
import type { ChainFamily } from "../family.ts"
import { type RpcFailure, RpcRefused } from "../validator.ts"
import { isNotOffered, isOurFault, type RpcErrorAnswer } from "./faults.ts"
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
  readonly refusal: (message: string) => RpcRefused
}

/** Several calls of one purpose, all put to one endpoint. */
export type Question<A> = (
  endpoint: Endpoint
) => Effect.Effect<A, RpcFailure | RpcRefused | RpcErrorAnswer>

export interface GuardedEndpoint {
  readonly ask: <A>(
    question: Question<A>
  ) => Effect.Effect<A, RpcFailure | RpcRefused | CircuitBreaker.CircuitBreakerError>
  readonly isClaimable: Effect.Effect<boolean>
}

export const guard = (
  chain: ChainConfig,
  rpc: RpcClient,
  family: ChainFamily,
  tip: ChainTip,
  breaker: CircuitBreaker.CircuitBreaker
): GuardedEndpoint => {
  const key = `${chain.name}/${rpc.name}`
  /** The faults that the circuit knows of, or need not know of. */
  const counted = new WeakSet<RpcFailure | RpcErrorAnswer>()
  let servesOurChain = false

  const decode = <S extends Schema.ConstraintDecoder<unknown>>(method: string, result: S) => {
    const decodeResult = Schema.decodeUnknownEffect(result)
    return (answer: unknown) =>
      decodeResult(answer).pipe(
        Effect.mapError(() => rpc.failure(`${rpc.name} gave a malformed answer to ${method}`))
      )
  }

  const endpoint: Endpoint = {
    name: rpc.name,
    failure: rpc.failure,
    observeHead: (height) =>
      Effect.gen(function* () {
        const behind = tip.observe(height, yield* Clock.currentTimeMillis)
        if (behind > (chain.max_lag ?? family.defaultMaxLag)) {
          return yield* rpc.failure(
            `${rpc.name} is ${behind} blocks behind the newest block seen on ${chain.name}`
          )
        }
      }),
    refusal: (message) => new RpcRefused({ chain: chain.name, endpoint: rpc.name, message }),
    call: (method, params, result, group) =>
      rpc.request(method, params, group).pipe(Effect.flatMap(decode(method, result))),
    optionalCall: (method, params, result) =>
      rpc.requestApart(method, params).pipe(
        Effect.flatMap(decode(method, result)),
        Effect.mapError((error) => {
          const blamed = blame(error, isNotOffered)
          if (blamed._tag === "RpcFailure") counted.add(blamed)
          return blamed
        })
      )
  }

  /**
   * An endpoint of another chain would credit testnet money. The mismatch is a failure and not a
   * refusal: a refusal would dead-letter every deposit of the chain for a typo in surehook.yaml,
   * while failures open the circuit, keep the deposits waiting, and stand in each one's last error.
   */
  const checkChainId = Effect.gen(function* () {
    if (servesOurChain) return
    const id = yield* family.chainIdOf(endpoint)
    if (id !== chain.chain_id) {
      return yield* rpc.failure(
        `${rpc.name} serves chain ${id}, but ${chain.name} is chain ${chain.chain_id} in surehook.yaml: correct the URL or chain_id`
      )
    }
    servesOurChain = true
  })

  const classify = <A>(
    exit: Exit.Exit<A, RpcFailure | RpcRefused | RpcErrorAnswer>
  ): CircuitBreaker.Outcome => {
    if (Exit.isSuccess(exit)) return CircuitBreaker.success
    const error = exit.cause.reasons.find(Cause.isFailReason)?.error
    // A refusal is about our call, and a defect is a bug of ours: neither says anything about the
    // endpoint. Questions whose calls travelled in one HTTP request share its failure.
    if (error === undefined || error._tag === "RpcRefused") return CircuitBreaker.ignored
    if (error._tag === "RpcErrorAnswer" && isOurFault(error)) return CircuitBreaker.ignored
    if (counted.has(error)) return CircuitBreaker.ignored
    counted.add(error)
    // What answers after an outage need not be what answered before it.
    servesOurChain = false
    const waitMillis = error._tag === "RpcFailure" ? error.retry_after_ms : null
    return CircuitBreaker.failure(
      waitMillis === null ? {} : { retryAfter: Duration.millis(waitMillis) }
    )
  }

  const blame = (
    error: RpcFailure | RpcErrorAnswer,
    isRefusal: (answer: RpcErrorAnswer) => boolean
  ): RpcFailure | RpcRefused => {
    if (error._tag === "RpcFailure") return error
    const message = `${rpc.name} answered with error ${error.code}: ${error.message}`
    return isRefusal(error) ? endpoint.refusal(message) : rpc.failure(message)
  }

  return {
    ask: (question) =>
      checkChainId.pipe(
        Effect.andThen(question(endpoint)),
        breaker.execute({ key, classify }),
        Effect.catchTag("RpcErrorAnswer", (error) => Effect.fail(blame(error, isOurFault)))
      ),
    isClaimable: breaker.state(key).pipe(
      Effect.map(
        (state) =>
          state._tag === "Closed" ||
          // Past its time a circuit reads as open until the next call, which becomes the probe.
          (state._tag === "Open" && Duration.isZero(state.retryAfter)) ||
          (state._tag === "HalfOpen" && !state.probing)
      ),
      // The store is in memory and has no errors of its own.
      Effect.orElseSucceed(() => true)
    )
  }
}
