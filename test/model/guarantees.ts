/** What must hold in every state of the model, and what must stay possible from every one. */
import { isDeepStrictEqual } from "node:util"
import { maxLostWorkers } from "../../machines/deposit.ts"
import type { Job } from "../../src/deposits/job.ts"
import { isAt, type Stored } from "./database.ts"
import type { Model } from "./explore.ts"
import { nameOf } from "./held.ts"
import { amount, net, standing } from "./ledger.ts"
import type { Setting, State } from "./protocol.ts"

export const brokenIn = (state: State, setting: Setting): string | undefined =>
  state.died ??
  wrongLedger(state) ??
  wrongLog(state) ??
  wrongOwner(state) ??
  twoHolders(state, setting)

const wrongLedger = ({ db }: State): string | undefined => {
  const credits = net(db)
  if (credits !== 0 && credits !== 1) return `the transfer is credited ${credits} times`
  const balance = db.ledger.reduce((sum, row) => sum + row.amount, 0n)
  return balance === BigInt(credits) * amount ? undefined : `the balance is ${balance}`
}

const wrongLog = ({ db }: State): string | undefined => {
  for (const stored of db.jobs) {
    const fault = faults.get(stored) ?? faultOf(stored)
    faults.set(stored, fault)
    if (fault !== "") return fault
  }
  return undefined
}
const faults = new WeakMap<Stored, string>()

const faultOf = ({ log, row }: Stored): string => {
  if (log.fault !== undefined) return log.fault
  return log.sequence === row.sequence &&
    log.hash === row.head_hash &&
    isDeepStrictEqual(log.state, row.state)
    ? ""
    : `the row of ${row.id} is not the fold of its log`
}

/** A credit that stands is that of one completed job, and who says that it was credited has one. */
const wrongOwner = ({ db }: State): string | undefined => {
  const credits = standing(db)
  for (const { row } of db.jobs) {
    const { ledger_transaction_id: id } = row.state.context
    if ((row.state.status === "completed") !== (id !== null)) {
      return `${row.id} is ${row.state.status}, and its credit is ${id}`
    }
    const by = db.ledger.find((one) => one.id === id)
    if (id !== null && by === undefined) return `the credit of ${row.id} is not in the ledger`
    const isOwn = by?.job_id === row.id
    if (isOwn && !credits.includes(by)) return `the credit of ${row.id} does not stand`
    if (row.state.sub_state === "watching" && !isOwn) {
      return `${row.id} watches a credit that is not its own`
    }
  }
  for (const { id, job_id } of credits) {
    const owners = db.jobs.filter(
      ({ row }) => row.id === job_id && row.state.context.ledger_transaction_id === id
    )
    if (owners.length !== 1) return `a credit stands, and ${job_id} does not say so`
  }
  return undefined
}

const twoHolders = (state: State, { flaw }: Setting): string | undefined => {
  for (const { row } of state.db.jobs) {
    if (row.state.status !== "processing") continue
    const holders = state.workers.flatMap((held, worker) =>
      held.some(
        ({ isOvertaken, job }) => job.id === row.id && !isOvertaken && isAt(state.db, job, flaw)
      )
        ? [nameOf(worker)]
        : []
    )
    const stranger = holders.find((name) => name !== row.state.context.leased_by)
    if (stranger !== undefined) {
      return `${stranger} could settle ${row.id}, which ${row.state.context.leased_by} holds`
    }
  }
  return undefined
}

const isAtRest = ({ db, workers }: State): boolean =>
  workers.every((held) => held.length === 0) &&
  db.jobs.every(
    ({ row: { state } }) =>
      state.status !== "pending" && state.status !== "processing" && state.sub_state !== "scheduled"
  )

/** Nothing but a person takes it up again. */
const needsOperator = ({ state: { context, status } }: Job): boolean =>
  (status === "dlq" &&
    (context.error_type === "permanent" || context.lost_worker_count >= maxLostWorkers)) ||
  context.settled_because === "reverted" ||
  context.settled_because === "discarded"

const isRight = (state: State): boolean => {
  if (!isAtRest(state)) return false
  const isOnChain = state.chain === "deep enough" || state.chain === "final"
  return isOnChain ? net(state.db) === 1 : state.chain !== "not deep enough" && net(state.db) === 0
}

export const promises: Model<State>["promises"] = [
  {
    name: "at rest, credited if and only if it is on chain, or in the hands of an operator",
    by: ["system"],
    isKept: (state) =>
      isRight(state) || (isAtRest(state) && state.db.jobs.some(({ row }) => needsOperator(row)))
  },
  {
    name: "at rest, credited if and only if it is on chain",
    by: ["system", "operator"],
    isKept: isRight
  }
]
