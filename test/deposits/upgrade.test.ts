/** Deposits that an older version received go on under this one. */
import { copyFileSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { PgClient } from "@effect/sql-pg"
import { assert, it } from "@effect/vitest"
import { Duration, Effect, Layer, Result } from "effect"
import { SecureRandom } from "effect/crypto"
import type { DepositEvent } from "../../machines/deposit-events.ts"
import { fold, stateName } from "../../src/deposits/deposit-state.ts"
import { Deposits } from "../../src/deposits/deposits.ts"
import { advance, TransitionRefused } from "../../src/deposits/job.ts"
import { eventFromRecord } from "../../src/deposits/recorded-event.ts"
import { ChainName } from "../../src/domain/chain.ts"
import { JobId } from "../../src/domain/ids.ts"
import { insertEvents, readEvents } from "../../src/event-log/event-log.ts"
import { chainEvent, genesisHash } from "../../src/event-log/event-record.ts"
import { layer as clientLayer } from "../../src/postgres/client.ts"
import { migrateUp, migrationsDir } from "../../src/postgres/migrator.ts"
import * as a from "../machines/deposit-samples.ts"
import { makeTestDatabase } from "../support/postgres.ts"
import { readJobs } from "./jobs.ts"

/** Up to version 2, which knew no reports of providers. */
const olderMigrations = Effect.acquireRelease(
  Effect.sync(() => {
    const dir = mkdtempSync(join(tmpdir(), "surehook-older-"))
    for (const file of readdirSync(migrationsDir).filter((name) => /^00[12]_/.test(name))) {
      copyFileSync(join(migrationsDir, file), join(dir, file))
    }
    return dir
  }),
  (dir) => Effect.sync(() => rmSync(dir, { recursive: true, force: true }))
)

const depositsOver = Deposits.layer.pipe(Layer.provide(SecureRandom.layerWebCrypto))

it.effect("a deposit that version 1 received is worked on, and its whole log folds", () =>
  Effect.gen(function* () {
    const { url } = yield* makeTestDatabase("template0")
    const older = yield* olderMigrations
    yield* Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      yield* migrateUp(older)
      const { type, recorded_at, ...data } = a.received()
      const first = chainEvent(genesisHash, {
        type,
        recorded_at,
        data,
        job_id: JobId.make("0197a000-0000-7000-8000-000000000001"),
        sequence: 1,
        schema_version: 1,
        from_state: null,
        to_state: "pending",
        actor: "source:main",
        trace_id: null
      })
      yield* sql`
        INSERT INTO funding_event_jobs ${sql.insert({
          id: first.job_id,
          tenant_id: data.tenant_id,
          environment: data.environment,
          source: data.source,
          tx_hash: data.tx_hash,
          chain: data.chain,
          token: data.token,
          amount: data.amount,
          to_address: data.to_address,
          transfer_index: data.transfer_index,
          transfer_key: "-",
          status: "pending",
          sequence: 1,
          head_hash: Buffer.from(first.hash, "hex"),
          priority: data.priority,
          attempt_count: 0,
          max_attempts: data.max_attempts,
          first_seen_at: new Date(recorded_at),
          webhook_payload: "{}"
        })}`
      yield* insertEvents(sql, [first], sql`SELECT ${first.job_id}::uuid AS id`)

      yield* migrateUp()
      const deposits = yield* Deposits
      const [job] = yield* deposits.claim({
        worker: "w1",
        chains: [ChainName.make(data.chain)],
        limit: 1,
        lease: Duration.minutes(1)
      })
      if (job === undefined) return assert.fail("it was not claimed")
      const credited = advance(job, a.credited({ recorded_at: a.at(1) }), "worker:w1")
      if (credited instanceof TransitionRefused) return assert.fail(credited.message)
      yield* deposits.append([credited])

      const events = (yield* readEvents(sql, job.id)).map(
        (record): DepositEvent => Result.getOrThrow(eventFromRecord(record))
      )
      const folded = fold(events)
      if ("refusedAt" in folded) return assert.fail(`event ${folded.refusedAt} is refused`)
      const [row] = yield* readJobs([job.id])
      assert.strictEqual(stateName(folded.state), "completed.watching")
      assert.deepStrictEqual(row?.state, folded.state)
    }).pipe(
      Effect.provide(depositsOver.pipe(Layer.provideMerge(clientLayer({ url, maxConnections: 2 }))))
    )
  }).pipe(Effect.scoped)
)
