/**
 * When a failed attempt is tried again.
 *
 *     attempt        1     2     3     4    …
 *     transient     2 s   4 s   8 s  16 s  …    2^n seconds
 *     unknown        the same
 *     rpc_failure  30 s  60 s  2 min 4 min …    an endpoint in trouble is left alone longer
 *
 * each ±20 % jitter, at most 30 minutes. A longer `Retry-After` is honoured up to an hour.
 * `permanent` is not retried.
 */
import { Duration, Effect, Pull, Schedule } from "effect"
import type { ErrorType } from "../../machines/deposit-events.ts"

const baseDelay = Duration.seconds(2)
const rpcFailureBaseDelay = Duration.seconds(30)
const maxDelay = Duration.minutes(30)
const maxRetryAfter = Duration.hours(1)

export interface FailedAttempt {
  readonly error_type: ErrorType
  /** What the endpoint asked for, or null. */
  readonly retry_after: Duration.Duration | null
}

const rpcFailureFactor = Duration.toMillis(rpcFailureBaseDelay) / Duration.toMillis(baseDelay)

/** The whole policy as one schedule: its n-th delay follows the n-th failed attempt. */
export const retrySchedule = Schedule.exponential(baseDelay).pipe(
  Schedule.setInputType<FailedAttempt>(),
  Schedule.modifyDelay(({ duration, input }) =>
    Effect.succeed(
      input.error_type === "rpc_failure" ? Duration.times(duration, rpcFailureFactor) : duration
    )
  ),
  Schedule.jittered,
  Schedule.modifyDelay(({ duration, input }) =>
    Effect.succeed(
      Duration.max(
        Duration.min(duration, maxDelay),
        Duration.min(input.retry_after ?? Duration.zero, maxRetryAfter)
      )
    )
  )
)

/** The delay after attempt `attempt` (1…) failed. */
export const nextDelay = Effect.fnUntraced(
  function* (attempt: number, failed: FailedAttempt) {
    const step = yield* Schedule.toStep(retrySchedule)
    let delay = Duration.zero
    for (let n = 1; n <= attempt; n++) {
      const [, next] = yield* step(0, failed)
      delay = next
    }
    return delay
  },
  Pull.catchDone(() => Effect.die("the retry schedule never ends"))
)
