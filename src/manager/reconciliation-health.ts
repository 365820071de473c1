/** What the reconciler tells of itself to who asks whether the service is well. */
import { Context, Duration, Effect, Layer } from "effect"
import { Settings } from "../config/settings.ts"
import { Reconciler } from "../reconciler/reconciler.ts"

/** One pass may take long, or fail once. */
const lateAfterIntervals = 3

export class ReconciliationHealth extends Context.Service<
  ReconciliationHealth,
  {
    /** Whether this process should reconcile. */
    readonly isEnabled: boolean
    /** So long after the last completed reconciliation the next one is late. */
    readonly lateAfter: Duration.Duration
    /** Milliseconds since 1970; null before the first. */
    readonly lastCompletedAt: Effect.Effect<number | null>
  }
>()("surehook/manager/ReconciliationHealth") {
  /** As the reconciler of this process tells. */
  static readonly layer = Layer.effect(
    ReconciliationHealth,
    Effect.gen(function* () {
      const { reconciliation } = yield* Settings
      const { lastCompletedAt } = yield* Reconciler
      return {
        isEnabled: reconciliation.enabled,
        lateAfter: Duration.times(reconciliation.interval, lateAfterIntervals),
        lastCompletedAt
      }
    })
  )
}
