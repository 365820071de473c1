/** Names and identifiers, branded so that one is never taken for another. */
import { Schema } from "effect"

const name = (what: string) =>
  Schema.String.pipe(
    Schema.check(
      Schema.isPattern(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}$/, {
        message: `${what} has 1 to 64 letters, digits, -, _ and ., and starts with a letter or digit`
      })
    )
  )

/** A UUIDv7 in lower case, so that jobs sort by the time they were first seen. */
export const JobId = Schema.String.pipe(Schema.brand("JobId"))
export type JobId = typeof JobId.Type

export const TenantId = name("a tenant's id").pipe(Schema.brand("TenantId"))
export type TenantId = typeof TenantId.Type

export const Environment = name("an environment").pipe(Schema.brand("Environment"))
export type Environment = typeof Environment.Type

/** One webhook endpoint of one provider, for one tenant and environment. */
export const SourceId = name("a source's id").pipe(Schema.brand("SourceId"))
export type SourceId = typeof SourceId.Type

/** The symbol of a token in surehook.yaml. It names the token in the file; it never identifies a contract. */
export const TokenSymbol = name("a token's symbol").pipe(Schema.brand("TokenSymbol"))
export type TokenSymbol = typeof TokenSymbol.Type

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

export const jobIdFromText = (text: string): JobId | undefined => {
  const lower = text.toLowerCase()
  return uuidPattern.test(lower) ? JobId.make(lower) : undefined
}
