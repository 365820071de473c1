/**
 * Where the embedded Postgres keeps its data, and as which user it runs.
 *
 * A plain user's server runs as that user, in the data folder. Postgres refuses to run as root, so
 * a root service drops to the owner of existing data, else to `postgres`, else to `nobody`. If that
 * user cannot enter the data folder (a project in /root), the data goes where he can, under a name
 * made from the folder's path, so that every start finds it again.
 */
import { createHash } from "node:crypto"
import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { Effect } from "effect"
import { attempt, type EmbeddedPostgresError, embeddedPostgresError } from "./embedded-error.ts"
import { runTool, type ServerUser } from "./embedded-process.ts"

export interface Place {
  /** The folder that holds everything below. */
  readonly root: string
  readonly clusterDir: string
  readonly logFile: string
  readonly passwordFile: string
  readonly user: ServerUser | undefined
}

/** Where root keeps what the server's user must reach, in the order of preference. */
export const sharedFolders = (): ReadonlyArray<string> => [
  "/var/lib/surehook",
  join(tmpdir(), "surehook")
]

const placeAt = (root: string, user: ServerUser | undefined): Place => ({
  root,
  clusterDir: join(root, "postgres"),
  logFile: join(root, "postgres.log"),
  passwordFile: join(root, "postgres.password"),
  user
})

const holdsCluster = (root: string): boolean => existsSync(join(root, "postgres", "PG_VERSION"))

const accounts = (): ReadonlyArray<ServerUser> =>
  readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"))
    .map((fields) => ({
      name: fields[0] ?? "",
      uid: Number(fields[2]),
      gid: Number(fields[3])
    }))

const unprivilegedUser = Effect.gen(function* () {
  const known = yield* attempt("reading /etc/passwd", accounts)
  for (const name of ["postgres", "nobody"]) {
    const found = known.find((account) => account.name === name && account.uid !== 0)
    if (found !== undefined) return found
  }
  return yield* embeddedPostgresError(
    "Postgres refuses to run as root, and neither `postgres` nor `nobody` is a user of this machine. Start Surehook as another user"
  )
})

const ownerOf = (path: string): Effect.Effect<ServerUser, EmbeddedPostgresError> =>
  attempt(`looking at ${path}`, () => {
    const { uid, gid } = statSync(path)
    const name = accounts().find((account) => account.uid === uid)?.name ?? `user ${uid}`
    return { uid, gid, name }
  })

/** Really tried, as that user: modes alone say nothing of access lists and mounts. */
const canEnter = (user: ServerUser, folder: string) =>
  Effect.map(
    runTool("/bin/sh", ["-c", 'cd -- "$1"', "sh", folder], { user }),
    (tried) => tried.succeeded
  )

/**
 * Makes a folder that anybody may enter. In a folder that anybody may write to, such as /tmp, a
 * stranger could have made it before us.
 */
export const makeSharedFolder = (path: string): Effect.Effect<void, EmbeddedPostgresError> =>
  attempt(`making ${path}`, () => {
    mkdirSync(path, { recursive: true })
    if (!lstatSync(path).isDirectory() || statSync(path).uid !== 0) {
      throw new Error("it belongs to another user")
    }
    chmodSync(path, 0o755)
  })

const makeDataFolder = (path: string) =>
  attempt(`making the data folder ${path}`, () => {
    const existed = existsSync(path)
    mkdirSync(path, { recursive: true })
    // Ours alone to list, but the server's user has to pass through it.
    if (!existed) chmodSync(path, 0o711)
  })

const rootsPlace = Effect.fnUntraced(function* (home: string) {
  const hash = createHash("sha256").update(home).digest("hex").slice(0, 12)
  const elsewhere = sharedFolders().map((folder) => ({ folder, root: join(folder, hash) }))

  for (const root of [home, ...elsewhere.map((place) => place.root)]) {
    if (!holdsCluster(root)) continue
    const user = yield* ownerOf(join(root, "postgres"))
    if (user.uid !== 0 && (yield* canEnter(user, root))) return placeAt(root, user)
    // Never start an empty database while one with data lies here.
    return yield* embeddedPostgresError(
      `the database in ${root} belongs to ${user.name}, who cannot enter that folder. Let him in, or move the data folder`
    )
  }

  const user = yield* unprivilegedUser
  yield* makeDataFolder(home)
  if (yield* canEnter(user, home)) return placeAt(home, user)
  for (const { folder, root } of elsewhere) {
    const usable = yield* makeSharedFolder(folder).pipe(
      Effect.andThen(makeDataFolder(root)),
      Effect.andThen(canEnter(user, root)),
      Effect.catch(() => Effect.succeed(false))
    )
    if (usable) return placeAt(root, user)
  }
  return yield* embeddedPostgresError(
    `it must not run as root, and the user ${user.name} can enter neither ${home} nor ${elsewhere.map((place) => place.root).join(" nor ")}`
  )
})

export const findPlace = Effect.fnUntraced(function* (
  dataDir: string
): Effect.fn.Return<Place, EmbeddedPostgresError> {
  const home = resolve(dataDir)
  if (process.getuid?.() !== 0) {
    yield* makeDataFolder(home)
    return placeAt(home, undefined)
  }
  const place = yield* rootsPlace(home)
  if (place.root !== home) {
    yield* Effect.logInfo(
      `The embedded Postgres runs as ${place.user?.name}, who cannot enter ${home}: its data is in ${place.root}`
    )
  }
  return place
})
