/** Jobs in the dead-letter queue, brought there by their own events. */
import { assert } from "@effect/vitest"
import { Clock, Effect } from "effect"
import type { DepositTransition, ErrorType } from "../../machines/deposit-events.ts"
import { Deposits, type ReceivedClaim } from "../../src/deposits/deposits.ts"
import { advance, type Job, TransitionRefused } from "../../src/deposits/job.ts"
import { newJobs } from "./jobs.ts"

export const worker = "w1"

/** The same event for each of the jobs, appended. */
export const advanceAll = (
  jobs: ReadonlyArray<Job>,
  event: (job: Job, recorded_at: string) => DepositTransition
) =>
  Effect.gen(function* () {
    const recorded_at = new Date(yield* Clock.currentTimeMillis).toISOString()
    const advances = jobs.map((job) => {
      const made = advance(job, event(job, recorded_at), `worker:${worker}`)
      return made instanceof TransitionRefused ? assert.fail(made.message) : made
    })
    assert.strictEqual((yield* (yield* Deposits).append(advances)).size, jobs.length)
    return advances.map(({ job }) => job)
  })

export const startAll = (jobs: ReadonlyArray<Job>) =>
  advanceAll(jobs, ({ state: { context } }, recorded_at) => ({
    type: "processing.started",
    recorded_at,
    attempt: context.attempt_count + 1,
    worker,
    lease_until: new Date(Date.parse(recorded_at) + 60_000).toISOString()
  }))

/** Received with a single attempt each, which failed. */
export const deadLettered = (
  claims: ReadonlyArray<ReceivedClaim>,
  error_type: ErrorType = "permanent",
  error = "it cannot be"
) =>
  Effect.gen(function* () {
    const jobs = yield* newJobs(claims.map((claim) => ({ ...claim, max_attempts: 1 })))
    return yield* advanceAll(yield* startAll(jobs), (_, recorded_at) => ({
      type: "attempt.failed",
      recorded_at,
      error_type,
      error,
      next_retry_at: null,
      evidence: null
    }))
  })
