/** What the reconciler tells of itself to who asks whether the service is well. */
import { Context, Duration, Effect, Layer } from "effect"

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
  /** Nothing is reconciled. */
  static readonly disabled: Layer.Layer<ReconciliationHealth> = Layer.succeed(
    ReconciliationHealth,
    { isEnabled: false, lateAfter: Duration.infinity, lastCompletedAt: Effect.succeed(null) }
  )
}
