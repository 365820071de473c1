/**
 * Who may run the server on a data folder.
 *
 * - The owner file names the service process whose server runs there. While it lives, others
 *   attach to its server; when it is dead, what it left behind may be stopped.
 * - The start lock is held by whoever starts or stops a server, so that two starts at the same
 *   moment make one server.
 *
 * A holder that is killed leaves its files behind, so both name the process, and only a living
 * process counts.
 */
import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { join } from "node:path"
import { Clock, Duration, Effect, Option, Random, Schema, type Scope } from "effect"
import { attempt, type EmbeddedPostgresError, embeddedPostgresError } from "./embedded-error.ts"
import { isAlive, ourselves, type ProcessIdentity } from "./embedded-process.ts"

const Owner = Schema.fromJsonString(Schema.Struct({ pid: Schema.Int, started: Schema.String }))

const ownerFile = (root: string) => join(root, "owner.json")

/** The living process that owns the server here; none if nobody does, or the owner died. */
export const livingOwner = (root: string): Effect.Effect<Option.Option<ProcessIdentity>> =>
  attempt("reading the owner file", () => readFileSync(ownerFile(root), "utf8")).pipe(
    // A file that makes no sense names nobody.
    Effect.flatMap(Schema.decodeEffect(Owner)),
    Effect.option,
    Effect.map(Option.filter(isAlive))
  )

export const becomeOwner = (root: string): Effect.Effect<void, EmbeddedPostgresError> =>
  attempt("writing the owner file", () => {
    const unfinished = `${ownerFile(root)}.${process.pid}`
    writeFileSync(unfinished, `${JSON.stringify(ourselves())}\n`)
    renameSync(unfinished, ownerFile(root))
  })

export const resignOwnership = (root: string): Effect.Effect<void> =>
  Effect.ignore(attempt("removing the owner file", () => rmSync(ownerFile(root), { force: true })))

/** Longer than any start that is still making progress: after a crash Postgres replays its log first. */
const lockPatience = Duration.minutes(6)

const lockName = /^start-lock\.(\d+)\.(.*)\.\d+$/

let locksMade = 0

/**
 * One attempt at the lock. Everybody puts down a file of his own and looks for those of others
 * afterwards: of two, at least the later one sees the other's and goes back. There is no file to
 * take over from a dead holder, and so no moment at which two take it over.
 */
const tryLock = (root: string): { readonly file: string } | { readonly holder: number } => {
  const us = ourselves()
  locksMade += 1
  const name = `start-lock.${us.pid}.${us.started}.${locksMade}`
  const file = join(root, name)
  closeSync(openSync(file, "wx", 0o600))
  for (const other of readdirSync(root)) {
    const match = lockName.exec(other)
    if (match === null || other === name) continue
    const holder = { pid: Number(match[1]), started: match[2] ?? "" }
    if (isAlive(holder)) {
      rmSync(file, { force: true })
      return { holder: holder.pid }
    }
    rmSync(join(root, other), { force: true })
  }
  return { file }
}

/** Holds the start lock until the scope closes. */
export const holdStartLock = (
  root: string
): Effect.Effect<void, EmbeddedPostgresError, Scope.Scope> =>
  // Only the pauses can be interrupted: a lock that was taken and not registered would stay.
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const deadline = (yield* Clock.currentTimeMillis) + Duration.toMillis(lockPatience)
      while (true) {
        const got = yield* attempt("taking the start lock", () => tryLock(root))
        if ("file" in got) {
          return yield* Effect.addFinalizer(() =>
            Effect.sync(() => rmSync(got.file, { force: true }))
          )
        }
        if ((yield* Clock.currentTimeMillis) > deadline) {
          return yield* embeddedPostgresError(
            `process ${got.holder} has been starting or stopping the database in ${root} for ${Duration.format(lockPatience)}`
          )
        }
        // Uneven, or two that met would meet again.
        yield* restore(Effect.sleep(Duration.millis(yield* Random.nextIntBetween(10, 60))))
      }
    })
  )
