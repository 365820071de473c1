/** The reconciler over a database of its own, with time in the test's hands and a scripted chain. */
import { PgClient } from "@effect/sql-pg"
import { assert, it } from "@effect/vitest"
import { Context, Effect, Layer, type Scope } from "effect"
import { SecureRandom } from "effect/crypto"
import { Addresses } from "../../src/addresses/addresses.ts"
import { type ChainScanner, Scanners } from "../../src/chains/scanner.ts"
import type { Verdict } from "../../src/chains/validator.ts"
import { Settings } from "../../src/config/settings.ts"
import { SurehookConfig } from "../../src/config/surehook-config.ts"
import type { Job } from "../../src/deposits/job.ts"
import { JobSignal } from "../../src/deposits/job-signal.ts"
import { Address, ChainName } from "../../src/domain/chain.ts"
import type { JobId } from "../../src/domain/ids.ts"
import type { TransferClaim } from "../../src/domain/transfer.ts"
import { readEvents } from "../../src/event-log/event-log.ts"
import { creditorLayer, Ledger } from "../../src/ledger/ledger.ts"
import { Reconciler } from "../../src/reconciler/reconciler.ts"
import { Settlement } from "../../src/settlement/settlement.ts"
import { WatchedCredits } from "../../src/settlement/watched-credits.ts"
import { depositsLayer, localchain, readJobs } from "../deposits/jobs.ts"
import { confirmed, type Script, validatorOf } from "../support/scripted-validator.ts"

export const stores = Layer.mergeAll(
  Settlement.layer,
  WatchedCredits.layer,
  JobSignal.layer,
  Addresses.layer,
  Ledger.layer
).pipe(
  Layer.provideMerge(SecureRandom.layerWebCrypto),
  Layer.provideMerge(creditorLayer),
  Layer.provideMerge(depositsLayer)
)

export type Stores = Layer.Success<typeof stores>

export const emptyConfig: SurehookConfig["Service"] = {
  sources: new Map(),
  chains: new Map(),
  apiTokens: []
}

export interface ReconcilerOptions {
  readonly script: Script
  readonly config?: SurehookConfig["Service"]
  readonly scanners?: ReadonlyMap<ChainName, ChainScanner>
  readonly env?: Readonly<Record<string, string>>
  /** Who the log names. */
  readonly actor?: string
}

/** An instance of its own over the same database. */
export const reconcilerOf = ({
  actor = "reconciler:test",
  config = emptyConfig,
  env = {},
  scanners = new Map(),
  script
}: ReconcilerOptions): Effect.Effect<
  Reconciler["Service"] & { readonly run: ReturnType<Reconciler["Service"]["pass"]> },
  never,
  Stores | Scope.Scope
> =>
  Layer.build(
    Layer.fresh(Reconciler.layerAs(actor)).pipe(
      Layer.provide([
        validatorOf(script, Effect.succeed([localchain])),
        Layer.succeed(Scanners, { watched: scanners }),
        Layer.succeed(SurehookConfig, config),
        Settings.layerFrom(env)
      ]),
      Layer.orDie
    )
  ).pipe(
    Effect.map((context) => Context.get(context, Reconciler)),
    Effect.map((reconciler) => ({ ...reconciler, run: reconciler.pass(actor) }))
  )

/** A test with a database of its own. */
export const test = (name: string, body: Effect.Effect<void, unknown, Stores | Scope.Scope>) =>
  it.effect(name, () => body.pipe(Effect.scoped, Effect.provide(stores), Effect.orDie))

export const jobNow = (job: Pick<Job, "id">) =>
  Effect.map(readJobs([job.id]), ([now]) => now ?? assert.fail("the job is gone"))

export const stateOf = (job: Pick<Job, "id">) =>
  Effect.map(jobNow(job), ({ state }) =>
    state.sub_state === null ? state.status : `${state.status}.${state.sub_state}`
  )

export const typesOf = (id: JobId) =>
  Effect.gen(function* () {
    const events = yield* readEvents(yield* PgClient.PgClient, id)
    return events.map(({ type }) => type)
  })

/** What the ledger owes the owner of the address of a job. */
export const balanceOf = (job: Job) =>
  Effect.gen(function* () {
    const { chain, to_address } = job.state.context
    const ledger = yield* Ledger
    const [balance] = yield* ledger.balances(ChainName.make(chain), Address.make(to_address))
    return balance?.amount ?? "0"
  })

type Confirmed = Extract<Verdict, { readonly _tag: "Confirmed" }>

export const confirmedAs = (claim: TransferClaim, fields: Partial<Confirmed> = {}): Verdict => {
  const verdict = confirmed(claim)
  return verdict._tag === "Confirmed"
    ? {
        ...verdict,
        ...fields,
        evidence: { block_hash: fields.block_hash ?? verdict.block_hash, ...fields.evidence }
      }
    : verdict
}
