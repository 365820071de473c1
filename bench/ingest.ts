/** Webhooks acknowledged per second: each is verified, decoded and durable before its 200. */

import { spawn } from "node:child_process"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { NodeServices } from "@effect/platform-node"
import { Context, Effect, Layer, type Redacted, Schema } from "effect"
import { HttpServer } from "effect/http"
import { Scanners } from "../src/chains/scanner.ts"
import { defaultIntakeOptions, Intake, type IntakeOptions } from "../src/ingest/intake.ts"
import { serviceWith } from "../src/service.ts"
import { Orders, Result } from "./load.ts"
import { memoryValidator } from "./memory-validator.ts"
import { environmentOf, freshDatabase, secret } from "./setup.ts"

const connections = 64
const warmupSeconds = 1
const seconds = 4
/** More than any machine of this size acknowledges in that time. */
const maxRequests = 100_000

/** Each webhook in a transaction of its own, as many at a time as the pool has connections. */
export const oneByOne: IntakeOptions = { ...defaultIntakeOptions, maxBatch: 1, committers: 10 }
export const grouped = defaultIntakeOptions

export const measureIngest = (server: Redacted.Redacted<string>, options: IntakeOptions) =>
  Effect.gen(function* () {
    const databaseUrl = yield* freshDatabase(server)
    const context = yield* Layer.build(
      serviceWith({
        chains: Layer.merge(memoryValidator, Scanners.none),
        intake: Intake.layerWith(options)
      }).pipe(
        Layer.provide(
          environmentOf(databaseUrl, {
            FUNDING_WORKER_ENABLED: "false",
            FUNDING_RECONCILIATION_ENABLED: "false"
          })
        ),
        Layer.provide(NodeServices.layer)
      )
    )
    const address = HttpServer.formatAddress(Context.get(context, HttpServer.HttpServer).address)
    const { hostname, port } = new URL(address)
    return yield* load({
      host: hostname,
      port: Number(port),
      secret,
      connections,
      requests: maxRequests,
      warmupSeconds,
      seconds
    })
  }).pipe(Effect.scoped)

const load = (orders: Orders) =>
  Effect.callback<(typeof Result)["Type"], Error>((resume) => {
    const script = fileURLToPath(new URL("./load.ts", import.meta.url))
    const runtime = "Deno" in globalThis ? ["run", "-A"] : []
    const child = spawn(process.execPath, [...runtime, script, Schema.encodeSync(Orders)(orders)], {
      stdio: ["ignore", "pipe", "inherit"]
    })
    let output = ""
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString("utf8")
    })
    child.once("exit", (code) =>
      resume(
        code === 0
          ? Effect.orDie(Schema.decodeUnknownEffect(Result)(output.trim()))
          : Effect.fail(new Error(`the load ended with ${code}`))
      )
    )
  })
