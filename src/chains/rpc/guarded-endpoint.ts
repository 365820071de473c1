/**
 * An endpoint behind its circuit, which counts questions:
 *
 *   Closed ──threshold failures in a row──▶ Open ──its time ends, next question──▶ HalfOpen
 *     ▲                                      ▲                                        │
 *     └───────────── the probe succeeds ─────┴──────── the probe fails ───────────────┘
 *
 *   ask ─▶ circuit ─▶ rate limit ─▶ chain id ─▶ the question, twice more if it fails quickly and
 *                                               there is no other endpoint: one outcome for the circuit
 *
 * Nothing is believed of an endpoint before it has named the chain that it serves.
 */
import { Cause, Duration, Effect, Exit, type Scope } from "effect"
import { CircuitBreaker } from "effect/persistence"
import type { ChainConfig } from "../../config/chain-config.ts"
import type { ChainFamily } from "../family.ts"
import type { Circuit, RpcFailure, RpcRefused } from "../validator.ts"
import { blame, connect, type Question } from "./endpoint.ts"
import { isOurFault, type RpcErrorAnswer } from "./faults.ts"
import { makeQuickRetry } from "./quick-retry.ts"
import { makeRateLimit, NotNow } from "./rate-limit.ts"
import type { ChainTip } from "./tip.ts"

export interface Asking {
  /** Its first call was paid for by `awaitTurn`. */
  readonly isAdmitted: boolean
  /** Whether to try again quickly what fails: if there is no other endpoint to go to. */
  readonly mayRetry: boolean
}

export interface GuardedEndpoint {
  readonly name: string
  readonly ask: <A>(
    question: Question<A>,
    asking: Asking
  ) => Effect.Effect<A, RpcFailure | RpcRefused | NotNow>
  /** Waits until the rate limit has room for one more question, if that is soon. */
  readonly awaitTurn: Effect.Effect<void, NotNow>
  /** Whether a question asked now would reach it within `maxTurnMillis`. */
  readonly isClaimable: Effect.Effect<boolean>
  readonly circuit: Effect.Effect<Circuit>
  /** Whether a call has been without an answer for long. */
  readonly isSilent: (nowMillis: number) => boolean
}

/** So long a question waits for its turn at an endpoint that is at its rate limit. */
export const maxTurnMillis = 5000
/** When to look again while another question probes the circuit: about as long as an answer takes. */
const probeMillis = 1000

/** What the endpoints of one chain have in common. */
export interface Surroundings {
  readonly chain: ChainConfig
  readonly family: ChainFamily
  readonly tip: ChainTip
  readonly breaker: CircuitBreaker.CircuitBreaker
  readonly scope: Scope.Scope
}

