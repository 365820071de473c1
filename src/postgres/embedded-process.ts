/**
 * What the embedded Postgres asks the operating system about processes.
 *
 * A pid alone says little: it is reused, and a zombie still has one. So a process is named by its
 * pid and its start time, and a server is recognised by the folder that it works in.
 */
import { spawn } from "node:child_process"
import { readdirSync, readFileSync, readlinkSync, realpathSync } from "node:fs"
import { Effect } from "effect"
import { type EmbeddedPostgresError, embeddedPostgresError, reasonOf } from "./embedded-error.ts"

/** The operating system's user that a process is started as; undefined: our own. */
export interface ServerUser {
  readonly uid: number
  readonly gid: number
  readonly name: string
}

export interface ProcessIdentity {
  readonly pid: number
  /** Boot and start time where the system tells them (/proc), else empty. */
  readonly started: string
}

const fileText = (path: string): string | undefined => {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return undefined
  }
}

const hasProc = fileText("/proc/self/stat") !== undefined

/** The boot's id, because start times count from the boot. */
const bootId = fileText("/proc/sys/kernel/random/boot_id")?.trim() ?? ""

/** /proc/<pid>/stat: "pid (name) state ppid …", where a name may hold spaces and parentheses. */
const procStat = (pid: number) => {
  const text = fileText(`/proc/${pid}/stat`)
  if (text === undefined) return undefined
  const rest = text.slice(text.lastIndexOf(")") + 2).split(" ")
  return {
    name: text.slice(text.indexOf("(") + 1, text.lastIndexOf(")")),
    state: rest[0],
    // Field 22 of proc(5); `rest` begins with field 3.
    startTicks: rest[19] ?? ""
  }
}

const answersSignals = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (cause) {
    // It exists, but belongs to somebody else.
    return cause instanceof Error && "code" in cause && cause.code === "EPERM"
  }
}

/** The process that has this pid now; undefined if none runs (a zombie does not run). */
export const identify = (pid: number): ProcessIdentity | undefined => {
  if (!hasProc) return answersSignals(pid) ? { pid, started: "" } : undefined
  const stat = procStat(pid)
  if (stat === undefined || stat.state === "Z" || stat.state === "X") return undefined
  return { pid, started: `${bootId}:${stat.startTicks}` }
}

export const isAlive = (who: ProcessIdentity): boolean => identify(who.pid)?.started === who.started

export const ourselves = (): ProcessIdentity =>
  identify(process.pid) ?? { pid: process.pid, started: "" }

/**
 * The server processes, postmaster and backends, that work on a cluster. All of them have the
 * cluster as their working directory. Undefined where the system does not tell (no /proc).
 */
export const serverProcessesIn = (clusterDir: string): ReadonlyArray<number> | undefined => {
  if (!hasProc) return undefined
  const real = realpathSync(clusterDir)
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => {
      try {
        if (readlinkSync(`/proc/${pid}/cwd`) !== real) return false
      } catch {
        // Gone since, or somebody else's.
        return false
      }
      return procStat(pid)?.name === "postgres" && identify(pid) !== undefined
    })
}

/** Sends a signal; a process that is already gone is fine. */
export const signal = (pid: number, name: NodeJS.Signals): Effect.Effect<void> =>
  Effect.sync(() => {
    try {
      process.kill(pid, name)
    } catch {
      // Gone: which is what a signal to a server is for.
    }
  })

/** How a server or tool is spawned: as its user, from a folder that anybody may enter, without our secrets in its environment. */
export const spawnOptions = (user: ServerUser | undefined) => ({
  ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
  cwd: "/",
  env: {
    PATH: process.env.PATH ?? "/usr/bin:/bin",
    LC_ALL: "C",
    ...(process.env.LD_LIBRARY_PATH === undefined
      ? {}
      : { LD_LIBRARY_PATH: process.env.LD_LIBRARY_PATH })
  }
})

/** What a tool said; more than this is of no use in an error. */
const maxOutputChars = 20_000

/** Runs a short-lived tool to its end. Interruption kills it. */
export const runTool = (
  command: string,
  args: ReadonlyArray<string>,
  options: { readonly user: ServerUser | undefined; readonly stdin?: string }
): Effect.Effect<{ readonly succeeded: boolean; readonly output: string }, EmbeddedPostgresError> =>
  Effect.callback((resume) => {
    const failed = (cause: unknown) =>
      resume(Effect.fail(embeddedPostgresError(`${command} cannot be run: ${reasonOf(cause)}`)))
    try {
      const child = spawn(command, [...args], { ...spawnOptions(options.user), stdio: "pipe" })
      let output = ""
      const collect = (chunk: Buffer) => {
        output = (output + chunk.toString("utf8")).slice(-maxOutputChars)
      }
      child.stdout.on("data", collect)
      child.stderr.on("data", collect)
      child.on("error", failed)
      child.on("close", (code) => resume(Effect.succeed({ succeeded: code === 0, output })))
      // A tool that ends before it has read all is judged by its exit code.
      child.stdin.on("error", () => {})
      child.stdin.end(options.stdin ?? "")
      return Effect.sync(() => {
        child.kill("SIGKILL")
      })
    } catch (cause) {
      failed(cause)
      return undefined
    }
  })
