/** The service as an operator runs it: a process of its own, started from a config file. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { Deferred, Effect, Redacted, type Scope } from "effect"
import { secretText } from "./webhooks.ts"

export interface ServiceProcess {
  readonly url: string
  readonly pid: number
  /** All that it has written so far, to both outputs. */
  readonly output: () => string
  /** Sends a signal, and waits for the end. Gives the exit code, or null if the signal ended it. */
  readonly end: (signal: NodeJS.Signals) => Effect.Effect<number | null>
}

export interface ServiceProcessOptions {
  readonly databaseUrl: Redacted.Redacted<string>
  readonly rpcUrl: string
  /** The contract of USDC, which has 6 decimals. */
  readonly usdc?: string
  readonly env?: Readonly<Record<string, string>>
}

export const processToken = "operator-token-of-the-processes"

const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url))
const isDeno = "Deno" in globalThis

const configText = ({ usdc }: ServiceProcessOptions): string => `
tenants:
  acme:
    sources:
      main: { environment: production, provider: standard, secrets: ["\${MAIN_SECRET}"] }
chains:
  localchain:
    kind: evm
    chain_id: 31337
    rpc: [{ url: "\${RPC_URL}" }]
    confirmations: 1
    tokens:
      ETH: native
${usdc === undefined ? "" : `      USDC: { contract: "${usdc}", decimals: 6 }`}
api:
  tokens: [{ name: ops, role: operator, token: "\${OPS_TOKEN}" }]
`

/** Started and listening; killed with the scope if it still runs. */
export const startServiceProcess = (
  options: ServiceProcessOptions
): Effect.Effect<ServiceProcess, never, Scope.Scope> =>
  Effect.gen(function* () {
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "surehook-process-"))),
      (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
    )
    const config = join(folder, "surehook.yaml")
    writeFileSync(config, configText(options))
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, [...(isDeno ? ["run", "-A"] : []), main, "serve"], {
          cwd: folder,
          env: {
            PATH: process.env.PATH ?? "",
            HOME: process.env.HOME ?? "",
            PORT: "0",
            SUREHOOK_CONFIG: config,
            DATABASE_URL: Redacted.value(options.databaseUrl),
            MAIN_SECRET: secretText,
            OPS_TOKEN: processToken,
            RPC_URL: options.rpcUrl,
            ...options.env
          },
          stdio: ["ignore", "pipe", "pipe"]
        })
      ),
      (child) => Effect.andThen(endWith(child, "SIGKILL"), Effect.void)
    )
    let output = ""
    const listening = Deferred.makeUnsafe<string>()
    const collect = (chunk: Buffer) => {
      output += chunk.toString("utf8")
      const url = /Surehook listens on (http:\/\/[\w.:[\]]+)/.exec(output)?.[1]
      if (url !== undefined) Deferred.doneUnsafe(listening, Effect.succeed(url))
    }
    child.stdout.on("data", collect)
    child.stderr.on("data", collect)
    child.once("exit", (code) =>
      Deferred.doneUnsafe(listening, Effect.die(`the service ended with ${code}: ${output}`))
    )
    return {
      url: yield* Deferred.await(listening),
      pid: child.pid ?? 0,
      output: () => output,
      end: (signal) => endWith(child, signal)
    }
  })

const endWith = (child: ChildProcess, signal: NodeJS.Signals): Effect.Effect<number | null> =>
  Effect.promise(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
    const ended = once(child, "exit")
    // Not child.kill, after which Deno does not tell the exit code.
    if (child.pid !== undefined) process.kill(child.pid, signal)
    await ended
    return child.exitCode
  })
