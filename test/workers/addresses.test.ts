/** Deposits to addresses that nobody registered: refused or credited, as their tenant's rule says. */
import { PgClient } from "@effect/sql-pg"
import { assert, describe, layer } from "@effect/vitest"
import { Context, Deferred, Effect, Fiber, Layer, Ref } from "effect"
import { Addresses } from "../../src/addresses/addresses.ts"
import { Deposits } from "../../src/deposits/deposits.ts"
import { advance, TransitionRefused } from "../../src/deposits/job.ts"
import { JobId, SourceId, TenantId } from "../../src/domain/ids.ts"
import { localchain, newJobs, readJobs, received } from "../deposits/jobs.ts"
import { awaitStatus, balancesOf, eventsOf, get, jobOf } from "../support/api.ts"
import { awaitState } from "../support/await.ts"
import { TestDatabase } from "../support/postgres.ts"
import { confirmAll, type Script, validatorOf } from "../support/scripted-validator.ts"
import { configOf, operatorToken, type RunningService, startService } from "../support/service.ts"
import { deliver, request } from "../support/webhooks.ts"
import { passTimeUntil } from "./passing-time.ts"
import { hasStatus, startWorkers, test, typesOf } from "./running-workers.ts"

const { sources } = configOf([])
const [main] = sources.values()

/** Each has a source of its name. `open` and `strict` say what they want; the others say nothing. */
const tenants = ["acme", "globex", "initech", "open", "strict"] as const
type Tenant = (typeof tenants)[number]

const unknownAddresses = new Map([
  [TenantId.make("open"), "open"],
  [TenantId.make("strict"), "reject"]
] as const)

/** A service on a chain that confirms everything. */
class Service extends Context.Service<Service, RunningService>()("test/Service") {
  static readonly layer = Layer.effect(
    Service,
    Effect.gen(function* () {
      const { url } = yield* TestDatabase
      if (main === undefined) return assert.fail()
      return yield* startService({
        databaseUrl: url,
        sources: tenants.map((tenant) => ({
          ...main,
          id: SourceId.make(tenant),
          tenant_id: TenantId.make(tenant)
        })),
        config: { unknownAddresses },
        env: { FUNDING_WORKER_POLL_INTERVAL: "100ms" },
        validator: validatorOf(confirmAll, Effect.succeed([localchain]))
      })
    })
  ).pipe(Layer.provide(TestDatabase.layerUrl))
}

let used = 0
const hex = (length: number) => {
  used += 1
  return `0x${used.toString(16).padStart(length, "c")}`
}
const freshAddress = () => hex(40)

const pay = (tenant: Tenant, to_address: string) =>
  Effect.gen(function* () {
    const { url } = yield* Service
    const body = { chain: localchain, tx_hash: hex(64), token: "ETH", amount: "1.5", to_address }
    const { json, text } = yield* deliver(url, body, { source: tenant })
    const id = typeof json === "object" && json !== null && "job_id" in json && json.job_id
    return typeof id === "string" ? id : assert.fail(text)
  })

const register = (tenant_id: Tenant, address: string, account_reference: string) =>
  Effect.gen(function* () {
    const { url } = yield* Service
    const { status, text } = yield* request(`${url}/v1/addresses`, {
      method: "POST",
      headers: { authorization: `Bearer ${operatorToken}`, "content-type": "application/json" },
      body: JSON.stringify({
        tenant_id,
        addresses: [{ chain: localchain, address, account_reference }]
      })
    })
    assert.strictEqual(status, 201, text)
  })

const awaitEnd = (jobId: string, status: "completed" | "dlq") =>
  Effect.flatMap(Service, ({ url }) => awaitStatus(url, jobId, status))

const balancesAt = (address: string) =>
  Effect.flatMap(Service, ({ url }) => balancesOf(url, localchain, address))

