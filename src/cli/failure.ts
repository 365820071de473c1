/** Why a command could not do its work, in the lines that a person at the terminal sees. */
import { Cause, Console, Effect, Predicate, Schema } from "effect"
import { isSqlError } from "effect/sql/SqlError"
import { databaseFault } from "./database-fault.ts"

/** A command's own reason to end with exit code 1, in words for a person. */
export class CommandRefused extends Schema.TaggedError<CommandRefused>()("CommandRefused", {
  message: Schema.String
}) {}

export const refuse = (message: string): Effect.Effect<never, CommandRefused> =>
  Effect.fail(new CommandRefused({ message }))

/** Already explained. */
export class CommandFailed extends Error {
  override readonly name = "CommandFailed"
}

/** Prints an expected error as its message alone, and exits with 1. Defects keep their trace: they are bugs. */
export const explain = <A, E, R>(
  command: Effect.Effect<A, E, R>
): Effect.Effect<A, CommandFailed, R> =>
  command.pipe(
    Effect.catchCause((cause) => {
      if (Cause.hasInterruptsOnly(cause)) return Effect.interrupt
      const failure = cause.reasons.find(Cause.isFailReason)
      const text = failure === undefined ? Cause.pretty(cause) : messageOf(failure.error)
      return Effect.andThen(Console.error(text), Effect.fail(new CommandFailed()))
    })
  )

const messageOf = (error: unknown): string => {
  if (isSqlError(error)) return databaseFault(error)
  if (!Predicate.isObject(error)) return String(error)
  if (Predicate.hasProperty(error, "_tag") && error._tag === "ServeError") return serveFault(error)
  return Predicate.hasProperty(error, "message") ? String(error.message) : String(error)
}

const ListenFault = Schema.Struct({
  code: Schema.optional(Schema.String),
  message: Schema.String,
  port: Schema.optional(Schema.Number)
})

const serveFault = (error: object): string => {
  const fault = Schema.decodeUnknownOption(Schema.Struct({ cause: ListenFault }))(error)
  if (fault._tag === "None") return "The service cannot listen."
  const { code, message, port } = fault.value.cause
  switch (code) {
    case "EADDRINUSE":
      return `The port ${port ?? ""} is taken by another process: stop it, or choose another with PORT.`
    case "EACCES":
      return `This user may not listen on the port ${port ?? ""}: choose one above 1023 with PORT.`
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return "HOST is not an address of this machine: 127.0.0.1 is this machine alone, 0.0.0.0 all networks."
    default:
      return `The service cannot listen: ${message}`
  }
}
