/** What a pass of the reconciler did, for people. */
import type { PassReport, ScanReport } from "../../reconciler/pass-report.ts"

const facts: ReadonlyArray<
  readonly [keyof Omit<PassReport, "scans">, label: string, meaning: string]
> = [
  ["expired_leases", "leases", "of lost workers were taken back"],
  ["checked", "deposits", "were looked at again"],
  ["recovered", "recovered", "the chain confirms them: credited"],
  ["rejected", "rejected", "reverted, or not seen for too long: ended without a credit"],
  ["finalized", "finalized", "the chain cannot undo them any more"],
  ["reversed", "reversed", "a reorganisation took them away: the credit was taken back"],
  [
    "missing",
    "missing",
    "credited, and not in the chain now: looked at again before it is reversed"
  ],
  ["failed", "failed", "could not be looked at: see the lines above"]
]

export const passText = (report: PassReport, millis: number): string => {
  const shown = facts.filter(([name]) => name === "checked" || report[name] > 0)
  const width = Math.max(...shown.map(([name]) => String(report[name]).length))
  const labelWidth = Math.max(...shown.map(([, label]) => label.length))
  return [
    `Reconciled in ${(millis / 1000).toFixed(1)} s.`,
    "",
    ...shown.map(
      ([name, label, meaning]) =>
        `  ${String(report[name]).padStart(width)} ${label.padEnd(labelWidth)}  ${meaning}`
    ),
    ...report.scans.map((scan) => `  ${scanText(scan)}`),
    `  ${ledgerText(report.ledger_differences)}`
  ].join("\n")
}

export const scanText = (scan: ScanReport): string => {
  const { chain, error, from_block, left_out, missed, to_block, transfers } = scan
  const read =
    from_block === null
      ? `${chain}: no new block`
      : `${chain}: blocks ${from_block} to ${to_block} hold ${transfers} ${transfers === 1 ? "transfer" : "transfers"} to registered addresses, ${missed} without a webhook${missed === 0 ? "" : ": deposits were made of them"}`
  const whole =
    left_out === 0
      ? read
      : `${read}; ${left_out} ${left_out === 1 ? "piece was" : "pieces were"} too large to be read: see audit_logs, action scan_left_out`
  return error === null ? whole : `${whole}; it could not be read on: ${error}`
}

const ledgerText = (differences: number): string =>
  differences === 0
    ? "The ledger agrees with what was seen on chain."
    : `The ledger DIFFERS from what was seen on chain in ${differences} ${differences === 1 ? "balance" : "balances"}: see audit_logs, action ledger_differs.`
