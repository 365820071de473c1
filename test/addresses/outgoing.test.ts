/** What leaves a registered address is no deposit, whatever webhook tells of it. */
import { PgClient } from "@effect/sql-pg"
import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { SecureRandom } from "effect/crypto"
import { Addresses } from "../../src/addresses/addresses.ts"
import { Deposits } from "../../src/deposits/deposits.ts"
import { JobSignal } from "../../src/deposits/job-signal.ts"
import { Address } from "../../src/domain/chain.ts"
import { type TenantId, TokenSymbol } from "../../src/domain/ids.ts"
import { Intake } from "../../src/ingest/intake.ts"
import { localchain, received } from "../deposits/jobs.ts"
import { TestDatabase } from "../support/postgres.ts"
import { acme, evmAddress, globex, registration } from "./registrations.ts"

const testLayer = Intake.layer.pipe(
  Layer.provideMerge(Layer.mergeAll(Addresses.layer, Deposits.layer, JobSignal.layer)),
  Layer.provide(SecureRandom.layerWebCrypto),
  Layer.provideMerge(TestDatabase.layer)
)

const [ours, alsoOurs, theirs, nobodys] = [1, 2, 3, 4].map((n) => Address.make(evmAddress(n)))
if (!ours || !alsoOurs || !theirs || !nobodys) throw new Error("there are four")

const transfer = (
  from_address: Address | null,
  to_address: Address,
  tenant_id: TenantId = acme
) => ({
  from_address,
  received: received({ to_address, token: TokenSymbol.make("ETH") }, { tenant_id })
})

const outcomesOf = (...transfers: ReadonlyArray<ReturnType<typeof transfer>>) =>
  Effect.gen(function* () {
    const outcomes = yield* (yield* Intake).receive({ message: undefined, transfers })
    return outcomes.map((outcome) => (outcome._tag === "Job" ? "job" : outcome.reason))
  })

layer(testLayer, { excludeTestServices: true })("a webhook", (it) => {
  it.effect("about a transfer from a registered address to an unknown one makes no job", () =>
    Effect.gen(function* () {
      const addresses = yield* Addresses
      yield* addresses.register(
        [
          { ...registration({ address: ours }), chain: localchain },
          { ...registration({ address: alsoOurs }), chain: localchain },
          { ...registration({ address: theirs, tenant_id: globex }), chain: localchain }
        ],
        "test:one"
      )
      const outcomes = yield* outcomesOf(
        transfer(ours, nobodys),
        // From one customer to another: a deposit.
        transfer(ours, alsoOurs),
        transfer(nobodys, ours),
        transfer(nobodys, nobodys),
        // Another tenant's address is as unknown as any.
        transfer(ours, theirs),
        transfer(theirs, nobodys),
        transfer(theirs, nobodys, globex),
        transfer(null, nobodys)
      )
      assert.deepStrictEqual(outcomes, [
        "outgoing",
        "job",
        "job",
        "job",
        "outgoing",
        "job",
        "outgoing",
        "job"
      ])
      const sql = yield* PgClient.PgClient
      const [jobs] = yield* sql<{ count: number }>`SELECT count(*)::int FROM funding_event_jobs`
      assert.strictEqual(jobs?.count, 5)
    })
  )
})
