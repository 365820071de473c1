/**
 * The messages that were handled, by the id that their provider gave them.
 *
 * Claims need no such memory, since equal claims are one job. What a provider says of a transfer
 * later does: a "removed" that is replayed after the transfer came back must change nothing.
 */
import { PgClient } from "@effect/sql-pg"
import { Clock, Context, Duration, Effect, Layer, Schedule } from "effect"
import type { SqlError } from "effect/sql"
import type { SourceId } from "../domain/ids.ts"
import { hashes, texts } from "../event-log/columns.ts"

export interface Message {
  readonly source: SourceId
  readonly message_id: string
  /** SHA-256 of the raw body, hex. */
  readonly payload_digest: string
}

/** Providers send again for hours, and some for three days. */
const rememberedFor = Duration.days(7)
const forgetEvery = Duration.minutes(10)
const maxForgotten = 10_000

/** One text for one message. No id of a source holds the separator. */
export const messageKey = ({ source, message_id, payload_digest }: Message): string =>
  `${source}|${payload_digest}|${message_id}`

export class Messages extends Context.Service<
  Messages,
  {
    /** The keys of those that were handled before. */
    readonly recall: (
      messages: ReadonlyArray<Message>
    ) => Effect.Effect<ReadonlySet<string>, SqlError.SqlError>
    readonly remember: (messages: ReadonlyArray<Message>) => Effect.Effect<void, SqlError.SqlError>
    /** Forgets the oldest that nobody sends any more. Returns how many. */
    readonly forget: Effect.Effect<number, SqlError.SqlError>
  }
>()("surehook/ingest/Messages") {
  static readonly layer = Layer.effect(
    Messages,
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient

      const columnsOf = (messages: ReadonlyArray<Message>) => sql`
        unnest(
          ${texts(messages.map((message) => message.source))},
          ${texts(messages.map((message) => message.message_id))},
          ${hashes(messages.map((message) => message.payload_digest))}
        ) AS message (source, message_id, payload_digest)`

      const forget = Effect.gen(function* () {
        const before = (yield* Clock.currentTimeMillis) - Duration.toMillis(rememberedFor)
        const rows = yield* sql`
          DELETE FROM webhook_messages WHERE (source, message_id, payload_digest) IN (
            SELECT source, message_id, payload_digest FROM webhook_messages
            WHERE received_at < ${new Date(before)}
            ORDER BY received_at
            LIMIT ${maxForgotten})
          RETURNING 1`
        return rows.length
      })

      yield* forget.pipe(
        Effect.repeat({ while: (forgotten) => forgotten === maxForgotten }),
        Effect.catchCause((cause) =>
          Effect.logWarning("old webhook messages could not be removed", cause)
        ),
        Effect.repeat(Schedule.spaced(forgetEvery)),
        Effect.forkScoped
      )

      return Messages.of({
        recall: (messages) =>
          messages.length === 0
            ? Effect.succeed(new Set())
            : sql<Message>`
                SELECT source, message_id, encode(payload_digest, 'hex') AS payload_digest
                FROM webhook_messages JOIN ${columnsOf(messages)}
                  USING (source, message_id, payload_digest)`.pipe(
                Effect.map((rows) => new Set(rows.map(messageKey)))
              ),
        remember: (messages) =>
          messages.length === 0
            ? Effect.void
            : Effect.flatMap(Clock.currentTimeMillis, (now) =>
                Effect.asVoid(sql`
                  INSERT INTO webhook_messages (source, message_id, payload_digest, received_at)
                  SELECT source, message_id, payload_digest, ${new Date(now)}
                  FROM ${columnsOf(messages)}
                  -- Two batches that hold the same messages must meet them in one order.
                  ORDER BY source, message_id, payload_digest
                  ON CONFLICT DO NOTHING`)
              ),
        forget
      })
    })
  )
}
