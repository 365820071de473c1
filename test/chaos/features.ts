/** What the service can do by now: what the harness switches on in it, and the checker holds it to. */
import type { Promised } from "./checker/facts.ts"

export const features: Promised = { reconciler: true, reorgs: true, neverAnnounced: true }
