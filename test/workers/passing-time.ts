/** Time in the test's hands, while workers do their work. */
import { assert } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { TestClock } from "effect/testing"
import type { Job } from "../../src/deposits/job.ts"
import type { JobId } from "../../src/domain/ids.ts"
import { readJobs } from "../deposits/jobs.ts"

/** Lets time pass in steps until the jobs are as they should be; fails after `limit` of it. */
export const passTimeUntil = (
  ids: ReadonlyArray<JobId>,
  isSo: (job: Job) => boolean,
  limit: Duration.Input = "30 minutes"
) =>
  Effect.gen(function* () {
    const stepMillis = 100
    for (let passed = 0; ; passed += stepMillis) {
      const jobs = yield* readJobs(ids)
      if (jobs.length === ids.length && jobs.every(isSo)) return jobs
      if (passed > Duration.toMillis(Duration.fromInputUnsafe(limit))) {
        const states = jobs.map(({ state }) => `${state.status} ${state.context.last_error}`)
        return assert.fail(`after ${passed / 1000} s: ${states.join(", ")}`)
      }
      yield* TestClock.adjust(stepMillis)
    }
  })
