/** What /healthz and /readyz tell an orchestrator, a load balancer and an operator. */
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Deferred, Duration, Effect, Fiber, Redacted, Ref, Schema } from "effect"
import type { Circuit } from "../../src/chains/validator.ts"
import { Manager } from "../../src/manager/manager.ts"
import { Workers } from "../../src/workers/workers.ts"
import { localchain } from "../deposits/jobs.ts"
import { send } from "../support/api.ts"
import { awaitState } from "../support/await.ts"
import { ownServer } from "../support/own-server.ts"
import { TestDatabase } from "../support/postgres.ts"
import { confirmAll, confirmed, type Script, validatorOf } from "../support/scripted-validator.ts"
import { type ServiceOptions, startService } from "../support/service.ts"
import { request } from "../support/webhooks.ts"

const Part = Schema.StructWithRest(Schema.Struct({ status: Schema.String }), [
  Schema.Record(Schema.String, Schema.Json)
])

const Health = Schema.Struct({
  status: Schema.Union([Schema.String, Schema.Int]),
  detail: Schema.optionalKey(Schema.String),
  parts: Schema.Record(Schema.String, Part)
})

const healthOf = (url: string) =>
  Effect.map(request(url), ({ status, json, headers }) => {
    const { parts, ...body } = Schema.decodeUnknownSync(Health)(json)
    return { httpStatus: status, type: headers.get("content-type"), ...body, parts }
  })

const isReady = ({ httpStatus }: { readonly httpStatus: number }) => httpStatus === 200

const onlyChain = Effect.succeed([localchain])

const startHere = (options: Partial<ServiceOptions> = {}, script: Script = confirmAll) =>
  Effect.gen(function* () {
    const { url } = yield* TestDatabase
    const service = yield* startService({
      databaseUrl: url,
      env: { FUNDING_WORKER_COUNT: "3" },
      validator: validatorOf(script, onlyChain),
      ...options
    })
    return {
      url: service.url,
      alive: healthOf(`${service.url}/healthz`),
      ready: healthOf(`${service.url}/readyz`),
      manager: Context.get(service.context, Manager),
      workers: Context.get(service.context, Workers)
    }
  })

const claim = {
  chain: localchain,
  tx_hash: `0x${"7".repeat(64)}`,
  token: "ETH",
  amount: "1",
  to_address: `0x${"c".repeat(40)}`
}

