/**
 * One run: real processes, a load, faults, rest, and the checker's verdict.
 *
 *     instances ─▶ TCP proxy ─▶ Postgres          load ─▶ instances
 *         └─────▶ 2 RPC proxies ─▶ anvil          schedule ─▶ all of them
 *
 * A scope owns every process, socket and folder, so that nothing stays behind however a run ends.
 */
import { randomBytes } from "node:crypto"
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Clock, Duration, Effect, Fiber } from "effect"
import { readBalances } from "./checker/balances.ts"
import { readChain } from "./checker/chain.ts"
import { check, type Verdict } from "./checker/check.ts"
import { readDatabase } from "./checker/database.ts"
import type { Promised, Violation } from "./checker/facts.ts"
import { startDatabase } from "./database.ts"
import { type FaultKind, makeSchedule } from "./faults.ts"
import { runSchedule, type Stage } from "./inject.ts"
import { type OwnEnd, startInstance } from "./instance.ts"
import { type LoadFigures, noLoad, runLoad } from "./load.ts"
import {
  chainName,
  confirmations,
  etherDecimals,
  senderCount,
  startLocalChain,
  tokenDecimals
} from "./local-chain.ts"
import { makePlan } from "./plan.ts"
import { makeRandom } from "./random.ts"
import { registerAddresses } from "./registration.ts"
import { startRpcProxy } from "./rpc-proxy.ts"
import { advanceToNextCheck, type Shift, settle } from "./settle.ts"
import { configText, workerEnv } from "./surehook-yaml.ts"

export interface RunOptions {
  readonly seed: number
  readonly durationMillis: number
  readonly instances: number
  readonly transactionsPerSecond: number
  readonly leastFaultGapMillis: number
  readonly mostFaultGapMillis: number
  readonly mostFaultMillis: number
  /** Also fill the database's disk, where that can be had: see small-disk.ts. */
  readonly fullDisk: boolean
  readonly features: Promised
  readonly print: (line: string) => void
}

export interface RunReport extends Verdict {
  readonly injected: ReadonlyMap<FaultKind, number>
  readonly load: LoadFigures
  /** Requests to the chain that were answered badly. */
  readonly rpcHits: number
  readonly ownEnds: ReadonlyArray<OwnEnd>
}

const addressCount = 40
const endpointCount = 2
const progressEvery = Duration.seconds(10)
const drainLimit = Duration.minutes(2)
const mostDelayMillis = 30_000
const readyLimit = Duration.seconds(60)
/** With a reconciler: how long it may take to mend what the faults left. */
const mendLimit = Duration.minutes(2)
const mendLookEvery = Duration.seconds(1)

const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => {
    const folder = mkdtempSync(join(tmpdir(), "surehook-chaos-"))
    // As root the server runs as another user, who has to pass through.
    chmodSync(folder, 0o711)
    return folder
  }),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

