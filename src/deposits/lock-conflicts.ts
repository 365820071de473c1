/**
 * Transactions that Postgres undid because of another one, and which may simply go again.
 *
 * Batches lock their rows in one order, so this is rare. After a deadlock Postgres has aborted the
 * whole transaction, and every further statement in it fails: only the outermost begins again.
 */
import type { PgClient } from "@effect/sql-pg"
import { Effect, Option, Schedule } from "effect"
import { isSqlError } from "effect/sql/SqlError"

const maxRetries = 3
const schedule = Schedule.exponential("5 millis").pipe(Schedule.jittered)

/** The effect, tried again after a lock conflict unless a transaction is around it. */
export const retryLockConflicts =
  (sql: PgClient.PgClient) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.flatMap(Effect.serviceOption(sql.transactionService), (around) =>
      Option.isSome(around)
        ? effect
        : Effect.retry(effect, { schedule, times: maxRetries, while: isLockConflict })
    )

const isLockConflict = (error: unknown): boolean =>
  isSqlError(error) &&
  (error.reason._tag === "DeadlockError" || error.reason._tag === "SerializationError")
