/** Exactly once: what the ledger credited, net of what it took back, beside what the chain holds. */
import { attoOf, shown } from "./amounts.ts"
import { type Announced, announcedIn, keyOf } from "./announced.ts"
import type { ChainTransfer, Facts, LedgerTransactionRow, Promised, Violation } from "./facts.ts"
import { groupBy } from "./groups.ts"

export interface CreditFigures {
  readonly credited: number
  readonly reversed: number
  readonly lost: number
  readonly doubled: number
  readonly phantom: number
  /** Confirmed and announced, but given up because of the faults. */
  readonly deadLettered: number
}

/** A reversal counts for the transfer of the credit that it takes back. */
const transferKeyOf = (
  row: LedgerTransactionRow,
  byId: ReadonlyMap<string, LedgerTransactionRow>
): string => {
  const { transfer_index: index, tx_hash } = byId.get(row.reverses_id ?? "") ?? row
  return keyOf({ tx_hash, index })
}

const isReversal = ({ kind }: LedgerTransactionRow): boolean => kind === "reversal"

const netOf = (rows: ReadonlyArray<LedgerTransactionRow>): number =>
  rows.reduce((net, row) => net + (isReversal(row) ? -1 : 1), 0)

/** A credit that was taken back twice, or a reversal of nothing. */
const reversalFaults = (
  rows: ReadonlyArray<LedgerTransactionRow>,
  byId: ReadonlyMap<string, LedgerTransactionRow>
): ReadonlyArray<Violation> => {
  const reversals = rows.filter(isReversal)
  const ofNothing = reversals.filter(
    ({ reverses_id }) => byId.get(reverses_id ?? "")?.kind !== "credit"
  )
  const repeated = [...groupBy(reversals, ({ reverses_id }) => reverses_id ?? "").values()].filter(
    (group) => group.length > 1
  )
  return [
    ...ofNothing.map(({ id, job_id, tx_hash }) => ({
      check: "ledger" as const,
      job_id,
      tx_hash,
      what: `reversal ${id} takes back no credit`
    })),
    ...repeated.flatMap(([first]) =>
      first === undefined
        ? []
        : [
            {
              check: "ledger" as const,
              job_id: first.job_id,
              tx_hash: first.tx_hash,
              what: `credit ${first.reverses_id} was reversed more than once`
            }
          ]
    )
  ]
}

/** The deposits' side of each credit is the transfer's recipient, token and amount. */
const amountFaults = (
  { entries, accounts }: Facts["database"],
  rows: ReadonlyArray<LedgerTransactionRow>,
  byId: ReadonlyMap<string, LedgerTransactionRow>,
  chain: ReadonlyMap<string, ChainTransfer>
): ReadonlyArray<Violation> => {
  const accountOf = new Map(accounts.map((account) => [account.id, account]))
  const entriesOf = groupBy(entries, ({ transaction_id }) => transaction_id)
  return rows.flatMap((row) => {
    const transfer = chain.get(transferKeyOf(row, byId))
    if (transfer === undefined) return []
    const owed = (entriesOf.get(row.id) ?? []).filter(
      ({ account_id }) => accountOf.get(account_id)?.kind === "deposits"
    )
    const [entry] = owed
    const wanted = isReversal(row) ? -transfer.atto : transfer.atto
    const isRight =
      owed.length === 1 &&
      entry !== undefined &&
      entry.token === transfer.token &&
      attoOf(entry.amount) === wanted &&
      accountOf.get(entry.account_id)?.address === transfer.to
    const is = owed.map(
      ({ account_id, amount, token }) =>
        `${shown(attoOf(amount))} ${token} to ${accountOf.get(account_id)?.address}`
    )
    return isRight
      ? []
      : [
          {
            check: "ledger" as const,
            job_id: row.job_id,
            tx_hash: row.tx_hash,
            what: `ledger transaction ${row.id} says ${is.join(", ") || "nothing"}; the chain says ${shown(wanted)} ${transfer.token} to ${transfer.to}`
          }
        ]
  })
}

/** Why an expected transfer has no credit: given up because of the faults, or lost. */
const missing = (
  key: string,
  { claimants }: Announced,
  promised: Promised
): { readonly isDeadLettered: boolean; readonly violations: ReadonlyArray<Violation> } => {
  const jobs = claimants.get(key) ?? []
  const [tx_hash = "", index = ""] = key.split(" ")
  const givenUp = jobs.find(
    ({ error_type, status }) => status === "dlq" && error_type !== "permanent"
  )
  const job = givenUp ?? jobs[0]
  const isAs =
    job === undefined
      ? "no job claims it"
      : `its job is ${job.status}${job.last_error === null ? "" : `: ${job.last_error}`}`
  const violation: Violation = {
    check: givenUp === undefined ? "lost" : "dead-lettered",
    ...(job === undefined ? {} : { job_id: job.id }),
    tx_hash,
    what: `the transfer ${index} is confirmed and not credited; ${isAs}`
  }
  const isDeadLettered = givenUp !== undefined
  return { isDeadLettered, violations: isDeadLettered && !promised.reconciler ? [] : [violation] }
}

export const checkCredits = (
  facts: Facts,
  promised: Promised
): { readonly violations: ReadonlyArray<Violation>; readonly figures: CreditFigures } => {
  const rows = facts.database.transactions
  const byId = new Map(rows.map((row) => [row.id, row]))
  const chain = new Map(facts.chain.map((transfer) => [keyOf(transfer), transfer]))
  const announced = announcedIn(facts.database, facts.chain, promised.neverAnnounced)
  const credited = groupBy(rows, (row) => transferKeyOf(row, byId))
  const violations: Array<Violation> = [
    ...reversalFaults(rows, byId),
    ...amountFaults(facts.database, rows, byId, chain)
  ]
  const figures = { lost: 0, doubled: 0, phantom: 0, deadLettered: 0 }
  for (const [key, group] of credited) {
    const net = netOf(group)
    const [first] = group
    if (first === undefined) continue
    const { job_id, tx_hash } = first
    const about = { job_id, tx_hash }
    if (net > 1) {
      figures.doubled++
      const jobs = group.map((row) => row.job_id).join(", ")
      violations.push({
        check: "doubled",
        ...about,
        what: `${first.transfer_index} is credited ${net} times, by ${jobs}`
      })
    } else if (net < 0) {
      violations.push({ check: "ledger", ...about, what: `${first.transfer_index} nets ${net}` })
    } else if (net === 1 && !announced.may.has(key)) {
      figures.phantom++
      const why = chain.has(key)
        ? "which nobody announced"
        : "which is not in the chain, or did not succeed"
      violations.push({
        check: "phantom",
        ...about,
        what: `${first.transfer_index} is credited, ${why}`
      })
    }
  }
  for (const key of announced.must) {
    if (netOf(credited.get(key) ?? []) > 0) continue
    const found = missing(key, announced, promised)
    if (found.isDeadLettered) figures.deadLettered++
    else figures.lost++
    violations.push(...found.violations)
  }
  const reversed = rows.filter(isReversal).length
  return { violations, figures: { credited: rows.length - reversed, reversed, ...figures } }
}