const assertRefused = (jobId: string, address: string) =>
  Effect.gen(function* () {
    const job = yield* awaitEnd(jobId, "dlq")
    assert.strictEqual(job.error_type, "permanent")
    assert.strictEqual(job.attempt_count, 1)
    assert.match(
      job.failure_reason ?? "",
      /^the address is not registered.*register it.*replay the deposit$/
    )
    assert.deepStrictEqual(yield* balancesAt(address), {})
  })

const creditOf = (jobId: string) =>
  Effect.gen(function* () {
    const { url } = yield* Service
    yield* awaitEnd(jobId, "completed")
    const last = (yield* eventsOf(url, jobId)).at(-1)
    assert.strictEqual(last?.type, "deposit.credited")
    return last?.data
  })

/** What an operator does with a deposit in the dead-letter queue. */
const replay = (jobId: string) =>
  Effect.gen(function* () {
    const { context } = yield* Service
    const deposits = Context.get(context, Deposits)
    const [job] = yield* readJobs([JobId.make(jobId)]).pipe(Effect.provide(context))
    if (job === undefined) return assert.fail("no job")
    const event = {
      type: "dlq.replayed",
      recorded_at: new Date(0).toISOString(),
      operator: "ann",
      reason: "registered"
    } as const
    const made = advance(job, event, "operator:ann")
    if (made instanceof TransitionRefused) return assert.fail(made.message)
    assert.strictEqual((yield* deposits.append([made])).size, 1)
  })

layer(Service.layer, { excludeTestServices: true })("a deposit", (it) => {
  it.effect(
    "to an unknown address is credited until its tenant registers any, and then refused",
    () =>
      Effect.gen(function* () {
        const [before, ours, after] = [freshAddress(), freshAddress(), freshAddress()]
        const credited = yield* creditOf(yield* pay("acme", before))
        assert.notProperty(credited, "account_reference")
        assert.deepStrictEqual(yield* balancesAt(before), { ETH: "1.5" })
        yield* register("acme", ours, "customer-7")
        yield* assertRefused(yield* pay("acme", after), after)
        yield* assertRefused(yield* pay("acme", before), after)
        assert.deepStrictEqual(yield* balancesAt(before), { ETH: "1.5" })
      })
  )

  it.effect("to a registered address says whose it is, in its event and its account", () =>
    Effect.gen(function* () {
      const { url } = yield* Service
      const ours = freshAddress()
      yield* register("acme", ours, "customer-8")
      const credited = yield* creditOf(yield* pay("acme", ours.toUpperCase()))
      assert.strictEqual(credited?.account_reference, "customer-8")
      const account = yield* get(url, `/v1/accounts/${localchain}/${ours}`)
      assert.deepStrictEqual(account.json, {
        account_reference: "customer-8",
        balances: [{ token: "ETH", amount: "1.5" }]
      })
    })
  )

  it.effect("that was refused is credited when its address is registered and it is replayed", () =>
    Effect.gen(function* () {
      const late = freshAddress()
      yield* register("initech", freshAddress(), "customer-9")
      const jobId = yield* pay("initech", late)
      yield* assertRefused(jobId, late)
      yield* replay(jobId)
      // Still unknown.
      const { url } = yield* Service
      yield* awaitState("a second refusal", jobOf(url, jobId), (job) => job.sequence >= 6)
      yield* assertRefused(jobId, late)
      yield* register("initech", late, "customer-10")
      yield* replay(jobId)
      const credited = yield* creditOf(jobId)
      assert.strictEqual(credited?.account_reference, "customer-10")
      assert.deepStrictEqual(yield* balancesAt(late), { ETH: "1.5" })
    })
  )

  it.effect("to another tenant's address is to an unknown one", () =>
    Effect.gen(function* () {
      const theirs = freshAddress()
      yield* register("acme", theirs, "customer-11")
      yield* register("globex", freshAddress(), "customer-12")
      yield* assertRefused(yield* pay("globex", theirs), theirs)
    })
  )

  it.effect("to an unknown address is credited where the config says open, registered or not", () =>
    Effect.gen(function* () {
      const [ours, unknown] = [freshAddress(), freshAddress()]
      yield* register("open", ours, "customer-13")
      assert.notProperty(yield* creditOf(yield* pay("open", unknown)), "account_reference")
      assert.deepStrictEqual(yield* balancesAt(unknown), { ETH: "1.5" })
      const known = yield* creditOf(yield* pay("open", ours))
      assert.strictEqual(known?.account_reference, "customer-13")
    })
  )

  it.effect(
    "to an unknown address is refused where the config says reject, before any is registered",
    () =>
      Effect.gen(function* () {
        const unknown = freshAddress()
        yield* assertRefused(yield* pay("strict", unknown), unknown)
      })
  )
})

