/** The job that a path names, if its caller may see it. */
import { Effect } from "effect"
import type { JobQueries } from "../deposits/job-queries.ts"
import { jobIdFromText } from "../domain/ids.ts"
import { Caller, maySee } from "./authorization.ts"
import { NotFound } from "./problems.ts"

/** Another tenant's job is answered like one that does not exist. */
export const visibleJobOf = (queries: JobQueries["Service"]) =>
  Effect.fnUntraced(function* (text: string) {
    const id = jobIdFromText(text)
    const job = id === undefined ? undefined : yield* queries.find(id)
    const caller = yield* Caller
    if (job === undefined || !maySee(caller, job.tenant_id)) {
      return yield* new NotFound({
        detail: "there is no such job: job_id is what the answer to the webhook says"
      })
    }
    return job
  })
