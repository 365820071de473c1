/** One tenant's huge backlog, and a few deposits of another beside it. */
import { PgClient } from "@effect/sql-pg"
import { assert, it } from "@effect/vitest"
import { Clock, Duration, Effect, Layer } from "effect"
import { SecureRandom } from "effect/crypto"
import { Deposits } from "../../src/deposits/deposits.ts"
import { TenantId } from "../../src/domain/ids.ts"
import { localchain, receive, received } from "../deposits/jobs.ts"
import { awaitState } from "../support/await.ts"
import { TestDatabase } from "../support/postgres.ts"
import { confirmAll, validatorOf } from "../support/scripted-validator.ts"
import { startService } from "../support/service.ts"

const backlog = 100_000
const limit = Duration.seconds(2)

const stores = Deposits.layer.pipe(
  Layer.provide(SecureRandom.layerWebCrypto),
  Layer.provideMerge(TestDatabase.layer)
)

/** Copies of one deposit, each with a transaction of its own: as many webhooks would take a minute. */
const fillBacklog = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  yield* receive([received({}, { tenant_id: TenantId.make("huge") })])
  yield* sql`
    WITH copy AS (
      INSERT INTO funding_event_jobs (
        id, tx_hash, tenant_id, environment, source, chain, token, amount, to_address, transfer_key,
        status, sequence, head_hash, priority, attempt_count, max_attempts, first_seen_at,
        webhook_payload)
      SELECT gen_random_uuid(), '0x' || lpad(to_hex(n), 64, '0'), tenant_id, environment, source, chain,
             token, amount, to_address, transfer_key, status, sequence, head_hash, priority,
             attempt_count, max_attempts, first_seen_at, webhook_payload
      FROM funding_event_jobs, generate_series(1, ${backlog}) AS n
      RETURNING id
    )
    INSERT INTO deposit_events (
      job_id, sequence, type, schema_version, data, from_state, to_state, actor, recorded_at,
      previous_hash, hash)
    SELECT copy.id, sequence, type, schema_version, data, from_state, to_state, actor, recorded_at,
           previous_hash, hash
    FROM deposit_events, copy`
  yield* sql`ANALYZE funding_event_jobs`
})

const countOf = (tenant: string, status: string) =>
  Effect.gen(function* () {
    const sql = yield* PgClient.PgClient
    const [row] = yield* sql<{ count: number }>`
      SELECT count(*)::integer AS count FROM funding_event_jobs
      WHERE tenant_id = ${tenant} AND status = ${status}`
    return row?.count ?? 0
  })

it.live(
  "ten deposits of one tenant are done within two seconds of the poll, beside 100,000 of another",
  () =>
    Effect.gen(function* () {
      const { url: databaseUrl } = yield* TestDatabase
      yield* fillBacklog
      yield* startService({
        databaseUrl,
        validator: validatorOf(confirmAll, Effect.succeed([localchain])),
        env: { FUNDING_RECONCILIATION_ENABLED: "false" }
      })
      yield* awaitState("work on the backlog", countOf("huge", "completed"), (count) => count > 100)
      yield* receive(
        Array.from({ length: 10 }, () => received({}, { tenant_id: TenantId.make("small") }))
      )
      const since = yield* Clock.currentTimeMillis
      yield* awaitState("their credit", countOf("small", "completed"), (count) => count === 10)
      const passed = (yield* Clock.currentTimeMillis) - since
      assert.isBelow(passed, Duration.toMillis(limit))
      assert.isAbove(yield* countOf("huge", "pending"), backlog / 2)
    }).pipe(Effect.scoped, Effect.provide(stores), Effect.orDie),
  60_000
)
