/**
 * One instance of the service, as an orchestrator runs it: a process that is started again whenever
 * it ends.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { Deferred, Effect } from "effect"

export interface Instance {
  readonly name: string
  /** Of the newest run; undefined before the first one listens. */
  readonly url: () => string | undefined
  readonly pid: () => number | undefined
  /** Ends this run; the next starts after a pause. Succeeds when it has ended. */
  readonly end: (signal: "SIGKILL" | "SIGTERM", pauseMillis: number) => Effect.Effect<void>
  /** Succeeds when the present run, or the next one, listens. */
  readonly listening: Effect.Effect<string>
  readonly setClockShift: (millis: number) => Effect.Effect<void>
}

/** How a run ended that nobody had ended. */
export interface OwnEnd {
  readonly instance: string
  readonly code: number | null
  readonly hadListened: boolean
  /** The last that it wrote. */
  readonly output: string
}

export interface InstanceOptions {
  readonly name: string
  readonly folder: string
  readonly env: Readonly<Record<string, string>>
  readonly onOwnEnd: (end: OwnEnd) => void
}

interface Run {
  readonly child: ChildProcess
  readonly listening: Deferred.Deferred<string>
  readonly ended: Deferred.Deferred<number | null>
  isWanted: boolean
  pauseMillis: number
  url: string | undefined
  output: string
}

const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url))
const clockShift = fileURLToPath(new URL("./clock-shift.ts", import.meta.url))
const isDeno = "Deno" in globalThis
const nodeFlags = isDeno ? ["run", "-A", "--preload", clockShift] : ["--import", clockShift]

const pauseAfterOwnEndMillis = 500
const keptOutputChars = 4000
const lookEveryMillis = 25

const launch = ({ env, folder }: InstanceOptions, clockFile: string): Run => {
  const child = spawn(process.execPath, [...nodeFlags, main, "serve"], {
    cwd: folder,
    env: {
      PATH: process.env.PATH ?? "",
      HOME: process.env.HOME ?? "",
      CHAOS_CLOCK_FILE: clockFile,
      ...env
    },
    stdio: ["ignore", "pipe", "pipe"]
  })
  const run: Run = {
    child,
    listening: Deferred.makeUnsafe<string>(),
    ended: Deferred.makeUnsafe<number | null>(),
    isWanted: true,
    pauseMillis: pauseAfterOwnEndMillis,
    url: undefined,
    output: ""
  }
  const collect = (chunk: Buffer) => {
    run.output = (run.output + chunk.toString("utf8")).slice(-keptOutputChars)
    run.url ??= /Surehook listens on (http:\/\/[\w.:[\]]+)/.exec(run.output)?.[1]
    if (run.url !== undefined) Deferred.doneUnsafe(run.listening, Effect.succeed(run.url))
  }
  child.stdout?.on("data", collect)
  child.stderr?.on("data", collect)
  child.once("exit", (code) => Deferred.doneUnsafe(run.ended, Effect.succeed(code)))
  return run
}

const sendSignal = (run: Run, signal: NodeJS.Signals): void => {
  const { exitCode, pid, signalCode } = run.child
  // Not child.kill, after which Deno does not tell the exit code.
  if (pid !== undefined && exitCode === null && signalCode === null) process.kill(pid, signal)
}

/** Runs until the scope ends. */
export const startInstance = (options: InstanceOptions) =>
  Effect.gen(function* () {
    const clockFile = join(options.folder, `${options.name}.clock`)
    let current: Run | undefined
    let url: string | undefined

    const supervise = Effect.scoped(
      Effect.gen(function* () {
        const run = yield* Effect.acquireRelease(
          Effect.sync(() => launch(options, clockFile)),
          (run) =>
            Effect.suspend(() => {
              sendSignal(run, "SIGKILL")
              return Deferred.await(run.ended)
            })
        )
        current = run
        const code = yield* Deferred.await(run.ended)
        if (run.isWanted) {
          const hadListened = run.url !== undefined
          options.onOwnEnd({ instance: options.name, code, hadListened, output: run.output })
        }
        return run.pauseMillis
      })
    ).pipe(Effect.flatMap((millis) => Effect.sleep(millis)))

    yield* Effect.forkScoped(Effect.forever(supervise))
    return {
      name: options.name,
      url: () => {
        url = current?.url ?? url
        return url
      },
      pid: () => current?.child.pid,
      end: (signal, pauseMillis) =>
        Effect.suspend(() => {
          const run = current
          if (run === undefined) return Effect.void
          run.isWanted = false
          run.pauseMillis = pauseMillis
          sendSignal(run, signal)
          return Effect.asVoid(Deferred.await(run.ended))
        }),
      listening: Effect.suspend(() =>
        current?.url !== undefined && current.isWanted
          ? Effect.succeed(current.url)
          : Effect.fail("not yet")
      ).pipe(
        Effect.retry({ while: () => Effect.as(Effect.sleep(lookEveryMillis), true) }),
        Effect.orDie
      ),
      setClockShift: (millis) => Effect.sync(() => writeFileSync(clockFile, `${millis}`))
    } satisfies Instance
  })
