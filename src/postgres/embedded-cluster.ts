/**
 * The database cluster on disk: made on the first start, checked on every later one.
 */
import { randomBytes } from "node:crypto"
import {
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { join } from "node:path"
import { Effect, Redacted } from "effect"
import type { Binaries } from "./embedded-binaries.ts"
import { attempt, type EmbeddedPostgresError, embeddedPostgresError } from "./embedded-error.ts"
import type { Place } from "./embedded-place.ts"
import { runTool, type ServerUser } from "./embedded-process.ts"

export const databaseName = "surehook"
export const superuserName = "surehook"

const giveTo = (user: ServerUser | undefined, path: string): void => {
  if (user !== undefined) chownSync(path, user.uid, user.gid)
}

/** The password in its file, which only the service's own user may read. */
const readPassword = (
  place: Place
): Effect.Effect<Redacted.Redacted<string>, EmbeddedPostgresError> =>
  attempt(`reading the database's password in ${place.passwordFile}`, () =>
    Redacted.make(readFileSync(place.passwordFile, "utf8").trim())
  )

const ensurePassword = (place: Place) =>
  Effect.andThen(
    attempt(`writing ${place.passwordFile}`, () => {
      // A password that an interrupted first start left behind is as good as a new one.
      if (!existsSync(place.passwordFile)) {
        const unfinished = `${place.passwordFile}.${process.pid}`
        writeFileSync(unfinished, randomBytes(24).toString("hex"), { mode: 0o600 })
        renameSync(unfinished, place.passwordFile)
      }
    }),
    readPassword(place)
  )

const lastLine = (output: string): string => output.trim().split("\n").slice(-3).join(" ")

/**
 * initdb into a folder beside the cluster's, made the cluster by one rename at the end: a first
 * start that is killed half-way leaves nothing that a second would take for a database.
 */
const createCluster = Effect.fnUntraced(function* (place: Place, binaries: Binaries) {
  const { user } = place
  const password = yield* ensurePassword(place)
  const unfinished = `${place.clusterDir}.unfinished`
  // initdb runs as the server's user, who must not read ours: he gets a copy for the moment.
  const passwordCopy = join(place.root, "initdb.password")
  yield* attempt(`making ${unfinished}`, () => {
    rmSync(unfinished, { recursive: true, force: true })
    mkdirSync(unfinished, { mode: 0o700 })
    giveTo(user, unfinished)
    rmSync(passwordCopy, { force: true })
    writeFileSync(passwordCopy, Redacted.value(password), { mode: 0o600, flag: "wx" })
    giveTo(user, passwordCopy)
  })
  const initdb = yield* runTool(
    binaries.initdb,
    [
      `--pgdata=${unfinished}`,
      `--username=${superuserName}`,
      `--pwfile=${passwordCopy}`,
      "--auth=scram-sha-256",
      "--encoding=UTF8",
      "--locale=C",
      "--no-instructions"
    ],
    { user }
  ).pipe(Effect.ensuring(Effect.sync(() => rmSync(passwordCopy, { force: true }))))
  if (!initdb.succeeded) {
    return yield* embeddedPostgresError(`initdb failed: ${lastLine(initdb.output)}`)
  }
  // Single-user mode, so that no half-made cluster ever listens.
  const createDatabase = yield* runTool(
    binaries.postgres,
    ["--single", "-D", unfinished, "postgres"],
    { user, stdin: `CREATE DATABASE ${databaseName}\n` }
  )
  if (!createDatabase.succeeded || /ERROR|FATAL/.test(createDatabase.output)) {
    return yield* embeddedPostgresError(
      `the database could not be created: ${lastLine(createDatabase.output)}`
    )
  }
  yield* attempt(`making ${place.clusterDir}`, () => renameSync(unfinished, place.clusterDir))
  return password
})

/** Makes the cluster if there is none, and gives the superuser's password. */
export const ensureCluster = Effect.fnUntraced(function* (
  place: Place,
  binaries: Binaries
): Effect.fn.Return<Redacted.Redacted<string>, EmbeddedPostgresError> {
  const versionFile = join(place.clusterDir, "PG_VERSION")
  if (!existsSync(versionFile)) {
    if (existsSync(place.clusterDir)) {
      return yield* embeddedPostgresError(
        `${place.clusterDir} exists, but holds no database (it has no PG_VERSION). Move it away, or restore it`
      )
    }
    return yield* createCluster(place, binaries)
  }
  const version = yield* attempt(`reading ${versionFile}`, () =>
    readFileSync(versionFile, "utf8").trim()
  )
  if (version !== String(binaries.majorVersion)) {
    return yield* embeddedPostgresError(
      `the data in ${place.clusterDir} was written by Postgres ${version}, and this is Postgres ${binaries.majorVersion}. Use the Surehook version that wrote it, or move the data with pg_dump or pg_upgrade`
    )
  }
  return yield* readPassword(place)
})

/** Where to connect to. */
export const connectionUrl = (
  password: Redacted.Redacted<string>,
  port: number
): Redacted.Redacted<string> =>
  Redacted.make(
    `postgres://${superuserName}:${Redacted.value(password)}@127.0.0.1:${port}/${databaseName}`
  )

export { readPassword as clusterPassword }
