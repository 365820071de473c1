/**
 * One run: real processes, a load, faults, rest, and the checker's verdict.
 *
 *     faults and load ─▶ rest ─▶ check            with a reconciler: check again until it is mended
 */
import { Clock, Duration, Effect, Fiber } from "effect"
import { readBalances } from "./checker/balances.ts"
import { readChain } from "./checker/chain.ts"
import { check, type Verdict } from "./checker/check.ts"
import { readDatabase } from "./checker/database.ts"
import type { Violation } from "./checker/facts.ts"
import { type FaultKind, makeSchedule } from "./faults.ts"
import { runSchedule } from "./inject.ts"
import type { OwnEnd } from "./instance.ts"
import { type LoadFigures, noLoad, runLoad } from "./load.ts"
import {
  chainName,
  confirmations,
  etherDecimals,
  senderCount,
  tokenDecimals
} from "./local-chain.ts"
import { makePlan } from "./plan.ts"
import { makeRandom } from "./random.ts"
import { registerAddresses } from "./registration.ts"
import { advanceToNextCheck, type Shift, settle } from "./settle.ts"
import { openStage, type StageOptions } from "./stage.ts"

export interface RunOptions extends StageOptions {
  readonly seed: number
  readonly durationMillis: number
  readonly transactionsPerSecond: number
  readonly leastFaultGapMillis: number
  readonly mostFaultGapMillis: number
  readonly mostFaultMillis: number
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
const progressEvery = Duration.seconds(10)
const drainLimit = Duration.minutes(2)
const mostDelayMillis = 30_000
const readyLimit = Duration.seconds(60)
/** With a reconciler: how long it may take to mend what the faults left. */
const mendLimit = Duration.minutes(2)
const mendLookEvery = Duration.seconds(1)

export const run = Effect.fnUntraced(function* (options: RunOptions) {
  const { durationMillis, features, print, seed } = options
  const random = makeRandom(seed)
  const { ownEnds, secret, stage, token } = yield* openStage(options, random)
  const { chain, database, endpoints, instances } = stage
  const [first] = instances
  if (options.fullDisk && database.disk === undefined) {
    print("the disk is not filled: only root on Linux can mount a small one")
  }

  const addresses = Array.from({ length: addressCount }, () => `0x${random.hex(40)}`)
  const registered = addresses.slice(
    0,
    features.neverAnnounced ? (addressCount * 3) / 4 : addressCount / 2
  )
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
      instances: instances,
      secret,
      random: random.fork("load"),
      figures
    })
  )
  yield* runSchedule(stage, schedule, injected)

  const violations: Array<Violation> = []
  const unsettled = (what: string) => violations.push({ check: "unsettled", what })
  print("the faults are over; waiting for rest")
  const ready = yield* Effect.forEach(instances, ({ listening }) => listening, {
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
      database: {
        ...(yield* readDatabase(database.directUrl)),
        // As they were registered, whatever has become of the table.
        registered: new Set(registered.map((address) => address.toLowerCase()))
      },
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
