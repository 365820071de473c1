/**
 * The endpoints of one chain behind one door: the first that is healthy is asked, the next if it fails.
 *
 * A question of several calls is put to one endpoint from beginning to end. Were a receipt from
 * one node set against the head of another, the answer would be true of neither.
 */
import { Array as Arr, Duration, Effect, Result } from "effect"
import type { CircuitBreaker } from "effect/persistence"
import type { ChainConfig } from "../../config/chain-config.ts"
import type { ChainFamily } from "../family.ts"
import { CircuitsOpen, RpcFailure, type RpcRefused } from "../validator.ts"
import { guard, type Question } from "./endpoint.ts"
import { makeChainTip } from "./tip.ts"

export interface Endpoints {
  /** Puts a question to the first endpoint that can answer it. */
  readonly ask: <A>(
    question: Question<A>
  ) => Effect.Effect<A, RpcFailure | RpcRefused | CircuitsOpen>
  /** Goes on to the next endpoint until an answer is conclusive: all that were given, in order. */
  readonly askUntil: <A>(
    question: Question<A>,
    isConclusive: (answer: A) => boolean
  ) => Effect.Effect<Arr.NonEmptyReadonlyArray<A>, RpcFailure | RpcRefused | CircuitsOpen>
  /** Whether a question asked now would reach an endpoint. */
  readonly isClaimable: Effect.Effect<boolean>
}

/** When to look again while another question probes the circuit: about as long as an answer takes. */
const probeMillis = 1000

export const makeEndpoints = (
  chain: ChainConfig,
  family: ChainFamily,
  breaker: CircuitBreaker.CircuitBreaker
): Endpoints => {
  const tip = makeChainTip()
  const guarded = chain.rpc.map((config, position) =>
    guard(chain, family.client(chain.name, config, position), family, tip, breaker)
  )
  const askUntil: Endpoints["askUntil"] = <A>(
    question: Question<A>,
    isConclusive: (answer: A) => boolean
  ) =>
    Effect.gen(function* () {
      const answers: Array<A> = []
      const failures: Array<RpcFailure> = []
      const refusals: Array<RpcRefused> = []
      const waits: Array<number> = []
      for (const endpoint of guarded) {
        const answer = yield* Effect.result(endpoint.ask(question))
        if (Result.isSuccess(answer)) {
          answers.push(answer.success)
          if (isConclusive(answer.success)) break
          continue
        }
        const error = answer.failure
        switch (error._tag) {
          case "RpcFailure":
            failures.push(error)
            break
          case "RpcRefused":
            refusals.push(error)
            break
          case "CircuitBreakerError":
            waits.push(
              error.reason._tag === "CircuitOpen"
                ? Math.ceil(Duration.toMillis(error.reason.retryAfter))
                : probeMillis
            )
        }
      }
      if (Arr.isReadonlyArrayNonEmpty(answers)) return answers
      const [failure] = failures
      if (failure !== undefined) return yield* inOne(failure, failures)
      // An endpoint that was not asked may offer what the others refused.
      const [refusal] = refusals
      if (refusal !== undefined && waits.length === 0) return yield* refusal
      return yield* new CircuitsOpen({
        chain: chain.name,
        message: `no endpoint of ${chain.name} takes calls now: each failed too often in a row and is left alone for a while`,
        retry_after_ms: Math.min(...waits)
      })
    })
  return {
    ask: (question) =>
      Effect.map(
        askUntil(question, () => true),
        Arr.headNonEmpty
      ),
    askUntil,
    isClaimable: Effect.gen(function* () {
      for (const endpoint of guarded) if (yield* endpoint.isClaimable) return true
      return false
    })
  }
}

/** One failure that tells of all: who waits for one endpoint only need not wait for the slowest. */
const inOne = (first: RpcFailure, all: ReadonlyArray<RpcFailure>): RpcFailure => {
  if (all.length === 1) return first
  const waits = all.map((failure) => failure.retry_after_ms)
  return new RpcFailure({
    chain: first.chain,
    endpoint: all.map((failure) => failure.endpoint).join(", "),
    message: all.map((failure) => failure.message).join("; "),
    retry_after_ms: waits.some((wait) => wait === null)
      ? null
      : Math.min(...waits.map((wait) => wait ?? 0))
  })
}
