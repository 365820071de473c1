/**
 * Keeps to the calls a second that an endpoint allows, in whatever window of a second they are counted.
 *
 * Each call waits until the one that came `burst` calls before it is a whole window old. A request is
 * sent when the last of its calls may be made.
 *
 *     a question is put to the endpoint    pays for its first call, if it may be made now; else another
 *                                          endpoint is asked, or the question waits for its turn
 *     a request with n calls is sent       what questions have paid counts; the rest waits in line
 *
 * So a crowd of questions spreads over the endpoints by itself, and one that was begun is finished.
 */
import { Clock, Data, Effect } from "effect"

export interface RateLimit {
  /** Calls that may be made at one moment, and so in one request. */
  readonly burst: number
  /** How long a call made now would wait, in milliseconds. */
  readonly backlogMillis: Effect.Effect<number>
  /** Pays for one call in advance, if it may be made now. Else says for how long it may not. */
  readonly admit: Effect.Effect<number>
  /** Pays for one call in advance, when its turn comes. Else says for how long it will not come. */
  readonly admitInTurn: (maxWaitMillis: number) => Effect.Effect<number>
  /** Waits until so many calls may be sent in one request. */
  readonly take: (calls: number) => Effect.Effect<void>
}

/** The endpoint was not asked, because it does not take calls now. */
export class NotNow extends Data.TaggedError("NotNow")<{
  readonly endpoint: string
  /** `circuit`: it failed too often. `probe`: another question finds out whether it is back. `limit`: it is busy. */
  readonly why: "circuit" | "probe" | "limit"
  readonly wait_ms: number
}> {}

const unlimited: RateLimit = {
  burst: Number.POSITIVE_INFINITY,
  backlogMillis: Effect.succeed(0),
  admit: Effect.succeed(0),
  admitInTurn: () => Effect.succeed(0),
  take: () => Effect.void
}

/** `rate` may be below 1: 0.5 is one call in two seconds. */
export const makeRateLimit = (rate: number | undefined): RateLimit => {
  if (rate === undefined) return unlimited
  const burst = Math.max(Math.floor(rate), 1)
  const windowMillis = (burst * 1000) / rate
  /** When the newest `burst` calls were made or will be, in order. */
  const taken: Array<number> = []
  let paid = 0
  let paidAt = 0

  const freeAt = (calls: number, now: number): number =>
    Math.max(now, (taken.at(calls - 1 - burst) ?? Number.NEGATIVE_INFINITY) + windowMillis)

  /** Gives the time at which they may be made. */
  const reserve = (calls: number, now: number): number => {
    const together = Math.min(calls, burst)
    const start = freeAt(together, now)
    for (let call = 0; call < together; call++) taken.push(start)
    // More than are allowed at one moment: those after them wait for longer.
    for (let call = together; call < calls; call++) {
      taken.push((taken.at(-burst) ?? start) + windowMillis)
    }
    taken.splice(0, taken.length - burst)
    return start
  }

  const pay = (now: number) => {
    paid++
    paidAt = now
  }

  return {
    burst,
    backlogMillis: Effect.map(Clock.currentTimeMillis, (now) => freeAt(1, now) - now),
    admit: Effect.map(Clock.currentTimeMillis, (now) => {
      const wait = freeAt(1, now) - now
      if (wait === 0) pay(reserve(1, now))
      return wait
    }),
    admitInTurn: (maxWaitMillis) =>
      Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        const wait = freeAt(1, now) - now
        if (wait > maxWaitMillis) return wait
        const turn = reserve(1, now)
        yield* Effect.sleep(wait)
        pay(turn)
        return 0
      }),
    take: (calls) =>
      Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        // A question may share its calls with others and leave over what it paid: not for long.
        if (now - paidAt > windowMillis) paid = 0
        const fromPaid = Math.min(paid, calls)
        paid -= fromPaid
        const wait = calls === fromPaid ? 0 : reserve(calls - fromPaid, now) - now
        if (wait > 0) yield* Effect.sleep(wait)
      })
  }
}
