/**
 * The pool of connections to Postgres, from a URL as libpq reads it.
 *
 * Connections are opened when they are needed, and one that died is replaced by the next query:
 * after the database was away, queries fail until it is back, and then succeed again.
 */
import { readFileSync } from "node:fs"
import type { ConnectionOptions } from "node:tls"
import { PgClient } from "@effect/sql-pg"
import { Cause, type Duration, Effect, Option, Redacted, Schema } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { isSqlError, type SqlError } from "effect/sql/SqlError"

export interface PostgresClientOptions {
  readonly url: Redacted.Redacted<string>
  readonly maxConnections: number
  readonly connectTimeout?: Duration.Input
  /** Lets queries of several fibers share a connection, pipelined. Transactions never share. */
  readonly multiplex?: boolean
  /** Every connection works as this role: see `serviceRole`. */
  readonly role?: string
  /** Settings that every connection begins with. */
  readonly settings?: Readonly<Record<string, string>>
}

/** The URL is not one, or names a file that cannot be read. Never says the URL itself, which holds a password. */
export class PostgresUrlError extends Schema.TaggedError<PostgresUrlError>()("PostgresUrlError", {
  message: Schema.String
}) {}

/** Probes an idle connection, so that a peer that vanished without a word is noticed. */
const keepAlive = "30 seconds"

const parse = (url: Redacted.Redacted<string>): Effect.Effect<URL, PostgresUrlError> => {
  const parsed = URL.parse(Redacted.value(url))
  return parsed !== null && /^postgres(ql)?:$/.test(parsed.protocol)
    ? Effect.succeed(parsed)
    : Effect.fail(
        new PostgresUrlError({
          message:
            "DATABASE_URL is not a Postgres URL. It looks like postgres://user:password@host:5432/database, with special characters of the password percent-encoded"
        })
      )
}

/**
 * TLS as libpq and psql understand `sslmode`. The driver alone would verify certificates also for
 * `require`, which fails with the self-signed ones of many hosted databases.
 * Undefined: leave it to the driver (`prefer` and `allow` fall back to plain text, and verify).
 */
const tlsOptions = (url: URL): Effect.Effect<ConnectionOptions | undefined, PostgresUrlError> => {
  const mode = url.searchParams.get("sslmode")
  const rootCertificate = url.searchParams.get("sslrootcert")
  if (
    mode !== "require" &&
    mode !== "verify-ca" &&
    mode !== "verify-full" &&
    mode !== "no-verify"
  ) {
    return Effect.succeed(undefined)
  }
  // libpq: with a root certificate, `require` means `verify-ca`.
  const verify = mode.startsWith("verify") || (mode === "require" && rootCertificate !== null)
  if (!verify) return Effect.succeed({ rejectUnauthorized: false })
  const hostUnchecked = mode === "verify-full" ? {} : { checkServerIdentity: () => undefined }
  if (rootCertificate === null || rootCertificate === "system") {
    return Effect.succeed({ rejectUnauthorized: true, ...hostUnchecked })
  }
  return Effect.try({
    try: () => ({
      rejectUnauthorized: true,
      ca: readFileSync(rootCertificate, "utf8"),
      ...hostUnchecked
    }),
    catch: () =>
      new PostgresUrlError({
        message: `The file ${rootCertificate}, which sslrootcert in DATABASE_URL names, cannot be read`
      })
  })
}

/** What the driver is given for these options. */
export const poolConfig = Effect.fnUntraced(function* (
  options: PostgresClientOptions
): Effect.fn.Return<PgClient.PgPoolConfig, PostgresUrlError> {
  const url = yield* parse(options.url)
  const ssl = yield* tlsOptions(url)
  // Said by `ssl` now, and `no-verify` is unknown to the driver.
  if (ssl !== undefined) url.searchParams.delete("sslmode")
  // The driver takes startup options from one place only, so those of the URL come along.
  const startupOptions =
    options.role === undefined
      ? undefined
      : [url.searchParams.get("options"), `-c role=${options.role}`]
          .filter((part) => part !== null)
          .join(" ")
  return {
    url: Redacted.make(url.href),
    applicationName: "surehook",
    maxConnections: options.maxConnections,
    multiplex: options.multiplex ?? false,
    keepAlive,
    ...(options.connectTimeout === undefined ? {} : { connectTimeout: options.connectTimeout }),
    ...(ssl === undefined ? {} : { ssl }),
    ...(options.settings === undefined ? {} : { startupParameters: options.settings }),
    ...(startupOptions === undefined ? {} : { startupOptions })
  }
})

/**
 * The driver's `withTransaction` rolls back after a failure, and dies of it if that fails too. It
 * always fails when the connection is gone, so a database that goes away in the middle of a
 * transaction would be a defect that no `catchTag("SqlError")` sees, and end a worker's fiber.
 */
const failInsteadOfDying = <A, E, R>(
  transaction: Effect.Effect<A, E | SqlError, R>
): Effect.Effect<A, E | SqlError, R> =>
  Effect.catchCause(transaction, (cause) =>
    Effect.failCause(
      Cause.fromReasons<E | SqlError>(
        cause.reasons.map((reason) =>
          Cause.isDieReason(reason) && isSqlError(reason.defect)
            ? Cause.makeFailReason(reason.defect)
            : reason
        )
      )
    )
  )

const makeClient = (options: PostgresClientOptions) =>
  Effect.gen(function* () {
    const client = yield* PgClient.make(yield* poolConfig(options))
    const { withTransaction } = client
    return Object.assign(client, {
      withTransaction: <A, E, R>(effect: Effect.Effect<A, E, R>) =>
        failInsteadOfDying(withTransaction(effect))
    })
  })

export const layer = (options: PostgresClientOptions) => PgClient.layerFrom(makeClient(options))

const serviceRoleName = "surehook_service"

const Usable = Schema.Array(Schema.Struct({ usable: Schema.Boolean }))

/**
 * The role without the right to change history, which migrations make; none if it does not exist,
 * or we may not take it (a hosted database where the migrations could not create roles).
 */
export const serviceRole = Effect.gen(function* () {
  const sql = yield* SqlClient
  // Since Postgres 16 being a member of a role and being allowed to take it are two things.
  const rows = yield* sql`
    SELECT pg_has_role(current_user, oid, CASE
      WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET'
      ELSE 'MEMBER'
    END) AS usable
    FROM pg_roles
    WHERE rolname = ${serviceRoleName}`
  const [row] = yield* Effect.orDie(Schema.decodeUnknownEffect(Usable)(rows))
  return row?.usable === true ? Option.some(serviceRoleName) : Option.none()
})
