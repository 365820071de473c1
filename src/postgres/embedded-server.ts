/**
 * One run of the server process: start it and wait until it takes connections, stop it, find and
 * stop one that a dead service left behind.
 */
import { spawn } from "node:child_process"
import {
  chownSync,
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync
} from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { Clock, Deferred, Duration, Effect, Option } from "effect"
import type { Binaries } from "./embedded-binaries.ts"
import {
  attempt,
  type EmbeddedPostgresError,
  embeddedPostgresError,
  reasonOf
} from "./embedded-error.ts"
import type { Place } from "./embedded-place.ts"
import { identify, serverProcessesIn, signal, spawnOptions } from "./embedded-process.ts"

export interface RunningServer {
  readonly pid: number
  readonly port: number
  /** Succeeds, with how it ended, when the process has ended. */
  readonly ended: Effect.Effect<string>
  readonly hasEnded: () => boolean
}

/** For a small machine of its own; whoever needs more has a Postgres, and sets DATABASE_URL. */
const settings: Readonly<Record<string, string>> = {
  max_connections: "200",
  shared_buffers: "256MB",
  maintenance_work_mem: "128MB",
  fsync: "on",
  synchronous_commit: "on",
  max_wal_size: "4GB",
  checkpoint_timeout: "15min",
  random_page_cost: "1.1",
  jit: "off",
  timezone: "UTC",
  log_timezone: "UTC",
  // What a statement did wrong is told to its client, and its values (payloads) belong in no log.
  log_min_messages: "log",
  log_min_error_statement: "panic",
  log_checkpoints: "off"
}

const pollInterval = Duration.millis(15)
/** A server that crashed replays up to max_wal_size before it takes connections. */
const startTimeout = Duration.minutes(5)
const fastStopTimeout = Duration.seconds(10)
const immediateStopTimeout = Duration.seconds(5)
const maxLogBytes = 10 * 1024 * 1024

const loopback = "127.0.0.1"

/** Listens for a moment to see whether a port is free; 0 finds one that is. */
const probePort = (port: number): Effect.Effect<Option.Option<number>> =>
  Effect.callback((resume) => {
    const probe = createServer()
    probe.once("error", () => resume(Effect.succeed(Option.none())))
    probe.listen(port, loopback, () => {
      const address = probe.address()
      const found = address !== null && typeof address === "object" ? address.port : port
      probe.close(() => resume(Effect.succeed(Option.some(found))))
    })
  })

/** The wanted port, or a free one if it is taken. */
export const choosePort = Effect.fnUntraced(function* (
  wanted: number
): Effect.fn.Return<number, EmbeddedPostgresError> {
  for (const candidate of [wanted, 0]) {
    const free = yield* probePort(candidate)
    if (Option.isSome(free)) return free.value
  }
  return yield* embeddedPostgresError(`no port on ${loopback} is free`)
})

/** What postmaster.pid says: the file by which Postgres itself announces its state. */
export const readPostmasterFile = (clusterDir: string) => {
  try {
    const lines = readFileSync(join(clusterDir, "postmaster.pid"), "utf8").split("\n")
    return {
      pid: Number(lines[0]),
      port: Number(lines[3]),
      ready: lines[7]?.trim() === "ready"
    }
  } catch {
    return undefined
  }
}

const readFrom = (path: string, offset: number): string => {
  const maxBytes = 64 * 1024
  const file = openSync(path, "r")
  try {
    const buffer = Buffer.alloc(maxBytes)
    const length = readSync(file, buffer, 0, maxBytes, offset)
    return buffer.toString("utf8", 0, length)
  } finally {
    closeSync(file)
  }
}

/** The line of the log that says why the server gave up: its last FATAL or PANIC, else its last line. */
const complaintSince = (logFile: string, offset: number): string => {
  try {
    const lines = readFrom(logFile, offset)
      .split("\n")
      .filter((line) => line.trim() !== "")
    const fatal = lines.filter((line) => /\b(FATAL|PANIC):/.test(line)).at(-1)
    return (fatal ?? lines.at(-1) ?? "").replace(/^.*?\b(?=FATAL:|PANIC:)/, "")
  } catch {
    return ""
  }
}

/** Opens the log for appending, and says where the run about to begin starts in it. */
const openLog = (place: Place) => {
  if (existsSync(place.logFile) && statSync(place.logFile).size > maxLogBytes) {
    renameSync(place.logFile, `${place.logFile}.1`)
  }
  const file = openSync(place.logFile, "a", 0o600)
  if (place.user !== undefined) chownSync(place.logFile, place.user.uid, place.user.gid)
  return { file, offset: statSync(place.logFile).size }
}

