/**
 * `audit_logs`: what people and the service did beside the deposits' own events. Append-only.
 *
 * An entry is written in the transaction of what it tells of, so that neither is there without the other.
 */
import type { PgClient } from "@effect/sql-pg"
import { Clock, Effect, type Schema } from "effect"
import { jsonTexts, texts, uuids } from "./columns.ts"
import { storable } from "./storable.ts"

export interface AuditEntry {
  /** What was done, such as `recover_deposit`. */
  readonly action: string
  /** Who did it: `operator:ann`, `reconciler:host-1`. */
  readonly actor: string
  readonly tenant_id?: string
  readonly job_id?: string
  /** As the person who did it gave it. */
  readonly reason?: string
  readonly details?: Schema.JsonObject
}

export const appendAudit = Effect.fnUntraced(function* (
  sql: PgClient.PgClient,
  entries: ReadonlyArray<AuditEntry>
) {
  if (entries.length === 0) return
  const now = new Date(yield* Clock.currentTimeMillis)
  yield* sql`
    INSERT INTO audit_logs (action, actor, tenant_id, job_id, reason, details, recorded_at)
    SELECT action, actor, tenant_id, job_id, reason, details, ${now} FROM unnest(
      ${texts(entries.map(({ action }) => action))},
      ${texts(entries.map(({ actor }) => storable(actor)))},
      ${texts(entries.map(({ tenant_id = null }) => tenant_id))},
      ${uuids(entries.map(({ job_id = null }) => job_id))},
      ${texts(entries.map(({ reason = null }) => storable(reason)))},
      ${jsonTexts(entries.map(({ details = {} }) => storable(details)))}::jsonb[]
    ) AS entry (action, actor, tenant_id, job_id, reason, details)`
})
