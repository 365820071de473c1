/** Posts a provider's call, and reads what the service answers. */
import { Effect, Schema } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { JobId } from "../domain/ids.ts"
import type { Call } from "./demo-chain.ts"

/** What the service answered to one delivery. */
export type Answer =
  | {
      readonly _tag: "Taken"
      readonly status: "accepted" | "duplicate" | "ignored"
      readonly job_ids: ReadonlyArray<JobId>
      /** Why something in it is no deposit. */
      readonly detail: string | null
    }
  | { readonly _tag: "Refused"; readonly status: number; readonly detail: string }

const Taken = Schema.Struct({
  status: Schema.Literals(["accepted", "duplicate", "ignored"]),
  jobs: Schema.Array(Schema.Struct({ job_id: JobId })),
  ignored: Schema.optionalKey(
    Schema.Array(Schema.Struct({ reason: Schema.String, detail: Schema.String }))
  )
})
const Problem = Schema.Struct({
  detail: Schema.String,
  errors: Schema.optionalKey(
    Schema.Array(Schema.Struct({ path: Schema.String, message: Schema.String }))
  )
})
const decodeTaken = Schema.decodeUnknownEffect(Taken)
const decodeProblem = Schema.decodeUnknownEffect(Problem)

/** Sends one copy. */
export const deliver = Effect.fnUntraced(function* (url: string, { body, headers }: Call) {
  const client = yield* HttpClient.HttpClient
  const response = yield* client.execute(
    HttpClientRequest.post(url).pipe(
      HttpClientRequest.setHeaders(headers),
      HttpClientRequest.bodyUint8Array(body, "application/json")
    )
  )
  const json = yield* response.json
  if (response.status === 200) {
    const { ignored = [], jobs, status } = yield* decodeTaken(json)
    const reasons = ignored.map(({ detail, reason }) => `${reason}: ${detail}`)
    return {
      _tag: "Taken",
      status,
      job_ids: jobs.map(({ job_id }) => job_id),
      detail: reasons.length === 0 ? null : reasons.join("; ")
    } satisfies Answer
  }
  const { detail, errors = [] } = yield* decodeProblem(json)
  const fields = errors.map(({ path, message }) => `${path}: ${message}`)
  return {
    _tag: "Refused",
    status: response.status,
    detail: fields.length === 0 ? detail : fields.join("; ")
  } satisfies Answer
})
