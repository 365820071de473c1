/** The API's one definition: its handlers, its OpenAPI document and its clients are made from it. */
import { Schema } from "effect"
import { HttpApi, HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { addresses } from "./addresses-api.ts"
import { Authorization } from "./authorization.ts"
import { health } from "./health-api.ts"
import { AmbiguousProblem, NotFoundProblem, UnavailableProblem } from "./problems.ts"

const Time = Schema.String.annotate({ description: "ISO 8601, UTC, milliseconds" })
const NullableTime = Schema.NullOr(Time)
const NullableText = Schema.NullOr(Schema.String)

/** A row of `funding_event_jobs`. */
export const JobView = Schema.Struct({
  id: Schema.String,
  tenant_id: Schema.String,
  environment: Schema.String,
  source: Schema.String,
  chain: Schema.String,
  tx_hash: Schema.String,
  token: Schema.String,
  amount: Schema.String.annotate({ description: "decimal, in whole tokens" }),
  to_address: Schema.String,
  transfer_index: Schema.NullOr(Schema.Int),
  transfer_key: Schema.String,
  status: Schema.Literals(["pending", "processing", "failed", "dlq", "completed"]),
  sub_state: NullableText,
  sequence: Schema.Int,
  priority: Schema.Int,
  attempt_count: Schema.Int,
  max_attempts: Schema.Int,
  last_error: NullableText,
  error_type: NullableText,
  failure_reason: NullableText,
  first_seen_at: Time,
  last_attempt_at: NullableTime,
  next_retry_at: NullableTime,
  completed_at: NullableTime,
  moved_to_dlq_at: NullableTime,
  lease_until: NullableTime,
  leased_by: NullableText,
  provider_report: Schema.Literals(["seen", "confirmed", "removed", "dropped"]),
  ledger_transaction_id: NullableText,
  webhook_payload: Schema.Json,
  trace_parent: NullableText
})

/** A row of `deposit_events`. Hashes are hex; see CONTRIBUTING.md on how to recompute them. */
export const EventView = Schema.Struct({
  job_id: Schema.String,
  sequence: Schema.Int,
  type: Schema.String,
  schema_version: Schema.Int,
  from_state: NullableText,
  to_state: Schema.String,
  actor: Schema.String,
  trace_id: NullableText,
  recorded_at: Time,
  data: Schema.JsonObject,
  previous_hash: Schema.String,
  hash: Schema.String
})

const jobs = HttpApiGroup.make("jobs")
  .add(
    HttpApiEndpoint.get("get", "/v1/jobs/:job_id", {
      params: { job_id: Schema.String },
      success: JobView,
      error: [NotFoundProblem, UnavailableProblem]
    }),
    HttpApiEndpoint.get("events", "/v1/jobs/:job_id/events", {
      params: { job_id: Schema.String },
      success: Schema.Struct({ events: Schema.Array(EventView) }),
      error: [NotFoundProblem, UnavailableProblem]
    })
  )
  .middleware(Authorization)

const accounts = HttpApiGroup.make("accounts")
  .add(
    HttpApiEndpoint.get("balances", "/v1/accounts/:chain/:address", {
      params: { chain: Schema.String, address: Schema.String },
      query: {
        tenant_id: Schema.optionalKey(Schema.String),
        environment: Schema.optionalKey(Schema.String)
      },
      success: Schema.Struct({
        account_reference: NullableText.annotate({
          description: "whose the address is; null if it is not registered"
        }),
        balances: Schema.Array(Schema.Struct({ token: Schema.String, amount: Schema.String }))
      }),
      error: [NotFoundProblem, AmbiguousProblem, UnavailableProblem]
    })
  )
  .middleware(Authorization)

export class Api extends HttpApi.make("surehook")
  .add(jobs, accounts, addresses, health)
  .annotateMerge(OpenApi.annotations({ title: "Surehook" })) {}