export const run = Effect.fnUntraced(function* (options: RunOptions) {
  const { durationMillis, features, print, seed } = options
  const random = makeRandom(seed)
  const folder = yield* temporaryFolder
  const secret = `whsec_${randomBytes(32).toString("base64")}`
  const token = `ops-${randomBytes(16).toString("hex")}`

  const [database, chain] = yield* Effect.all(
    [startDatabase(join(folder, "data"), options.fullDisk), startLocalChain],
    { concurrency: "unbounded" }
  )
  const endpoints = yield* Effect.forEach(Array.from({ length: endpointCount }), (_, index) =>
    startRpcProxy(chain.url, random.fork(`rpc ${index}`))
  )
  const config = join(folder, "surehook.yaml")
  const urls = endpoints.map(({ url }) => url)
  writeFileSync(config, configText({ usdc: chain.usdc, endpoints: urls, features }))
  const ownEnds: Array<OwnEnd> = []
  const start = (index: number) =>
    startInstance({
      name: `instance-${index}`,
      folder,
      env: {
        PORT: "0",
        SUREHOOK_CONFIG: config,
        DATABASE_URL: database.proxiedUrl,
        MAIN_SECRET: secret,
        OPS_TOKEN: token,
        ...workerEnv(features)
      },
      onOwnEnd: (end) => ownEnds.push(end)
    })
  const first = yield* start(0)
  const others = yield* Effect.forEach(Array.from({ length: options.instances - 1 }), (_, index) =>
    start(index + 1)
  )
  const stage: Stage = { instances: [first, ...others], database, chain, endpoints }
  yield* Effect.forEach(stage.instances, ({ listening }) => listening, {
    concurrency: "unbounded"
  })

  const addresses = Array.from({ length: addressCount }, () => `0x${random.hex(40)}`)
  const registered = addresses.slice(0, features.neverAnnounced ? addressCount : addressCount / 2)
  yield* registerAddresses({ url: yield* first.listening, token, addresses: registered })

  const plan = makePlan(random.fork("plan"), {
    durationMillis,
    transactionsPerSecond: options.transactionsPerSecond,
    senders: senderCount,
    addresses,
    mostDelayMillis: Math.min(durationMillis / 3, mostDelayMillis)
  })
  const schedule = makeSchedule(random.fork("faults"), {
    durationMillis,
    instances: options.instances,
    senders: senderCount,
    leastGapMillis: options.leastFaultGapMillis,
    mostGapMillis: options.mostFaultGapMillis,
    mostFaultMillis: options.mostFaultMillis,
    reorgs: features.reorgs,
    fullDisk: database.disk !== undefined
  })
  const injected = new Map<FaultKind, number>()
  const figures = noLoad()
  const begin = yield* Clock.currentTimeMillis

  const progress = Effect.gen(function* () {
    const seconds = Math.round(((yield* Clock.currentTimeMillis) - begin) / 1000)
    const counts = yield* database.counts
    const faults = [...injected.values()].reduce((sum, count) => sum + count, 0)
    const jobs =
      counts._tag === "None"
        ? "the database is away"
        : `${counts.value.completed} completed, ${counts.value.waiting + counts.value.processing} open, ${counts.value.dlq} dlq`
    print(
      `${seconds} s: ${faults} faults, ${figures.sent} webhooks sent, ${figures.acknowledged.length} acknowledged; ${jobs}`
    )
  })
  const reporter = yield* Effect.forkScoped(
    Effect.forever(Effect.andThen(Effect.sleep(progressEvery), progress))
  )
  const miner = yield* Effect.forkScoped(chain.mineAtPace)
  const load = yield* Effect.forkScoped(
    runLoad({
      plan,
      chain,
      instances: stage.instances,
      secret,
      random: random.fork("load"),
      figures
    })
  )
  yield* runSchedule(stage, schedule, injected)

  const violations: Array<Violation> = []
  const unsettled = (what: string) => violations.push({ check: "unsettled", what })
  print("the faults are over; waiting for rest")
  const ready = yield* Effect.forEach(stage.instances, ({ listening }) => listening, {
    concurrency: "unbounded"
  }).pipe(Effect.timeoutOption(readyLimit))
  if (ready._tag === "None") unsettled("an instance did not come back")
  const drained = yield* Effect.timeoutOption(Fiber.join(load), drainLimit)
  if (drained._tag === "None") {
    yield* Fiber.interrupt(load)
    unsettled(`${figures.open} webhooks were never accepted`)
  }
  yield* Fiber.interrupt(miner)
  yield* chain.mineUntilAllIsFinal
  const shift: Shift = { millis: 0 }

  const judge = Effect.gen(function* () {
    const isSettled = yield* settle(stage, shift, features.reorgs)
    const url = yield* first.listening
    const facts = {
      database: yield* readDatabase(database.directUrl),
      chain: yield* readChain({
        url: chain.url,
        confirmations,
        native: { token: "ETH", decimals: etherDecimals },
        contracts: [{ token: "USDC", contract: chain.usdc, decimals: tokenDecimals }]
      }),
      acknowledged: figures.acknowledged,
      balances: yield* readBalances({ url, token, chain: chainName }, addresses)
    }
    return { isSettled, verdict: check(facts, features) }
  })
  let judged = yield* judge
  const mendUntil = (yield* Clock.currentTimeMillis) + Duration.toMillis(mendLimit)
  while (
    features.reconciler &&
    judged.verdict.violations.some(({ check }) => mendable.has(check)) &&
    (yield* Clock.currentTimeMillis) < mendUntil
  ) {
    yield* advanceToNextCheck(stage, shift)
    yield* Effect.sleep(mendLookEvery)
    judged = yield* judge
  }
  yield* Fiber.interrupt(reporter)
  for (const { code, hadListened, instance, output } of ownEnds) {
    if (hadListened) unsettled(`${instance} ended by itself with ${code}: ${output.slice(-500)}`)
  }
  return {
    violations: [...violations, ...judged.verdict.violations],
    figures: judged.verdict.figures,
    injected,
    load: figures,
    rpcHits: endpoints.reduce((sum, { hits }) => sum + hits(), 0),
    ownEnds
  } satisfies RunReport
})

/** What a reconciler may still set right. */
const mendable: ReadonlySet<string> = new Set(["lost", "dead-lettered", "unsettled"])