/** A worker whose look at the addresses is ours to spoil. */
const startWorker = (addresses: Addresses["Service"], script: Script = confirmAll) =>
  startWorkers(script, {
    addresses,
    env: { FUNDING_WORKER_COUNT: "1", FUNDING_WORKER_BATCH_SIZE: "100" }
  })

describe("a worker's look at the registered addresses", () => {
  test(
    "is one query for its whole batch",
    Effect.gen(function* () {
      const addresses = yield* Addresses
      const asked = yield* Ref.make<ReadonlyArray<number>>([])
      const jobs = yield* newJobs(Array.from({ length: 25 }, () => received()))
      const ids = jobs.map(({ id }) => id)
      yield* startWorker({
        ...addresses,
        lookup: (wanted) =>
          Effect.andThen(
            Ref.update(asked, (sizes) => [...sizes, wanted.length]),
            addresses.lookup(wanted)
          )
      })
      yield* passTimeUntil(ids, hasStatus("completed"))
      assert.deepStrictEqual(yield* Ref.get(asked), [25])
    })
  )

  test(
    "waits for the database and costs no attempt, no lease and no deposit, however long it is away",
    Effect.gen(function* () {
      const addresses = yield* Addresses
      const sql = yield* PgClient.PgClient
      const failures = yield* Ref.make(0)
      const [job] = yield* newJobs([received({}, { max_attempts: 1 })])
      if (job === undefined) return assert.fail()
      const away = yield* Ref.make(true)
      const asksChain = yield* Ref.make(0)
      yield* startWorker(
        {
          ...addresses,
          lookup: (wanted) =>
            Effect.flatMap(Ref.get(away), (isAway) =>
              isAway
                ? Effect.andThen(
                    Ref.update(failures, (count) => count + 1),
                    Effect.as(sql`SELECT 1 / 0`, [])
                  )
                : addresses.lookup(wanted)
            )
        },
        (claim) =>
          Effect.andThen(
            Ref.update(asksChain, (count) => count + 1),
            confirmAll(claim)
          )
      )
      // Four thirds of a lease.
      yield* passTimeUntil([job.id], ({ sequence }) => sequence >= 2 + 4)
      assert.isAbove(yield* Ref.get(failures), 3)
      assert.strictEqual(yield* Ref.get(asksChain), 0)
      yield* Ref.set(away, false)
      const [done] = yield* passTimeUntil([job.id], hasStatus("completed"))
      assert.strictEqual(done?.state.context.attempt_count, 1)
      assert.deepStrictEqual(
        (yield* typesOf(job.id)).filter((type) => type !== "lease.extended"),
        ["deposit.received", "processing.started", "deposit.credited"]
      )
    })
  )

  test(
    "that does not succeed before a shutdown gives the deposits back without an attempt",
    Effect.gen(function* () {
      const addresses = yield* Addresses
      const asked = yield* Deferred.make<void>()
      const [job] = yield* newJobs([received()])
      if (job === undefined) return assert.fail()
      const workers = yield* startWorker({
        ...addresses,
        lookup: () => Effect.andThen(Deferred.succeed(asked, undefined), Effect.never)
      })
      yield* passTimeUntil([job.id], hasStatus("processing"))
      yield* Deferred.await(asked)
      const stopping = yield* Effect.forkChild(workers.stop)
      const [released] = yield* passTimeUntil([job.id], hasStatus("pending"))
      assert.strictEqual(released?.state.context.attempt_count, 0)
      yield* Fiber.join(stopping)
    })
  )
})
