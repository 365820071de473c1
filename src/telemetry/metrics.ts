/** Metrics by their names. Label values are few: no address, hash or job id. */
import { Metric } from "effect"

const counter = (name: string, description: string) =>
  Metric.counter(name, { description, incremental: true })

export const reconciliationRuns = counter(
  "reconciliation.runs.total",
  "passes of the reconciler that came to their end"
)
export const reconciliationRecovered = counter(
  "reconciliation.recovered.total",
  "deposits that the reconciler credited, or of which it made a job without a webhook"
)
export const reconciliationFailed = counter(
  "reconciliation.failed.total",
  "deposits that the reconciler could not look at, and passes that failed"
)
export const reconciliationReversed = counter(
  "reconciliation.reversed.total",
  "credits that were reversed after a reorganisation"
)
export const reconciliationDuration = Metric.histogram("reconciliation.duration.seconds", {
  description: "how long a pass of the reconciler takes",
  boundaries: Metric.exponentialBoundaries({ start: 0.01, factor: 4, count: 8 })
})
export const ledgerImbalance = Metric.gauge("ledger.imbalance", {
  description: "balances that are not the sum of what was seen on chain"
})
