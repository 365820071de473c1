/**
 * One thing asked of several candidates in order, of whom any may fail or stay silent.
 *
 *     0 s   the 1st is asked ─────── silent ────────────────────▶ its own end still counts for it
 *     1 s      the 2nd is asked too ── fails
 *                 the 3rd is asked at once ── answers: enough
 *
 * Who was asked is not called off when another answered first: its request may be shared by others,
 * and that it fails in the end has to be known, or it would be asked first for ever.
 */
import { Cause, Clock, Effect, Exit, Queue, type Scope } from "effect"

/** So long one may be silent before the next is asked. */
export const hedgeMillis = 1000

export interface Inquiry<C, A, E> {
  /** The best first. */
  readonly candidates: ReadonlyArray<C>
  /** `rest` are those that were not asked yet. */
  readonly ask: (candidate: C, rest: ReadonlyArray<C>) => Effect.Effect<A, E>
  /** How many more answers are needed at least: 0 is enough. */
  readonly missing: (answers: ReadonlyArray<A>) => number
  /** Those that are asked run on in it. */
  readonly scope: Scope.Scope
}

export interface Replies<A, E> {
  /** In the order in which they came. */
  readonly answers: ReadonlyArray<A>
  readonly failures: ReadonlyArray<E>
}

export const askInTurn = <C, A, E>({
  candidates,
  ask,
  missing,
  scope
}: Inquiry<C, A, E>): Effect.Effect<Replies<A, E>> =>
  Effect.gen(function* () {
    const ends = yield* Queue.unbounded<{ readonly candidate: C; readonly exit: Exit.Exit<A, E> }>()
    const answers: Array<A> = []
    const failures: Array<E> = []
    const waiting = [...candidates]
    /** Asked, and not silent for long. */
    const awaited = new Set<C>()
    let running = 0
    let askedAt = 0

    const askNext = Effect.gen(function* () {
      while (awaited.size < missing(answers)) {
        const [candidate, ...rest] = waiting
        if (candidate === undefined) return
        waiting.shift()
        awaited.add(candidate)
        running++
        askedAt = yield* Clock.currentTimeMillis
        yield* ask(candidate, rest).pipe(
          Effect.exit,
          Effect.flatMap((exit) => Queue.offer(ends, { candidate, exit })),
          Effect.forkIn(scope, { startImmediately: true })
        )
      }
    })

    /** Undefined if all that are awaited are silent. */
    const nextEnd = Effect.gen(function* () {
      if (waiting.length === 0) return yield* Queue.take(ends)
      const patience = askedAt + hedgeMillis - (yield* Clock.currentTimeMillis)
      return yield* Queue.take(ends).pipe(
        Effect.timeoutOrElse({
          duration: Math.max(patience, 0),
          orElse: () => Effect.succeed(undefined)
        })
      )
    })

    yield* askNext
    while (running > 0 && missing(answers) > 0) {
      const end = yield* nextEnd
      if (end === undefined) {
        awaited.clear()
      } else {
        running--
        awaited.delete(end.candidate)
        if (Exit.isSuccess(end.exit)) {
          answers.push(end.exit.value)
        } else {
          const { reasons } = end.exit.cause
          const failed = reasons.filter(Cause.isFailReason)
          if (failed.length === 0) {
            // A bug of ours, or the end of the scope.
            const others = reasons.flatMap((one) => (Cause.isFailReason(one) ? [] : [one]))
            return yield* Effect.failCause(Cause.fromReasons<never>(others))
          }
          failures.push(...failed.map(({ error }) => error))
        }
      }
      yield* askNext
    }
    return { answers, failures }
  })
