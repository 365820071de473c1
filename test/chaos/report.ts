/** The figures of a run as a small table, and every violation by name. */
import type { Violation } from "./checker/facts.ts"
import type { RunReport } from "./harness.ts"

const table = (rows: ReadonlyArray<readonly [string, string | number]>): string => {
  const nameWidth = Math.max(...rows.map(([name]) => name.length))
  const valueWidth = Math.max(...rows.map(([, value]) => `${value}`.length))
  return rows
    .map(([name, value]) => `  ${name.padEnd(nameWidth)}  ${`${value}`.padStart(valueWidth)}`)
    .join("\n")
}

const sorted = <K extends string>(counts: ReadonlyMap<K, number>) =>
  [...counts].toSorted(([a], [b]) => (a < b ? -1 : 1))

export const violationText = ({ check, job_id, tx_hash, what }: Violation): string =>
  [
    `${check}:`,
    ...(job_id === undefined ? [] : [`job ${job_id}`]),
    ...(tx_hash === undefined ? [] : [`tx ${tx_hash}`]),
    what
  ].join(" ")

export const reportText = (
  { seed, minutes }: { readonly seed: number; readonly minutes: number },
  { figures, injected, load, ownEnds, rpcHits, violations }: RunReport
): string => {
  const faults = sorted(injected)
  const rows: ReadonlyArray<readonly [string, string | number]> = [
    ["seed", seed],
    ["minutes", minutes],
    ["faults injected", faults.reduce((sum, [, count]) => sum + count, 0)],
    ...faults.map(([kind, count]) => [`  ${kind}`, count] as const),
    ["RPC requests spoiled", rpcHits],
    [
      "starts given up while the database was away",
      ownEnds.filter((end) => !end.hadListened).length
    ],
    ["transactions", load.transactions],
    ["webhooks sent", load.sent],
    ...sorted(load.failed).map(([what, count]) => [`  ${what}`, count] as const),
    ["webhooks acknowledged", load.acknowledged.length],
    ["jobs", figures.jobs],
    ["events", figures.events],
    ["credited", figures.credited],
    ["reversed", figures.reversed],
    ["dead-lettered by faults", figures.deadLettered],
    ["lost", figures.lost],
    ["doubled", figures.doubled],
    ["credited without a transfer", figures.phantom],
    ["violations", violations.length]
  ]
  const named = violations.map((violation) => `  ${violationText(violation)}`)
  return [table(rows), ...(named.length === 0 ? [] : ["", "Violations:", ...named])].join("\n")
}
