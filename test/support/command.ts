/** The command `surehook` as a user runs it: a process of its own, on Node or on Deno. */
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { Effect, type Scope } from "effect"

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>
  /** Of standard input, which is empty otherwise. */
  readonly stdin?: string
  /** Where it is run; an empty folder otherwise. */
  readonly cwd?: string
  /** A signal that it gets as soon as its standard output holds this text. */
  readonly signal?: { readonly at: string; readonly name: NodeJS.Signals }
}

const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url))
const runtimeArguments = "Deno" in globalThis ? ["run", "-A"] : []

/** Compiled once for all the processes of a test run, which takes a third off each. */
const compileCache = fileURLToPath(
  new URL("../../node_modules/.cache/surehook-tests", import.meta.url)
)

export const emptyFolder: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "surehook-command-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** Runs to its end. None of our own environment reaches it but what finds programs. */
export const surehook = (
  args: ReadonlyArray<string>,
  options: CommandOptions = {}
): Effect.Effect<Ended> =>
  Effect.scoped(
    Effect.gen(function* () {
      const cwd = options.cwd ?? (yield* emptyFolder)
      return yield* Effect.callback<Ended>((resume) => {
        const child = spawn(process.execPath, [...runtimeArguments, main, ...args], {
          cwd,
          env: {
            PATH: process.env.PATH ?? "",
            HOME: process.env.HOME ?? "",
            NODE_COMPILE_CACHE: compileCache,
            ...options.env
          },
          stdio: "pipe"
        })
        let waitingFor = options.signal
        let stdout = ""
        let stderr = ""
        child.stdout.on("data", (chunk: Buffer) => {
          stdout += chunk.toString("utf8")
          if (waitingFor !== undefined && stdout.includes(waitingFor.at) && child.pid) {
            // Not child.kill, after which Deno tells no exit code.
            process.kill(child.pid, waitingFor.name)
            waitingFor = undefined
          }
        })
        child.stderr.on("data", (chunk: Buffer) => {
          stderr += chunk.toString("utf8")
        })
        // A command that reads nothing ends before it is told anything.
        child.stdin.on("error", () => {})
        child.stdin.end(options.stdin ?? "")
        child.on("close", (code) => resume(Effect.succeed({ code, stdout, stderr })))
        return Effect.sync(() => {
          child.kill("SIGKILL")
        })
      })
    })
  )