/** The `position`th of its chain in surehook.yaml. */
export const guard = (
  surroundings: Surroundings,
  config: ChainConfig["rpc"][number],
  position: number
): GuardedEndpoint => {
  const { chain, family, breaker, scope } = surroundings
  const rpc = family.client(chain.name, config, position)
  const key = `${chain.name}/${rpc.name}`
  const limit = rpc.limit ?? makeRateLimit(config.rate_limit)
  const { endpoint, isSilent, isOfOptionalCall } = connect(surroundings, rpc, limit)
  const quickly = makeQuickRetry(scope)
  /** The faults that the circuit knows of. */
  const counted = new WeakSet<RpcFailure | RpcErrorAnswer>()
  let servesOurChain = false

  /**
   * An endpoint of another chain would credit testnet money. The mismatch is a failure and not a
   * refusal: a refusal would dead-letter every deposit of the chain for a typo in surehook.yaml,
   * while failures open the circuit, keep the deposits waiting, and stand in each one's last error.
   */
  const checkChainId = Effect.gen(function* () {
    if (servesOurChain) return
    const id = yield* Effect.mapError(family.chainIdOf(endpoint), (error) =>
      // No chain's id is large: here the size does say something of the endpoint.
      error._tag === "RpcFailure" && error.about !== undefined ? rpc.failure(error.message) : error
    )
    if (id !== chain.chain_id) {
      return yield* rpc.failure(
        `${rpc.name} serves chain ${id}, but ${chain.name} is chain ${chain.chain_id} in surehook.yaml: correct the URL or chain_id`
      )
    }
    servesOurChain = true
  })

  const orNotNow = Effect.flatMap((wait_ms: number) =>
    wait_ms === 0
      ? Effect.void
      : Effect.fail(new NotNow({ endpoint: rpc.name, why: "limit", wait_ms }))
  )

  /** Not of an optional call, and not if the endpoint itself says when to come back. */
  const mayPass = (error: RpcFailure | RpcRefused | RpcErrorAnswer): boolean => {
    if (error._tag === "RpcRefused") return false
    if (error._tag === "RpcErrorAnswer") return !isOurFault(error)
    return error.retry_after_ms === null && !isBlameless(error)
  }

  const isBlameless = (error: RpcFailure): boolean =>
    error.about === "answer_size" || isOfOptionalCall(error)

  const classify = <A>(
    exit: Exit.Exit<A, RpcFailure | RpcRefused | RpcErrorAnswer | NotNow>
  ): CircuitBreaker.Outcome => {
    if (Exit.isSuccess(exit)) return CircuitBreaker.success
    const error = exit.cause.reasons.find(Cause.isFailReason)?.error
    // A refusal is about our call, a full limit is of our making, and a defect is a bug of ours: none
    // says anything about the endpoint. Questions whose calls travelled in one HTTP request share
    // its failure.
    if (error === undefined || error._tag === "RpcRefused" || error._tag === "NotNow") {
      return CircuitBreaker.ignored
    }
    if (error._tag === "RpcErrorAnswer" && isOurFault(error)) return CircuitBreaker.ignored
    if (error._tag === "RpcFailure" && isBlameless(error)) return CircuitBreaker.ignored
    if (counted.has(error)) return CircuitBreaker.ignored
    counted.add(error)
    // What answers after an outage need not be what answered before it.
    servesOurChain = false
    const waitMillis = error._tag === "RpcFailure" ? error.retry_after_ms : null
    return CircuitBreaker.failure(
      waitMillis === null ? {} : { retryAfter: Duration.millis(waitMillis) }
    )
  }

  const rejection = ({ reason }: CircuitBreaker.CircuitBreakerError): NotNow =>
    reason._tag === "CircuitOpen"
      ? new NotNow({
          endpoint: rpc.name,
          why: "circuit",
          wait_ms: Math.ceil(Duration.toMillis(reason.retryAfter))
        })
      : new NotNow({ endpoint: rpc.name, why: "probe", wait_ms: probeMillis })

  // The store is in memory and has no errors of its own.
  const circuitState = Effect.orDie(breaker.state(key))

  return {
    name: rpc.name,
    circuit: Effect.map(circuitState, (state) => ({
      chain: chain.name,
      endpoint: rpc.name,
      state: state._tag === "Closed" ? "closed" : isOpen(state) ? "open" : "half_open"
    })),
    awaitTurn: orNotNow(limit.admitInTurn(maxTurnMillis)),
    ask: (question, { isAdmitted, mayRetry }) => {
      const once = Effect.andThen(checkChainId, question(endpoint))
      return (isAdmitted ? Effect.void : orNotNow(limit.admit)).pipe(
        Effect.andThen(mayRetry ? quickly(once, mayPass) : once),
        breaker.execute({ key, classify }),
        Effect.catchTags({
          RpcErrorAnswer: (error) => Effect.fail(blame(endpoint, error, isOurFault)),
          CircuitBreakerError: (error) => Effect.fail(rejection(error))
        })
      )
    },
    isClaimable: Effect.gen(function* () {
      const state = yield* circuitState
      const takesCalls = !isOpen(state) && !(state._tag === "HalfOpen" && state.probing)
      return takesCalls && (yield* limit.backlogMillis) <= maxTurnMillis
    }),
    isSilent
  }
}

/** Past its time a circuit reads as open until the next call, which becomes the probe. */
const isOpen = (state: CircuitBreaker.State): boolean =>
  state._tag === "Open" && !Duration.isZero(state.retryAfter)
