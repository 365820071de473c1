/**
 * When the jobs that this process put off are due again, so that they need not wait for a poll.
 *
 * Only a hint, and bounded: what is forgotten here is found by the next poll.
 */
export interface DueTimes {
  /** In milliseconds since 1970. */
  readonly add: (dueAt: number) => void
  /** The first due time after `now`; infinity if none is known. */
  readonly next: (now: number) => number
}

/** Times closer together than this are one wake-up. */
const resolutionMillis = 50
const maxTimes = 10_000

export const makeDueTimes = (): DueTimes => {
  const times = new Set<number>()
  return {
    add: (dueAt) => {
      if (times.size < maxTimes) {
        // Rounded up: to wake a moment too early would find nothing.
        times.add(Math.ceil(dueAt / resolutionMillis) * resolutionMillis)
      }
    },
    next: (now) => {
      let first = Number.POSITIVE_INFINITY
      for (const time of times) {
        if (time <= now) times.delete(time)
        else if (time < first) first = time
      }
      return first
    }
  }
}
