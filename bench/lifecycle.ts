/** Deposits carried from pending to completed per second: claimed, validated, credited. */
import { randomBytes } from "node:crypto"
import { performance } from "node:perf_hooks"
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, type Redacted } from "effect"
import { Addresses } from "../src/addresses/addresses.ts"
import { chainsLayer } from "../src/chains/chains.ts"
import type { Validator } from "../src/chains/validator.ts"
import type { ChainConfig } from "../src/config/chain-config.ts"
import type { Settings } from "../src/config/settings.ts"
import type { SurehookConfig } from "../src/config/surehook-config.ts"
import { Deposits, type ReceivedClaim } from "../src/deposits/deposits.ts"
import { JobSignal } from "../src/deposits/job-signal.ts"
import { pooledRandomLayer } from "../src/deposits/pooled-random.ts"
import { Amount } from "../src/domain/amount.ts"
import { Address, TxHash } from "../src/domain/chain.ts"
import { TokenSymbol } from "../src/domain/ids.ts"
import type { TransferClaim } from "../src/domain/transfer.ts"
import { creditorLayer } from "../src/ledger/ledger.ts"
import { databaseLayer } from "../src/postgres/database.ts"
import { Settlement } from "../src/settlement/settlement.ts"
import { Workers } from "../src/workers/workers.ts"
import { memoryValidator } from "./memory-validator.ts"
import { chainName, environmentOf, freshDatabase, source } from "./setup.ts"

export interface LifecycleOptions {
  readonly workers: number
  readonly batchSize: number
  readonly claims: ReadonlyArray<TransferClaim>
  /** Asked in place of memory. */
  readonly chain?: ChainConfig
}

const addressCount = 1000
const receiveBatch = 1000
const pollMillis = 20

export const syntheticClaims = (count: number): ReadonlyArray<TransferClaim> =>
  Array.from({ length: count }, (_, index) => ({
    chain: chainName,
    tx_hash: TxHash.make(`0x${randomBytes(32).toString("hex")}`),
    token: TokenSymbol.make("ETH"),
    amount: Amount.make("1.5"),
    to_address: Address.make(`0x${(index % addressCount).toString(16).padStart(40, "a")}`),
    transfer_index: null
  }))

const receivedClaim = (claim: TransferClaim): ReceivedClaim => ({
  tenant_id: source.tenant_id,
  environment: source.environment,
  source: source.id,
  claim,
  report: "seen",
  priority: 0,
  max_attempts: 5,
  payload_digest: "0".repeat(64),
  payload: { ...claim },
  trace_parent: null
})

const chunksOf = <A>(items: ReadonlyArray<A>, size: number): ReadonlyArray<ReadonlyArray<A>> =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size)
  )

/** Deposits per second. All are pending before the workers start and the clock runs. */
export const measureLifecycle = (
  server: Redacted.Redacted<string>,
  { workers, batchSize, claims, chain }: LifecycleOptions
) =>
  Effect.gen(function* () {
    const url = yield* freshDatabase(server)
    const environment = environmentOf(
      url,
      { FUNDING_WORKER_COUNT: `${workers}`, FUNDING_WORKER_BATCH_SIZE: `${batchSize}` },
      chain
    )
    const validator: Layer.Layer<Validator, never, Settings | SurehookConfig> =
      chain === undefined ? memoryValidator : chainsLayer
    const stores = Layer.mergeAll(Deposits.layer, JobSignal.layer).pipe(
      Layer.provideMerge(databaseLayer({ url, dataDir: "", maxConnections: workers + 5 })),
      Layer.provideMerge(pooledRandomLayer)
    )
    return yield* Effect.gen(function* () {
      const deposits = yield* Deposits
      for (const chunk of chunksOf(claims, receiveBatch)) {
        yield* deposits.receive(chunk.map(receivedClaim))
      }
      const sql = yield* PgClient.PgClient
      // Cheap to ask often, for both have an index of their own.
      const isAnyLeft = Effect.map(
        sql<{ left: boolean }>`
          SELECT EXISTS (SELECT FROM funding_event_jobs
                         WHERE status = 'pending' OR sub_state = 'scheduled')
              OR EXISTS (SELECT FROM funding_event_jobs WHERE status = 'processing') AS left`,
        ([row]) => row?.left ?? true
      )
      const begin = performance.now()
      return yield* Effect.gen(function* () {
        while (yield* isAnyLeft) yield* Effect.sleep(pollMillis)
        const seconds = (performance.now() - begin) / 1000
        const [row] = yield* sql<{ count: number }>`SELECT count(*)::int FROM ledger_transactions`
        if (row?.count !== claims.length) {
          return yield* Effect.die(new Error(`${row?.count} of ${claims.length} were credited`))
        }
        return claims.length / seconds
      }).pipe(
        Effect.provide(
          Layer.effectDiscard(Effect.flatMap(Workers, ({ start }) => start)).pipe(
            Layer.provide(Workers.layer),
            Layer.provide(Settlement.layer),
            Layer.provide(creditorLayer),
            Layer.provide(Addresses.layer),
            Layer.provide(validator),
            Layer.provide(environment)
          )
        )
      )
    }).pipe(Effect.provide(stores))
  })