layer(TestDatabase.layer, { excludeTestServices: true })("a service", (it) => {
  it.effect("that is well says so of each of its parts, without a token", () =>
    Effect.gen(function* () {
      const { alive, ready } = yield* startHere()
      const living = yield* alive
      assert.strictEqual(living.httpStatus, 200)
      assert.strictEqual(living.status, "ok")
      assert.deepStrictEqual(living.parts, {
        workers: { status: "ok" },
        reconciler: { status: "ok" }
      })
      const found = yield* awaitState(
        "a reconciliation",
        ready,
        ({ parts }) => parts.reconciliation?.last_completed_at != null
      )
      assert.strictEqual(found.httpStatus, 200)
      assert.strictEqual(found.status, "ready")
      assert.deepStrictEqual(found.parts, {
        manager: { status: "ok" },
        database: { status: "ok" },
        migrations: { status: "ok" },
        workers: { status: "ok", expected: 3, alive: 3, restarts: 0 },
        reconciliation: {
          status: "ok",
          last_completed_at: found.parts.reconciliation?.last_completed_at ?? null
        },
        circuits: { status: "ok", open: [], half_open: [] }
      })
    }).pipe(Effect.scoped)
  )

  it.effect("without workers is well where the settings say so", () =>
    Effect.gen(function* () {
      const { alive, ready } = yield* startHere({
        env: { FUNDING_WORKER_ENABLED: "false", FUNDING_RECONCILIATION_ENABLED: "false" }
      })
      assert.deepStrictEqual((yield* alive).parts, {
        workers: { status: "disabled" },
        reconciler: { status: "disabled" }
      })
      assert.strictEqual((yield* alive).httpStatus, 200)
      const found = yield* ready
      assert.strictEqual(found.httpStatus, 200)
      assert.strictEqual(found.parts.workers?.status, "disabled")
    }).pipe(Effect.scoped)
  )

  it.effect("whose workers stopped by themselves is not alive, but takes webhooks still", () =>
    Effect.gen(function* () {
      const { alive, ready, workers } = yield* startHere()
      yield* workers.shutdown(Duration.seconds(5))
      const dead = yield* alive
      assert.strictEqual(dead.httpStatus, 503)
      assert.strictEqual(dead.type, "application/problem+json")
      assert.strictEqual(dead.status, 503)
      assert.include(dead.detail, "workers")
      assert.deepStrictEqual(dead.parts, {
        workers: { status: "dead" },
        reconciler: { status: "ok" }
      })
      const found = yield* ready
      assert.strictEqual(found.httpStatus, 200)
      assert.deepInclude(found.parts.workers, { status: "dead", alive: 0 })
      yield* workers.start
      assert.strictEqual((yield* alive).httpStatus, 200)
    }).pipe(Effect.scoped)
  )

  it.effect("shows a worker that died, and that it came back", () =>
    Effect.gen(function* () {
      const deaths = yield* Ref.make(1)
      const claimable = Effect.flatMap(
        Ref.getAndUpdate(deaths, (left) => left - 1),
        (left) => (left > 0 ? Effect.die(new Error("dies")) : onlyChain)
      )
      const { alive, ready } = yield* startHere({ validator: validatorOf(confirmAll, claimable) })
      const workersOf = Effect.map(ready, ({ parts }) => parts.workers)
      const died = yield* awaitState("a death", workersOf, (workers) => workers?.alive === 2)
      assert.strictEqual(died?.status, "degraded")
      assert.strictEqual((yield* alive).httpStatus, 200)
      const back = yield* awaitState("a restart", workersOf, (workers) => workers?.alive === 3)
      assert.deepStrictEqual(back, { status: "ok", expected: 3, alive: 3, restarts: 1 })
    }).pipe(Effect.scoped)
  )

  it.effect("with open circuits says which, and is ready: webhooks can be taken", () =>
    Effect.gen(function* () {
      const circuits = yield* Ref.make<ReadonlyArray<Circuit>>([
        { chain: localchain, endpoint: "a.example#0", state: "open" },
        { chain: localchain, endpoint: "b.example#1", state: "half_open" },
        { chain: localchain, endpoint: "c.example#2", state: "closed" }
      ])
      const validator = validatorOf(confirmAll, onlyChain, Ref.get(circuits))
      const { ready } = yield* startHere({ validator })
      const found = yield* ready
      assert.strictEqual(found.httpStatus, 200)
      assert.deepStrictEqual(found.parts.circuits, {
        status: "degraded",
        open: ["localchain/a.example#0"],
        half_open: ["localchain/b.example#1"]
      })
      yield* Ref.set(circuits, [])
      assert.strictEqual((yield* ready).parts.circuits?.status, "ok")
    }).pipe(Effect.scoped)
  )

  it.effect("turns traffic away while it shuts down, and is alive until it has finished", () =>
    Effect.gen(function* () {
      const asked = yield* Deferred.make<void>()
      const answer = yield* Deferred.make<void>()
      const { url, alive, ready, manager } = yield* startHere({}, (claim) =>
        Deferred.succeed(asked, undefined).pipe(
          Effect.andThen(Deferred.await(answer)),
          Effect.as(confirmed(claim))
        )
      )
      yield* send(url, claim)
      yield* Deferred.await(asked)
      const stopping = yield* Effect.forkChild(manager.shutdown(Duration.seconds(20)))
      const away = yield* awaitState("a refusal", ready, (found) => !isReady(found))
      assert.strictEqual(away.httpStatus, 503)
      assert.include(away.detail, "manager stopping")
      assert.strictEqual(away.parts.manager?.status, "stopping")
      assert.strictEqual(away.parts.database?.status, "ok")
      assert.strictEqual(away.parts.workers?.status, "stopping")
      assert.strictEqual((yield* alive).httpStatus, 200)
      yield* Deferred.succeed(answer, undefined)
      assert.isTrue(yield* Fiber.join(stopping))
      assert.include((yield* ready).detail, "manager stopped")
      assert.strictEqual((yield* alive).httpStatus, 200)
    }).pipe(Effect.scoped)
  )

  it.effect("is not ready before each migration is applied, and tells which are not", () =>
    Effect.gen(function* () {
      const { ready } = yield* startHere()
      const sql = yield* PgClient.PgClient
      const [last] = yield* sql<{ version: number; name: string; checksum: string }>`
        DELETE FROM schema_migrations
        WHERE version = (SELECT max(version) FROM schema_migrations)
        RETURNING version, name, checksum`
      if (last === undefined) return assert.fail()
      const pending = yield* ready
      assert.strictEqual(pending.httpStatus, 503)
      assert.include(pending.detail, "migrations pending")
      const file = `${`${last.version}`.padStart(3, "0")}_${last.name}`
      assert.deepStrictEqual(pending.parts.migrations, { status: "pending", pending: [file] })

      yield* sql`INSERT INTO schema_migrations ${sql.insert([last, { ...last, version: 900 }])}`
      const newer = yield* ready
      // As it is everywhere while a newer version is rolled out.
      assert.strictEqual(newer.httpStatus, 200)
      assert.deepStrictEqual(newer.parts.migrations, {
        status: "newer",
        newer: [`900_${last.name}`]
      })
    }).pipe(Effect.scoped)
  )
})

describe("a service whose database goes away", () => {
  it.live(
    "is not ready, says why and nothing secret, lives on, and is ready again when it is back",
    () =>
      Effect.gen(function* () {
        const server = yield* ownServer
        const { url } = yield* startService({
          databaseUrl: server.url,
          validator: validatorOf(confirmAll, onlyChain)
        })
        const ready = healthOf(`${url}/readyz`)
        assert.strictEqual((yield* ready).httpStatus, 200)
        yield* server.stop
        const away = yield* ready
        assert.strictEqual(away.httpStatus, 503)
        assert.strictEqual(away.type, "application/problem+json")
        assert.strictEqual(
          away.detail,
          "no traffic may be sent: database unreachable, migrations unknown"
        )
        assert.deepStrictEqual(away.parts.database, { status: "unreachable" })
        const { password, port } = new URL(Redacted.value(server.url))
        const text = JSON.stringify(away)
        assert.isNotEmpty(password)
        for (const secret of [password, port, "postgres:"]) assert.notInclude(text, secret)
        assert.strictEqual((yield* healthOf(`${url}/healthz`)).httpStatus, 200)
        yield* server.start
        yield* awaitState("readiness", ready, isReady)
      }).pipe(Effect.scoped),
    60_000
  )
})
