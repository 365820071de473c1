/** What the manager asks of a part of this process that works in the background. */
import type { Duration, Effect } from "effect"

export interface ManagedPart {
  readonly name: string
  /** Whether this process should run it: where not, another process may. */
  readonly isEnabled: boolean
  /** Returns when it is started; does nothing if it is. */
  readonly start: Effect.Effect<void>
  /**
   * Ends it. What it cannot finish within the timeout it gives up without loss, which may take five
   * seconds more. Whether all was finished; does nothing if it is ended.
   */
  readonly shutdown: (timeout: Duration.Duration) => Effect.Effect<boolean>
  readonly isRunning: Effect.Effect<boolean>
}
