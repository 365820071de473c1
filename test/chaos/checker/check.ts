/** All checks of one system at rest. Pure: facts in, violations and figures out. */
import { type CreditFigures, checkCredits } from "./credits.ts"
import type { Facts, Promised, Violation } from "./facts.ts"
import { checkAcknowledged, checkClaims, checkSettled } from "./jobs.ts"
import { checkLedger } from "./ledger.ts"
import { checkLogs } from "./log.ts"

export interface Verdict {
  readonly violations: ReadonlyArray<Violation>
  readonly figures: CreditFigures & { readonly jobs: number; readonly events: number }
}

export const check = (facts: Facts, promised: Promised): Verdict => {
  const credits = checkCredits(facts, promised)
  const unkept = checkAcknowledged(facts)
  return {
    violations: [
      ...unkept,
      ...checkClaims(facts),
      ...credits.violations,
      ...checkLedger(facts),
      ...checkLogs(facts.database),
      ...checkSettled(facts, promised)
    ],
    figures: {
      ...credits.figures,
      lost: credits.figures.lost + unkept.length,
      jobs: facts.database.jobs.length,
      events: facts.database.events.length
    }
  }
}
