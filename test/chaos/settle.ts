/**
 * After the faults: waits until nothing can move any more.
 *
 * Retries can be minutes away. Nobody waits for them: when nothing else is to be done, the clocks of
 * all instances are put forward to the moment when the next job is due.
 */
import { Clock, Duration, Effect, Option } from "effect"
import type { JobCounts } from "./database.ts"
import type { Stage } from "./stage.ts"
import { reconciliationThresholdMillis } from "./surehook-yaml.ts"

const lookEveryMillis = 100
/** What is due within this time of the next is done with it. */
const togetherMillis = 3000
/** What a worker whose clock is right never has. */
const longestLeaseMillis = 5000
const settleLimit = Duration.minutes(3)

/** The instances' time, ahead of ours. */
export interface Shift {
  millis: number
}

export const advanceClocks = (stage: Stage, shift: Shift, byMillis: number) =>
  Effect.suspend(() => {
    shift.millis += byMillis
    return Effect.forEach(stage.instances, (one) => one.setClockShift(shift.millis), {
      discard: true
    })
  })

const isAtRest = ({ processing, waiting, watching }: JobCounts, reorgs: boolean): boolean =>
  processing === 0 && waiting === 0 && (!reorgs || watching === 0)

/** How long nothing will move; 0 if it may move now. */
const millisUntilNext = (counts: JobCounts, now: number): number => {
  const { next_check, next_due, next_expiry, processing } = counts
  // While somebody works the clocks stay, or his lease would be over at once. But who took a lease
  // when his clock was ahead, and was killed, holds it until then.
  if (processing > 0) {
    const left = (next_expiry ?? 0) - now
    return left > longestLeaseMillis ? left : 0
  }
  const next = next_due ?? next_check
  const early = next === null ? togetherMillis : next - now
  return early > lookEveryMillis ? early : 0
}

/** False if it did not settle in time. */
export const settle = Effect.fnUntraced(function* (stage: Stage, shift: Shift, reorgs: boolean) {
  const deadline = (yield* Clock.currentTimeMillis) + Duration.toMillis(settleLimit)
  while (true) {
    const counts = Option.getOrUndefined(yield* stage.database.counts)
    if (counts !== undefined && isAtRest(counts, reorgs)) return true
    const now = yield* Clock.currentTimeMillis
    if (now > deadline) return false
    if (counts !== undefined) {
      const early = millisUntilNext(counts, now + shift.millis)
      if (early > 0) yield* advanceClocks(stage, shift, early + togetherMillis)
    }
    yield* Effect.sleep(lookEveryMillis)
  }
})

/** To the moment when the reconciler looks at what it has not looked at yet. */
export const advanceToNextCheck = Effect.fnUntraced(function* (stage: Stage, shift: Shift) {
  const counts = Option.getOrUndefined(yield* stage.database.counts)
  const now = (yield* Clock.currentTimeMillis) + shift.millis
  const wait = (counts?.next_check ?? now) - now + togetherMillis
  yield* advanceClocks(stage, shift, Math.max(wait, reconciliationThresholdMillis))
})
