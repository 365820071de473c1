/**
 * The model of how a deposit is credited: claims about one transfer, and all who may do something about
 * them. Each step is one transaction or one look at the chain, after any of which anybody else may go on.
 *
 *     workers       claim ─▶ ask the chain ─▶ settle; heartbeat, give back, be lost at any point
 *     sweeper       takes back expired leases
 *     reconcilers   look at a deposit and the chain, then credit, reject, finalize or reverse
 *     operator      replays, discards
 *     provider      says more on the side
 *     chain         deepens, is reorganised, brings the transfer back
 *
 * Time only tells whether a lease is over: waits of retries are taken for over at once, since anybody may
 * be as late as he likes in any case. What a commit did and nobody heard of is a step of its own.
 */
import { type Job, receive } from "../../src/deposits/job.ts"
import { JobId } from "../../src/domain/ids.ts"
import * as a from "../machines/deposit-samples.ts"
import { type Database, type Flaw, storedFirst } from "./database.ts"
import type { Step } from "./explore.ts"
import type { Answer, Found } from "./settling.ts"

/** Now, so many lengths of a lease after the beginning. */
export const at = (leases: number): string => {
  const known = times[leases]
  if (known !== undefined) return known
  times[leases] = a.at(leases)
  return a.at(leases)
}
const times: Array<string> = []

/** How much may happen. Whatever is not said here may happen at any time, as often as it likes. */
export interface Bounds {
  readonly claims: number
  readonly workers: number
  readonly reconcilers: number
  readonly maxAttempts: number
  /** A worker claims all that is due, and not one. */
  readonly batches: boolean
  readonly reorgs: number
  /** A reorganised transaction may revert where it is mined again. */
  readonly reverts: boolean
  /** Each loses the claims that were not on disk. */
  readonly databaseCrashes: number
  /** Endpoints may fail to answer. */
  readonly outages: boolean
  readonly operator: boolean
  readonly provider: boolean
}

/** The job that a worker took, as it last knew it. */
export interface Held {
  readonly job: Job
  readonly answer: Answer | undefined
  readonly early: Found["early"]
  /** It heard that somebody appended to it, and has not asked yet whether it is still its own. */
  readonly isOvertaken: boolean
}

export interface Look {
  readonly job: Job
  readonly answer: Answer
}

export interface State {
  readonly db: Database
  /** In lengths of a lease. */
  readonly now: number
  readonly chain: Exclude<Answer, "no answer">
  readonly workers: ReadonlyArray<ReadonlyArray<Held>>
  readonly looks: ReadonlyArray<Look | undefined>
  readonly reorgs: number
  readonly databaseCrashes: number
  /** Why a transaction died that must not. */
  readonly died: string | undefined
}

export type ProtocolStep = Step<State>

export interface Setting {
  readonly bounds: Bounds
  readonly flaw: Flaw | undefined
}

export const initial = ({ bounds }: Setting): State => ({
  db: {
    jobs: ["A", "B", "C"]
      .slice(0, bounds.claims)
      .map((name) =>
        storedFirst(
          receive(
            JobId.make(name),
            a.received({ max_attempts: bounds.maxAttempts }),
            "source:main",
            null
          )
        )
      ),
    ledger: [],
    onDisk: undefined
  },
  now: 0,
  chain: "not found",
  workers: Array.from({ length: bounds.workers }, () => []),
  looks: Array.from({ length: bounds.reconcilers }, () => undefined),
  reorgs: 0,
  databaseCrashes: 0,
  died: undefined
})

/** The chain's own steps. What is final stays. */
export const chainSteps = (state: State, { bounds }: Setting): ReadonlyArray<ProtocolStep> => {
  const { chain } = state
  const to = (name: string, by: ProtocolStep["by"], next: Partial<State>): ProtocolStep => ({
    name,
    by,
    to: { ...state, ...next }
  })
  const deeper = { "not deep enough": "deep enough", "deep enough": "final" } as const
  if (chain === "final") return []
  const isMined = chain !== "not found"
  const mined = isMined
    ? []
    : [
        to("the transfer is mined", "fault", { chain: "not deep enough" }),
        ...(bounds.reverts
          ? [to("the transaction is mined, and reverts", "fault", { chain: "reverted" })]
          : [])
      ]
  const gone =
    isMined && state.reorgs < bounds.reorgs
      ? [
          to("a reorganisation takes the transaction away", "fault", {
            chain: "not found",
            reorgs: state.reorgs + 1
          })
        ]
      : []
  const deepens =
    chain === "not deep enough" || chain === "deep enough"
      ? [to(`the transfer is ${deeper[chain]}`, "system", { chain: deeper[chain] })]
      : []
  return [...mined, ...deepens, ...gone]
}

/** Time, and a database that crashes. */
export const worldSteps = (state: State, { bounds }: Setting): ReadonlyArray<ProtocolStep> => {
  const { db, now } = state
  const mayExpire = db.jobs.some(({ row }) => (row.state.context.lease_until ?? "") > at(now))
  const passes: ReadonlyArray<ProtocolStep> = mayExpire
    ? [{ name: "the leases run out", by: "system", to: { ...state, now: now + 1 } }]
    : []
  if (db.onDisk === undefined || state.databaseCrashes === bounds.databaseCrashes) return passes
  return [
    ...passes,
    {
      name: "the database crashes, and loses the claims that were not on disk",
      by: "fault",
      to: {
        ...state,
        db: { ...db, jobs: db.onDisk, onDisk: undefined },
        databaseCrashes: state.databaseCrashes + 1
      }
    }
  ]
}
