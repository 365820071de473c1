/**
 * The schedule of a run's faults, made from its seed alone.
 *
 * They come in rounds: each kind once, in a random order, before any comes again.
 */
import type { Random } from "./random.ts"

export const rpcFaultKinds = [
  "rpc-slow",
  "rpc-cut",
  "rpc-429",
  "rpc-500",
  "rpc-garbage",
  "rpc-half",
  "rpc-lag"
] as const
export type RpcFaultKind = (typeof rpcFaultKinds)[number]

export type Fault =
  /** kill -9 in the middle of its work; started again after a pause. */
  | { readonly kind: "kill-instance"; readonly instance: number; readonly pauseMillis: number }
  /** SIGTERM under load. */
  | { readonly kind: "stop-instance"; readonly instance: number; readonly pauseMillis: number }
  /** kill -9 of the postmaster and all its children. */
  | { readonly kind: "kill-postgres" }
  /** All connections to the database break, and new ones are refused for a while. */
  | { readonly kind: "cut-database"; readonly millis: number }
  /** The connections to the database stand, and nothing passes. */
  | { readonly kind: "hang-database"; readonly millis: number }
  /** The database's disk is full. */
  | { readonly kind: "full-disk"; readonly millis: number }
  /** One instance's clock is off for a while, and jumps back. */
  | {
      readonly kind: "clock-jump"
      readonly instance: number
      readonly byMillis: number
      readonly millis: number
    }
  /** No block for a while, so webhooks come long before their transactions are mined. */
  | { readonly kind: "chain-stall"; readonly millis: number }
  | {
      readonly kind: RpcFaultKind
      /** Which of the chain's endpoints. */
      readonly endpoints: ReadonlyArray<number>
      /** Of the requests, how many are hit. */
      readonly share: number
      readonly millis: number
    }
  /** Blocks are replaced. All transactions are mined again, or those of one sender are dropped. */
  | { readonly kind: "reorg"; readonly depth: number; readonly dropsSender: number | null }

export type FaultKind = Fault["kind"]

export interface ScheduledFault {
  readonly atMillis: number
  readonly fault: Fault
}

export interface ScheduleOptions {
  readonly durationMillis: number
  readonly instances: number
  readonly senders: number
  readonly leastGapMillis: number
  readonly mostGapMillis: number
  /** The longest that a fault lasts. */
  readonly mostFaultMillis: number
  readonly reorgs: boolean
  readonly fullDisk: boolean
}

const leastFaultMillis = 500
/** Less than the five minutes that a webhook's timestamp may be off. */
const mostClockJumpMillis = 240_000
/** Deeper than the chain's confirmations, so that credits are hit. */
const mostReorgDepth = 20

const make = (random: Random, kind: FaultKind, options: ScheduleOptions): Fault => {
  const instance = random.integer(0, options.instances - 1)
  const millis = random.integer(leastFaultMillis, options.mostFaultMillis)
  switch (kind) {
    case "kill-instance":
    case "stop-instance":
      return { kind, instance, pauseMillis: random.integer(0, 2000) }
    case "kill-postgres":
      return { kind }
    case "cut-database":
    case "hang-database":
    case "full-disk":
    case "chain-stall":
      return { kind, millis }
    case "clock-jump": {
      const size = random.integer(1000, mostClockJumpMillis)
      return { kind, instance, byMillis: random.chance(0.5) ? size : -size, millis }
    }
    case "reorg": {
      const dropsSender = random.chance(0.8) ? random.integer(0, options.senders - 1) : null
      return { kind, depth: random.integer(1, mostReorgDepth), dropsSender }
    }
    default: {
      const endpoints = random.pick([[0], [1], [0, 1]])
      return { kind, endpoints, share: random.pick([1, 1, 0.5]), millis }
    }
  }
}

export const makeSchedule = (
  random: Random,
  options: ScheduleOptions
): ReadonlyArray<ScheduledFault> => {
  const kinds: ReadonlyArray<FaultKind> = [
    "kill-instance",
    "stop-instance",
    "kill-postgres",
    "cut-database",
    "hang-database",
    "clock-jump",
    "chain-stall",
    ...rpcFaultKinds,
    ...(options.fullDisk ? (["full-disk"] as const) : []),
    ...(options.reorgs ? (["reorg"] as const) : [])
  ]
  const schedule: Array<ScheduledFault> = []
  let round: ReadonlyArray<FaultKind> = []
  let atMillis = options.leastGapMillis
  while (atMillis < options.durationMillis) {
    if (round.length === 0) round = random.shuffle(kinds)
    const [kind, ...rest] = round
    round = rest
    if (kind !== undefined) schedule.push({ atMillis, fault: make(random, kind, options) })
    atMillis += random.integer(options.leastGapMillis, options.mostGapMillis)
  }
  return schedule
}

/** One line for a person. */
export const faultText = ({ kind, ...details }: Fault): string =>
  [kind, ...Object.entries(details).map(([name, value]) => `${name}=${value}`)].join(" ")
