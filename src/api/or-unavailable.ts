/** A database that fails, or says nothing, is a 503 to who asked the API. */
import { Duration, Effect } from "effect"
import type { SqlError } from "effect/sql"
import { isSqlError } from "effect/sql/SqlError"
import { Unavailable } from "./problems.ts"

const databaseTimeout = Duration.seconds(5)

export const orUnavailable = <A, E, R>(effect: Effect.Effect<A, E | SqlError.SqlError, R>) =>
  orUnavailableAfter(databaseTimeout)(effect)

/** For what takes its time also while the database answers. */
export const orUnavailableAfter =
  (duration: Duration.Duration) =>
  <A, E, R>(effect: Effect.Effect<A, E | SqlError.SqlError, R>) =>
    effect.pipe(
      Effect.catchIf(isSqlError, (error) =>
        Effect.logWarning(`the database did not answer the API: ${error.message}`).pipe(
          Effect.andThen(Effect.fail(unavailable))
        )
      ),
      Effect.timeoutOrElse({ duration, orElse: () => Effect.fail(unavailable) })
    )

const unavailable = new Unavailable({ detail: "the database does not answer: ask again later" })
