/** Why the embedded Postgres cannot serve, in one line for the person at the terminal. */
import { Effect, Schema } from "effect"

export class EmbeddedPostgresError extends Schema.TaggedError<EmbeddedPostgresError>()(
  "EmbeddedPostgresError",
  {
    /** One line: what went wrong, and the other way out. */
    message: Schema.String
  }
) {}

export const embeddedPostgresError = (why: string) =>
  new EmbeddedPostgresError({
    message: `The embedded Postgres cannot start: ${why
      .trim()
      .replace(/\s*\n\s*/g, " ")
      .replace(/\.$/, "")}. To use a Postgres of your own, set DATABASE_URL.`
  })

/** What a thrown value says for itself. */
export const reasonOf = (cause: unknown): string =>
  cause instanceof Error ? cause.message : String(cause)

/** A synchronous step of the start; `doing` completes the sentence "failed while …". */
export const attempt = <A>(doing: string, body: () => A): Effect.Effect<A, EmbeddedPostgresError> =>
  Effect.try({
    try: body,
    catch: (cause) => embeddedPostgresError(`it failed while ${doing}: ${reasonOf(cause)}`)
  })
