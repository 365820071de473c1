/** One pass of the reconciler, or a backfill, and what it did. */
import { Clock, Console, Effect, Layer, Option } from "effect"
import { Addresses } from "../../addresses/addresses.ts"
import { chainsLayer } from "../../chains/chains.ts"
import { Scanners } from "../../chains/scanner.ts"
import { Settings } from "../../config/settings.ts"
import { SurehookConfig } from "../../config/surehook-config.ts"
import { Deposits } from "../../deposits/deposits.ts"
import { JobSignal } from "../../deposits/job-signal.ts"
import { pooledRandomLayer } from "../../deposits/pooled-random.ts"
import { configLayer } from "../../ingest/config-layer.ts"
import { creditorLayer } from "../../ledger/ledger.ts"
import type { ScanReport } from "../../reconciler/pass-report.ts"
import { Reconciler } from "../../reconciler/reconciler.ts"
import { Settlement } from "../../settlement/settlement.ts"
import { WatchedCredits } from "../../settlement/watched-credits.ts"
import { CommandFailed, refuse } from "../failure.ts"
import { working } from "./command-database.ts"
import { operatorName } from "./operator-name.ts"
import { passText, scanText } from "./reconcile-text.ts"

interface ReconcileInput {
  readonly chain: Option.Option<string>
  readonly fromBlock: Option.Option<number>
  readonly toBlock: Option.Option<number>
  readonly json: boolean
}

const layer = Reconciler.layerAs("reconciler:cli").pipe(
  Layer.provideMerge(chainsLayer),
  Layer.provide([Settlement.layer, WatchedCredits.layer, Addresses.layer, JobSignal.layer]),
  Layer.provide(creditorLayer),
  Layer.provide(Deposits.layer),
  Layer.provide(pooledRandomLayer),
  Layer.provideMerge(configLayer.pipe(Layer.provideMerge(Settings.layer)))
)

export const reconcile = (input: ReconcileInput) =>
  Effect.gen(function* () {
    if (Option.isSome(input.fromBlock)) return yield* backfill(input, input.fromBlock.value)
    if (Option.isSome(input.chain) || Option.isSome(input.toBlock)) {
      return yield* refuse(
        "Say with --from-block where to begin, or leave --chain and --to-block out."
      )
    }
    yield* onePass(input)
  }).pipe(Effect.provide(layer), working)

const onePass = Effect.fnUntraced(function* ({ json }: ReconcileInput) {
  const reconciler = yield* Reconciler
  const startedAt = yield* Clock.currentTimeMillis
  const report = yield* reconciler.pass(`reconciler:${yield* operatorName}`)
  const millis = (yield* Clock.currentTimeMillis) - startedAt
  yield* Console.log(json ? JSON.stringify(report, null, 2) : passText(report, millis))
  const isBad = report.failed > 0 || report.ledger_differences > 0 || report.scans.some(hasFailed)
  if (isBad) return yield* Effect.fail(new CommandFailed())
})

const backfill = Effect.fnUntraced(function* (
  { chain, json, toBlock }: ReconcileInput,
  from: number
) {
  const reconciler = yield* Reconciler
  const name = yield* watchedChain(chain)
  const { watched } = yield* Scanners
  const scanner = watched.get(name)
  const latest = scanner === undefined ? 0 : (yield* scanner.heads).latest
  const to = Option.getOrElse(toBlock, () => latest)
  if (to < from) return yield* refuse(`--to-block ${to} comes before --from-block ${from}.`)
  if (to > latest) {
    return yield* refuse(`${name} has no block ${to} yet: its newest is ${latest}.`)
  }
  const scan = reconciler.backfill(name, { from, to })
  if (scan === undefined) return yield* refuse(`${name} is not watched.`)
  const report = yield* scan
  yield* Console.log(json ? JSON.stringify(report, null, 2) : scanText(report))
  if (hasFailed(report)) return yield* Effect.fail(new CommandFailed())
})

const hasFailed = ({ error, left_out }: ScanReport): boolean => error !== null || left_out > 0

const watchedChain = Effect.fnUntraced(function* (named: Option.Option<string>) {
  const { chains } = yield* SurehookConfig
  const { watched } = yield* Scanners
  const names = [...watched.keys()]
  if (names.length === 0) {
    return yield* refuse("No chain is watched: set `watch: true` at a chain in surehook.yaml.")
  }
  if (Option.isNone(named)) {
    const [only, ...others] = names
    return only !== undefined && others.length === 0
      ? only
      : yield* refuse(`Say with --chain which one: ${names.join(", ")}.`)
  }
  const name = names.find((watchedName) => watchedName === named.value)
  if (name !== undefined) return name
  return yield* refuse(
    [...chains.keys()].some((known) => known === named.value)
      ? `${named.value} is not watched: set \`watch: true\` at it in surehook.yaml.`
      : `${named.value} is not among the chains in surehook.yaml: ${[...chains.keys()].join(", ")}.`
  )
})
