/** Why a command could not do its work, in the lines that a person at the terminal sees. */
import { Cause, Console, Effect, Predicate } from "effect"

/** Prints an expected error as its message alone, and exits with 1. Defects keep their trace: they are bugs. */
export const explain = <A, E, R>(
  command: Effect.Effect<A, E, R>
): Effect.Effect<A, CommandFailed, R> =>
  command.pipe(
    Effect.catchCause((cause) => {
      const failure = cause.reasons.find(Cause.isFailReason)
      const text = failure === undefined ? Cause.pretty(cause) : messageOf(failure.error)
      return Effect.andThen(Console.error(text), Effect.fail(new CommandFailed()))
    })
  )

/** Already explained. */
export class CommandFailed extends Error {
  override readonly name = "CommandFailed"
}

const messageOf = (error: unknown): string => {
  if (!Predicate.isObject(error)) return String(error)
  if (Predicate.hasProperty(error, "_tag") && error._tag === "ServeError") return serveFault(error)
  return Predicate.hasProperty(error, "message") ? String(error.message) : String(error)
}

const serveFault = (error: object): string => {
  const cause = Predicate.hasProperty(error, "cause") ? error.cause : undefined
  const code = Predicate.hasProperty(cause, "code") ? cause.code : undefined
  switch (code) {
    case "EADDRINUSE":
      return "The port is taken by another process: stop it, or choose another with PORT."
    case "EACCES":
      return "This user may not listen on the port: choose one above 1023 with PORT."
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return "HOST is not an address of this machine: 127.0.0.1 is this machine alone, 0.0.0.0 all networks."
    default:
      return `The service cannot listen: ${cause instanceof Error ? cause.message : "unknown reason"}`
  }
}
