/** Jobs and events as the API shows them. */
import { Schema } from "effect"

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
  lost_worker_count: Schema.Int.annotate({
    description: "workers lost in a row while they held it"
  }),
  last_error: NullableText,
  error_type: NullableText,
  failure_reason: NullableText,
  settled_because: Schema.NullOr(
    Schema.Literals(["not_seen", "reversed", "reverted", "discarded"])
  ).annotate({ description: "what ended it in failed.settled" }),
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
