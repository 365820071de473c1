/** Follows the event log from its beginning, and lets the demo wait for what it says. */
import type { PgClient } from "@effect/sql-pg"
import { Duration, Effect, Option, Semaphore, Stream, SubscriptionRef } from "effect"
import type { SqlError } from "effect/sql"
import type { EventRecord } from "../event-log/event-record.ts"
import { type FeedCursor, feedStart, readFeed } from "../event-log/feed.ts"

const pageSize = 500
const pollInterval = Duration.millis(50)

/** The newest event of each job. */
export type Newest = ReadonlyMap<string, EventRecord>

export interface Journal {
  readonly newest: Effect.Effect<Newest>
  /** Shows everything up to now. */
  readonly catchUp: Effect.Effect<void, SqlError.SqlError>
  /** Shows everything as it happens. */
  readonly follow: Effect.Effect<never, SqlError.SqlError>
  /** Whether it came true within this time. */
  readonly waitUntil: (
    isTrue: (newest: Newest) => boolean,
    patience: Duration.Duration
  ) => Effect.Effect<boolean>
}

export const makeJournal = Effect.fnUntraced(function* (
  sql: PgClient.PgClient,
  show: (event: EventRecord) => Effect.Effect<void>
) {
  const newest = yield* SubscriptionRef.make<Newest>(new Map())
  const turn = Semaphore.makeUnsafe(1)
  let cursor: FeedCursor = feedStart

  const catchUp = Effect.gen(function* () {
    while (true) {
      const page = yield* readFeed(sql, cursor, pageSize)
      if (page.length === 0) return
      cursor = page.at(-1) ?? cursor
      for (const { event } of page) yield* show(event)
      yield* SubscriptionRef.update(
        newest,
        (known) => new Map([...known, ...page.map(({ event }) => [event.job_id, event] as const)])
      )
    }
  }).pipe(turn.withPermits(1))

  return {
    newest: SubscriptionRef.get(newest),
    catchUp,
    follow: catchUp.pipe(Effect.andThen(Effect.sleep(pollInterval)), Effect.forever),
    waitUntil: (isTrue, patience) =>
      SubscriptionRef.changes(newest).pipe(
        Stream.filter(isTrue),
        Stream.runHead,
        Effect.timeoutOption(patience),
        Effect.map(Option.isSome)
      )
  } satisfies Journal
})

/** Nothing more happens to it, unless an operator does something. */
export const isSettled = ({ to_state }: EventRecord): boolean =>
  to_state.startsWith("completed") || to_state === "dlq" || to_state === "failed.settled"
