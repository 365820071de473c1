/** Follows a deposit through the API until it is settled. */
import { Console, Duration, Effect, type Redacted, Schema } from "effect"
import { HttpClientRequest } from "effect/http"
import { JobView } from "../../api/api.ts"
import type { Source, SurehookConfig } from "../../config/surehook-config.ts"
import { type CommandRefused, refuse } from "../failure.ts"
import { faultText, stateName, timeText } from "./job-text.ts"
import { ask, refusal } from "./service-client.ts"

const patience = Duration.seconds(60)
const pollInterval = Duration.millis(300)

/** A token of the config that may see the source's jobs. */
export const tokenFor = (
  { apiTokens }: SurehookConfig["Service"],
  { tenant_id }: Source
): Effect.Effect<Redacted.Redacted<string>, CommandRefused> => {
  const found = apiTokens.find(({ tenants }) => tenants === null || tenants.has(tenant_id))
  return found === undefined
    ? refuse(`--wait asks the API, and api.tokens has no token that may see ${tenant_id}.`)
    : Effect.succeed(found.token)
}

type Job = typeof JobView.Type

const Answer = Schema.fromJsonString(JobView)

const readJob = Effect.fnUntraced(function* (
  url: string,
  token: Redacted.Redacted<string>,
  id: string
) {
  const answer = yield* ask(
    url,
    HttpClientRequest.get(`${url}/v1/jobs/${id}`).pipe(HttpClientRequest.bearerToken(token))
  )
  return yield* Effect.catch(Schema.decodeEffect(Answer)(answer.text), () =>
    refuse(refusal(answer))
  )
})

const isSettled = ({ status, sub_state }: Job): boolean =>
  status === "completed" || status === "dlq" || sub_state === "settled"

const line = (job: Job): string => {
  const fault = faultText(job)
  return [
    stateName(job),
    ...(job.attempt_count === 0 ? [] : [`attempt ${job.attempt_count} of ${job.max_attempts}`]),
    ...(fault === undefined ? [] : [fault]),
    ...(job.next_retry_at === null ? [] : [`looks again at ${timeText(job.next_retry_at)}`])
  ].join(", ")
}

/** Prints each change; fails if the deposit ends without a credit, or does not end in time. */
export const waitUntilSettled = (url: string, token: Redacted.Redacted<string>, id: string) =>
  Effect.gen(function* () {
    let shown = ""
    while (true) {
      const job = yield* readJob(url, token, id)
      if (line(job) !== shown) {
        shown = line(job)
        yield* Console.log(`  ${shown}`)
      }
      if (isSettled(job)) return job
      yield* Effect.sleep(pollInterval)
    }
  }).pipe(
    Effect.timeoutOrElse({
      duration: patience,
      orElse: () =>
        refuse(
          `It is not settled after ${Duration.format(patience)}. Later: npm run surehook -- jobs show ${id}`
        )
    }),
    Effect.flatMap(({ status }) =>
      status === "completed"
        ? Effect.void
        : refuse(`It was not credited: npm run surehook -- jobs show ${id} tells why.`)
    )
  )
