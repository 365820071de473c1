/**
 * What one validation means for its deposit: the one place where failures are sorted.
 *
 *     what happened                                     error_type     costs an attempt
 *     not found: not seen yet, or dropped               transient      yes
 *     reverted, or holds no such transfer               permanent      yes, and is the last
 *     our own call was wrong, chain not configured      permanent      yes, and is the last
 *     the address is not registered                     permanent      yes, and is the last
 *     endpoint down, too slow, 429, 5xx, nonsense       rpc_failure    yes, unless it opens the last circuit
 *     anything else: a bug of ours                      unknown        yes
 *     not deep enough yet                               -              no
 *     no endpoint takes calls: circuits open, limits    -              no
 */
import { Cause, Duration, Exit } from "effect"
import type { ErrorType } from "../../machines/deposit-events.ts"
import type { Evidence, ValidatorError, Verdict } from "../chains/validator.ts"

export type Finding =
  | {
      readonly _tag: "Confirmed"
      readonly verdict: Extract<Verdict, { _tag: "Confirmed" }>
      /** Whose deposit it is, if its address is registered. */
      readonly account_reference?: string
    }
  | { readonly _tag: "NotFinal"; readonly verdict: Extract<Verdict, { _tag: "NotFinal" }> }
  | {
      readonly _tag: "CircuitsOpen"
      readonly retry_after: Duration.Duration
      /** Left out: circuit_open. */
      readonly reason?: "rate_limited"
    }
  | Failure

export interface Failure {
  readonly _tag: "Failure"
  readonly error_type: ErrorType
  /** One sentence for a person; holds no URL, key or payload. */
  readonly error: string
  /** How long the endpoint asked to be left alone. */
  readonly retry_after: Duration.Duration | null
  readonly evidence: Evidence | null
}

export const findingOf = (validation: Exit.Exit<Verdict, ValidatorError>): Finding => {
  if (Exit.isSuccess(validation)) return ofVerdict(validation.value)
  const error = validation.cause.reasons.find(Cause.isFailReason)?.error
  return error === undefined ? ofDefect(validation.cause) : ofError(error)
}

const failure = (
  error_type: ErrorType,
  error: string,
  evidence: Evidence | null,
  retry_after: Duration.Duration | null = null
): Failure => ({ _tag: "Failure", error_type, error, retry_after, evidence })

/** Known without asking the chain. Anybody can pay to any address: it is nobody's money until it is somebody's. */
export const addressUnknown: Failure = failure(
  "permanent",
  "the address is not registered for this tenant: register it (`surehook addresses add`, or POST /v1/addresses) and replay the deposit",
  null
)

const ofVerdict = (verdict: Verdict): Finding => {
  switch (verdict._tag) {
    case "Confirmed":
      return { _tag: "Confirmed", verdict }
    case "NotFinal":
      return { _tag: "NotFinal", verdict }
    case "NotFound":
      return failure("transient", "the chain does not know this transaction yet", verdict.evidence)
    case "Reverted":
      return failure(
        "permanent",
        "the transaction reverted: it is on chain and moved nothing",
        verdict.evidence
      )
    case "Mismatch":
      return failure("permanent", verdict.reason, {
        ...verdict.evidence,
        expected: verdict.expected,
        found: verdict.found
      })
  }
}

const ofError = (error: ValidatorError): Finding => {
  switch (error._tag) {
    case "CircuitsOpen":
      return {
        _tag: "CircuitsOpen",
        retry_after: Duration.millis(error.retry_after_ms),
        ...(error.reason === undefined ? {} : { reason: error.reason })
      }
    case "RpcFailure":
      return failure(
        "rpc_failure",
        error.message,
        { endpoint: error.endpoint },
        error.retry_after_ms === null ? null : Duration.millis(error.retry_after_ms)
      )
    case "RpcRefused":
      return failure("permanent", error.message, { endpoint: error.endpoint })
    case "ChainUnknown":
      return failure("permanent", error.message, null)
  }
}

/** Only its name: the message of an unforeseen error may hold anything. The log has the rest. */
const ofDefect = (cause: Cause.Cause<unknown>): Failure => {
  const defect = Cause.squash(cause)
  const name = defect instanceof Error ? defect.name : typeof defect
  return failure("unknown", `an unexpected error (${name}) in the validator: see the log`, null)
}
