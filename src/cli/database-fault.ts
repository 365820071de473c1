/** What is the matter with the database, in one line for a person. Never its URL, which holds a password. */
import { Option, Schema } from "effect"
import type { SqlError } from "effect/sql/SqlError"

/** Of the operating system, or of Postgres. */
const Cause = Schema.Struct({
  code: Schema.optional(Schema.String),
  message: Schema.optional(Schema.String),
  address: Schema.optional(Schema.String),
  port: Schema.optional(Schema.Number),
  hostname: Schema.optional(Schema.String)
})
const decodeCause = Schema.decodeUnknownOption(Cause)

/** https://www.postgresql.org/docs/18/errcodes-appendix.html: invalid authorization specification */
const wrongUser = /^28/
const unknownDatabase = "3D000"

export const databaseFault = ({ message, reason }: SqlError): string => {
  const { address, code, hostname, port, ...cause } = Option.getOrElse(
    decodeCause(reason.cause),
    (): typeof Cause.Type => ({})
  )
  const said =
    cause.message === undefined || cause.message === "" ? (code ?? message) : cause.message
  switch (code) {
    case "ECONNREFUSED": {
      const place = address === undefined ? "" : ` at ${address}:${port}`
      return `The database takes no connections${place}: is it running, and does DATABASE_URL name its host and port?`
    }
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `The database's host ${hostname ?? ""} is not known (${code}): is DATABASE_URL right?`
    case unknownDatabase:
      return `The database cannot be used: ${said}. Create it, or name another in DATABASE_URL.`
    default:
      if (code !== undefined && wrongUser.test(code)) {
        return `The database does not let this user in: ${said}. DATABASE_URL holds user and password.`
      }
      return reason._tag === "ConnectionError"
        ? `The database cannot be reached: ${said}`
        : `The database refused: ${said}`
  }
}