const launch = (
  place: Place,
  binaries: Binaries,
  port: number,
  overrides: Readonly<Record<string, string>>
) =>
  attempt("starting the server process", () => {
    const all: Readonly<Record<string, string>> = {
      ...settings,
      ...overrides,
      listen_addresses: loopback,
      port: String(port),
      unix_socket_directories: ""
    }
    const args = Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`])
    const log = openLog(place)
    const ended = Deferred.makeUnsafe<string>()
    try {
      const child = spawn(binaries.postgres, ["-D", place.clusterDir, ...args], {
        ...spawnOptions(place.user),
        // Its own session: the terminal's Ctrl-C goes to the service alone, which stops the
        // server after its workers have drained.
        detached: true,
        stdio: ["ignore", log.file, log.file]
      })
      child.once("exit", (code, by) =>
        Deferred.doneUnsafe(
          ended,
          Effect.succeed(by === null ? `exit code ${code}` : `signal ${by}`)
        )
      )
      child.once("error", (cause) => Deferred.doneUnsafe(ended, Effect.succeed(reasonOf(cause))))
      return {
        pid: child.pid,
        ended: Deferred.await(ended),
        hasEnded: () => Deferred.isDoneUnsafe(ended),
        logOffset: log.offset
      }
    } finally {
      closeSync(log.file)
    }
  })

/**
 * Looks again and again, as pg_ctl does, and says whether it came true in time. Not a race with a
 * timer: it also runs in finalizers, where the loser of a race cannot be interrupted.
 */
const comesTrue = Effect.fnUntraced(function* (check: () => boolean, patience: Duration.Duration) {
  const deadline = (yield* Clock.currentTimeMillis) + Duration.toMillis(patience)
  while (!check()) {
    if ((yield* Clock.currentTimeMillis) >= deadline) return false
    yield* Effect.sleep(pollInterval)
  }
  return true
})

/** Whether a server on this cluster takes connections, waiting for it if need be. */
export const becomesReady = (clusterDir: string, patience: Duration.Duration) =>
  comesTrue(() => readPostmasterFile(clusterDir)?.ready === true, patience)

/**
 * Starts the server; succeeds when it takes connections. A start that fails or is interrupted
 * leaves none behind. `adopt` gets the process at once, so that it is never without a keeper.
 */
export const startServer = (
  place: Place,
  binaries: Binaries,
  port: number,
  overrides: Readonly<Record<string, string>>,
  adopt: (server: RunningServer) => void
): Effect.Effect<RunningServer, EmbeddedPostgresError> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const { ended, hasEnded, logOffset, pid } = yield* launch(place, binaries, port, overrides)
      if (pid === undefined) {
        return yield* embeddedPostgresError(`${binaries.postgres} cannot be run: ${yield* ended}`)
      }
      const server = { pid, port, ended, hasEnded }
      adopt(server)
      const isReady = () => {
        const file = readPostmasterFile(place.clusterDir)
        return file !== undefined && file.pid === pid && file.ready
      }
      const decided = yield* restore(comesTrue(() => hasEnded() || isReady(), startTimeout)).pipe(
        Effect.onInterrupt(() => stopServer(server))
      )
      if (!decided) {
        yield* stopServer(server)
        return yield* embeddedPostgresError(
          `the server takes no connections after ${Duration.format(startTimeout)} (see ${place.logFile})`
        )
      }
      if (hasEnded()) {
        const complaint = complaintSince(place.logFile, logOffset)
        return yield* embeddedPostgresError(
          `${complaint === "" ? `the server ended with ${yield* ended}` : complaint} (see ${place.logFile})`
        )
      }
      return server
    })
  )

/** Fast first; one that hangs is cut short, and Postgres then recovers from its log at the next start. */
const stopSteps: ReadonlyArray<readonly [NodeJS.Signals, Duration.Duration]> = [
  ["SIGINT", fastStopTimeout],
  ["SIGQUIT", immediateStopTimeout],
  ["SIGKILL", immediateStopTimeout]
]

export const stopServer = Effect.fnUntraced(function* (
  server: Pick<RunningServer, "pid" | "hasEnded">
) {
  for (const [name, patience] of stopSteps) {
    if (server.hasEnded()) return
    yield* signal(server.pid, name)
    if (yield* comesTrue(server.hasEnded, patience)) return
  }
})

/**
 * Makes sure that nothing of an earlier run works on the cluster: stops a server whose service
 * died, and waits for backends whose postmaster died, since two servers on one cluster destroy it.
 */
export const clearLeftovers = Effect.fnUntraced(function* (
  clusterDir: string
): Effect.fn.Return<void, EmbeddedPostgresError> {
  if (!existsSync(clusterDir)) return
  const leftovers = (): ReadonlyArray<number> => {
    const seen = serverProcessesIn(clusterDir)
    if (seen !== undefined) return seen
    const pid = readPostmasterFile(clusterDir)?.pid
    return pid !== undefined && identify(pid) !== undefined ? [pid] : []
  }
  const none = () => leftovers().length === 0

  for (const [name, patience] of stopSteps) {
    if (none()) break
    const postmaster = readPostmasterFile(clusterDir)?.pid
    const found = leftovers()
    // Fast shutdown is for the postmaster alone: it tells its backends. Those without a
    // postmaster end by themselves.
    const targets = name === "SIGINT" ? found.filter((pid) => pid === postmaster) : found
    if (name === "SIGINT" && targets.length > 0) {
      yield* Effect.logWarning(
        `Stopping the database server ${targets.join()}, whose service ended without stopping it`
      )
    }
    yield* Effect.forEach(targets, (pid) => signal(pid, name))
    yield* comesTrue(none, patience)
  }
  if (!none()) {
    return yield* embeddedPostgresError(
      `the server process ${leftovers().join(", ")} still works on ${clusterDir} and cannot be stopped`
    )
  }
  // The system says that no server is here. Postgres itself would be misled by a zombie, or by
  // another process of ours that got the old pid since.
  if (serverProcessesIn(clusterDir) !== undefined) {
    yield* attempt("removing a stale postmaster.pid", () =>
      rmSync(join(clusterDir, "postmaster.pid"), { force: true })
    )
  }
})
