/**
 * The endpoints of one chain behind one door: the best that is healthy is asked, the next if it fails.
 *
 *     in order ──▶ best ── fails, or its circuit is open, or its rate limit is reached ──▶ next
 *                       ── silent for a second ──▶ next too, and the first good answer counts
 *                  all at their limits ──▶ waits for the first that has room
 *
 * A question of several calls is put to one endpoint from beginning to end. Were a receipt from
 * one node set against the head of another, the answer would be true of neither.
 */
import { Array as Arr, Clock, Effect, Redacted, Result } from "effect"
import type { CircuitBreaker } from "effect/persistence"
import type { ChainConfig } from "../../config/chain-config.ts"
import type { ChainFamily } from "../family.ts"
import type { Circuit, CircuitsOpen, RpcFailure, RpcRefused } from "../validator.ts"
import { allFailed, someUnasked } from "./all-failed.ts"
import type { Question } from "./endpoint.ts"
import { type GuardedEndpoint, guard, maxTurnMillis } from "./guarded-endpoint.ts"
import { askInTurn } from "./hedging.ts"
import { orderOf } from "./order.ts"
import type { NotNow } from "./rate-limit.ts"
import { makeChainTip } from "./tip.ts"

export interface Endpoints {
  /** Puts a question to the first endpoint that can answer it. */
  readonly ask: <A>(
    question: Question<A>
  ) => Effect.Effect<A, RpcFailure | RpcRefused | CircuitsOpen>
  /**
   * Goes on to the next endpoint until an answer is conclusive: all that were given, as they came.
   * Where all of them tell nothing, and some endpoint could not be asked, that one may know: then it
   * fails, as if nobody had answered.
   */
  readonly askUntil: <A>(
    question: Question<A>,
    isConclusive: (answer: A) => boolean,
    tellsNothing: (answer: A) => boolean
  ) => Effect.Effect<Arr.NonEmptyReadonlyArray<A>, RpcFailure | RpcRefused | CircuitsOpen>
  /** Whether a question asked now would reach an endpoint. */
  readonly isClaimable: Effect.Effect<boolean>
}

/** One of a chain's endpoints by itself. It has the circuit and the limits that it has among the others. */
export interface SingleEndpoint {
  readonly name: string
  /** Two endpoints of one host are not independent. */
  readonly host: string
  readonly endpoints: Endpoints
}

export interface ChainEndpoints extends Endpoints {
  /** The best first. */
  readonly each: ReadonlyArray<SingleEndpoint>
  readonly circuits: Effect.Effect<ReadonlyArray<Circuit>>
}

/** What the endpoints were asked runs on in the scope, also when its answer is no longer needed. */
export const makeEndpoints = Effect.fnUntraced(function* (
  chain: ChainConfig,
  family: ChainFamily,
  breaker: CircuitBreaker.CircuitBreaker,
  region?: string
) {
  const scope = yield* Effect.scope
  const surroundings = { chain, family, breaker, scope, tip: makeChainTip() }
  const inOrder = orderOf(chain.rpc, region).flatMap((position) => {
    const config = chain.rpc[position]
    return config === undefined
      ? []
      : [{ guarded: guard(surroundings, config, position), host: hostOf(config) }]
  })

  const viewOf = (members: ReadonlyArray<GuardedEndpoint>): Endpoints => {
    const askUntil: Endpoints["askUntil"] = <A>(
      question: Question<A>,
      isConclusive: (answer: A) => boolean,
      tellsNothing: (answer: A) => boolean
    ) =>
      Effect.gen(function* () {
        const missing = (answers: ReadonlyArray<A>) => (answers.some(isConclusive) ? 0 : 1)
        const askAmong = (candidates: ReadonlyArray<GuardedEndpoint>, admitted?: GuardedEndpoint) =>
          askInTurn({
            candidates,
            missing,
            scope,
            ask: (one, rest) =>
              Effect.flatMap(takesCalls(rest), (hasOther) =>
                one.ask(question, { isAdmitted: one === admitted, mayRetry: !hasOther })
              )
          })

        const first = yield* askAmong(yield* silentLast(members))
        const busy = first.failures
          .filter(isBusy)
          .toSorted((a, b) => a.wait_ms - b.wait_ms)
          .flatMap(({ endpoint }) => members.find(({ name }) => name === endpoint) ?? [])
        const [soonest] = busy
        const answers = [...first.answers]
        const failures = [...first.failures]
        if (soonest !== undefined && missing(answers) > 0) {
          const turn = yield* Effect.result(soonest.awaitTurn)
          const second = Result.isSuccess(turn)
            ? yield* askAmong(busy, soonest)
            : { answers: [], failures: [turn.failure] }
          answers.push(...second.answers)
          failures.push(...second.failures)
        }
        if (!Arr.isReadonlyArrayNonEmpty(answers)) {
          return yield* Effect.fail(allFailed(chain.name, failures))
        }
        const mayKnow = failures.filter((error) => error._tag !== "RpcRefused")
        return answers.every(tellsNothing) && mayKnow.length > 0
          ? yield* Effect.fail(someUnasked(chain.name, mayKnow))
          : answers
      })
    return {
      ask: (question) =>
        Effect.map(
          askUntil(
            question,
            () => true,
            () => false
          ),
          Arr.headNonEmpty
        ),
      askUntil,
      isClaimable: takesCalls(members)
    }
  }

  return {
    ...viewOf(inOrder.map(({ guarded }) => guarded)),
    circuits: Effect.forEach(inOrder, ({ guarded }) => guarded.circuit),
    each: inOrder.map(({ guarded, host }) => ({
      name: guarded.name,
      host,
      endpoints: viewOf([guarded])
    }))
  } satisfies ChainEndpoints
})

const hostOf = ({ url }: ChainConfig["rpc"][number]): string => new URL(Redacted.value(url)).host

const takesCalls = Effect.fnUntraced(function* (endpoints: ReadonlyArray<GuardedEndpoint>) {
  for (const endpoint of endpoints) if (yield* endpoint.isClaimable) return true
  return false
})

/** Of whom a call has been waiting for a second already, the next would too. */
const silentLast = Effect.fnUntraced(function* (endpoints: ReadonlyArray<GuardedEndpoint>) {
  const now = yield* Clock.currentTimeMillis
  return endpoints.toSorted((a, b) => Number(a.isSilent(now)) - Number(b.isSilent(now)))
})

/** At its rate limit, but not for long. */
const isBusy = (error: RpcFailure | RpcRefused | NotNow): error is NotNow =>
  error._tag === "NotNow" && error.why === "limit" && error.wait_ms <= maxTurnMillis
