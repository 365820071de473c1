/** Is the database away, or did it refuse this statement? The first passes, and says nothing about the statement. */
import { Option, Schema } from "effect"
import type { SqlError } from "effect/sql"

const PostgresFault = Schema.Struct({ code: Schema.String })
const decodeFault = Schema.decodeUnknownOption(PostgresFault)

/**
 * Classes and codes by which Postgres says that it cannot serve anybody now
 * (https://www.postgresql.org/docs/18/errcodes-appendix.html): insufficient resources, operator
 * intervention (shutdown, starting up), system errors, and a primary that has become a standby.
 */
const awayCodes = /^(?:53|57P|58|25006)/

export const isDatabaseAway = (error: SqlError.SqlError): boolean => {
  const { reason } = error
  if (reason._tag === "ConnectionError" || reason._tag === "AuthenticationError") return true
  const fault = decodeFault(reason.cause)
  return Option.isSome(fault) && awayCodes.test(fault.value.code)
}
