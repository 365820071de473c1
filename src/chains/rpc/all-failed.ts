/** What to say when no endpoint gave an answer: one failure that tells of all. */
import type { ChainName } from "../../domain/chain.ts"
import { CircuitsOpen, RpcFailure, type RpcRefused } from "../validator.ts"
import type { NotNow } from "./rate-limit.ts"

export const allFailed = (
  chain: ChainName,
  errors: ReadonlyArray<RpcFailure | RpcRefused | NotNow>
): RpcFailure | RpcRefused | CircuitsOpen => {
  const failures = errors.filter((error) => error._tag === "RpcFailure")
  const notAsked = errors.filter((error) => error._tag === "NotNow")
  const [failure] = failures
  // An endpoint that may be alive was not asked: the deposit must not lose an attempt for that.
  const mayLive = notAsked.some(({ why }) => why !== "circuit")
  if (failure !== undefined && !mayLive) return inOne(failure, failures)
  // An endpoint that was not asked may offer what the others refused.
  const refusal = errors.find((error) => error._tag === "RpcRefused")
  if (refusal !== undefined && notAsked.length === 0) return refusal
  const busy = notAsked.filter(({ why }) => why === "limit").map(({ endpoint }) => endpoint)
  return new CircuitsOpen({
    chain,
    message:
      busy.length === 0
        ? `no endpoint of ${chain} takes calls now: each failed too often in a row and is left alone for a while`
        : `no endpoint of ${chain} takes calls now: ${busy.join(", ")} has all the calls that its rate_limit in surehook.yaml allows`,
    ...(busy.length === 0 ? {} : { reason: "rate_limited" }),
    retry_after_ms: Math.min(...notAsked.map(({ wait_ms }) => wait_ms))
  })
}

/**
 * Those that answered know nothing, and these could not be asked. Waits longer than for what nobody
 * knows, and not for ever: one that is dead for good must not keep what never was.
 */
export const someUnasked = (
  chain: ChainName,
  unasked: ReadonlyArray<RpcFailure | NotNow>
): RpcFailure | RpcRefused | CircuitsOpen => {
  const isOut = (error: RpcFailure | NotNow): error is NotNow =>
    error._tag === "NotNow" && error.why === "circuit"
  if (!unasked.every(isOut)) return allFailed(chain, unasked)
  const names = unasked.map(({ endpoint }) => endpoint).join(", ")
  return new RpcFailure({
    chain,
    endpoint: names,
    message: `the endpoints that answer do not know the transaction, and ${names} failed too often to be asked`,
    retry_after_ms: null
  })
}

/** Who waits for one endpoint only need not wait for the slowest. */
const inOne = (first: RpcFailure, all: ReadonlyArray<RpcFailure>): RpcFailure => {
  if (all.length === 1) return first
  const waits = all.map((failure) => failure.retry_after_ms)
  return new RpcFailure({
    chain: first.chain,
    endpoint: all.map((failure) => failure.endpoint).join(", "),
    message: all.map((failure) => failure.message).join("; "),
    ...(all.every(({ about }) => about === "answer_size") ? { about: "answer_size" } : {}),
    retry_after_ms: waits.some((wait) => wait === null)
      ? null
      : Math.min(...waits.map((wait) => wait ?? 0))
  })
}
