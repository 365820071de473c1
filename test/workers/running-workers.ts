/** Workers over a database of the test's own, with a scripted chain and time in the test's hands. */
import { PgClient } from "@effect/sql-pg"
import { it } from "@effect/vitest"
import { Context, Duration, Effect, Layer, type Scope } from "effect"
import { SecureRandom } from "effect/crypto"
import { Addresses } from "../../src/addresses/addresses.ts"
import { Settings } from "../../src/config/settings.ts"
import { SurehookConfig } from "../../src/config/surehook-config.ts"
import type { Job } from "../../src/deposits/job.ts"
import { JobSignal } from "../../src/deposits/job-signal.ts"
import type { ChainName } from "../../src/domain/chain.ts"
import type { JobId } from "../../src/domain/ids.ts"
import { readEvents } from "../../src/event-log/event-log.ts"
import { creditorLayer } from "../../src/ledger/ledger.ts"
import { Settlement } from "../../src/settlement/settlement.ts"
import { Workers } from "../../src/workers/workers.ts"
import { depositsLayer, localchain } from "../deposits/jobs.ts"
import { type Script, validatorOf } from "../support/scripted-validator.ts"

const noConfig = Layer.succeed(SurehookConfig, {
  sources: new Map(),
  chains: new Map(),
  apiTokens: []
})

export const stores = Layer.mergeAll(
  Settlement.layer,
  JobSignal.layer,
  Addresses.layer,
  noConfig
).pipe(
  Layer.provide(SecureRandom.layerWebCrypto),
  Layer.provideMerge(creditorLayer),
  Layer.provideMerge(depositsLayer)
)

export const onlyChain = Effect.succeed([localchain])

export interface WorkersOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly claimable?: Effect.Effect<ReadonlyArray<ChainName>>
  readonly settlement?: Settlement["Service"]
  readonly addresses?: Addresses["Service"]
}

/** Workers that nobody has started yet. */
export const makeWorkers = (script: Script, options: WorkersOptions = {}) =>
  Effect.gen(function* () {
    const { env, claimable = onlyChain } = options
    const context = yield* Layer.build(
      Layer.fresh(Workers.layer).pipe(
        Layer.provide(Layer.succeed(Settlement, options.settlement ?? (yield* Settlement))),
        Layer.provide(Layer.succeed(Addresses, options.addresses ?? (yield* Addresses))),
        Layer.provide(validatorOf(script, claimable)),
        Layer.provide(
          Settings.layerFrom({
            FUNDING_WORKER_COUNT: "2",
            FUNDING_WORKER_POLL_INTERVAL: "1s",
            FUNDING_WORKER_LEASE: "60s",
            ...env
          })
        )
      )
    )
    return Context.get(context, Workers)
  })

/** Runs workers until the scope closes, and gives what stops them earlier. */
export const startWorkers = (script: Script, options: WorkersOptions = {}) =>
  Effect.gen(function* () {
    const workers = yield* makeWorkers(script, options)
    yield* workers.start
    return { ...workers, stop: workers.shutdown(Duration.seconds(20)) }
  })

export const hasStatus = (status: string) => (job: Job) => job.state.status === status

export const idsOf = (jobs: ReadonlyArray<Job>) => jobs.map(({ id }) => id)

export const typesOf = (id: JobId) =>
  Effect.gen(function* () {
    const events = yield* readEvents(yield* PgClient.PgClient, id)
    return events.map(({ type }) => type)
  })

/** A test on a database of its own. */
export const test = (
  name: string,
  body: Effect.Effect<void, unknown, Layer.Success<typeof stores> | Scope.Scope>
) => it.effect(name, () => body.pipe(Effect.scoped, Effect.provide(stores), Effect.orDie))
