/**
 * The whole service in this process, as `surehook serve` runs it: its own surehook.yaml, an
 * embedded Postgres, real HTTP. All it writes is in a temporary folder, which goes with it.
 */
import { PgClient } from "@effect/sql-pg"
import { Context, Effect, FileSystem, Layer, Logger, Path, References } from "effect"
import { HttpServer } from "effect/http"
import { Settings } from "../config/settings.ts"
import { SurehookConfig } from "../config/surehook-config.ts"
import { configLayer } from "../ingest/config-layer.ts"
import { choosePort } from "../postgres/embedded-server.ts"
import { serviceLayer } from "../service.ts"
import { formatJsonLine, knownSecrets, makeRedactor } from "../telemetry/logging.ts"
import type { DemoChain } from "./demo-chain.ts"
import { configYaml } from "./demo-config.ts"

const usualPort = 3000
/** Longer than the outage (see play.ts), so that the call which probes the RPC finds it well again. */
const circuitOpenSeconds = 4
/** The server's user may pass through, and nobody may list. */
const passThrough = 0o711
const ownerOnly = 0o600

export interface DemoService {
  readonly url: string
  readonly sql: PgClient.PgClient
  readonly dataDir: string
  readonly configPath: string
}

/** Logs into a file: between the lines of the live view they would tear the picture. */
const logInto = (file: string) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const redact = makeRedactor(knownSecrets(yield* Settings, yield* SurehookConfig))
      const logger = Logger.map(formatJsonLine, redact)
      return Layer.mergeAll(
        Logger.layer([Logger.toFile(logger, file, { batchWindow: "100 millis" })]),
        Layer.succeed(References.MinimumLogLevel, "Info")
      )
    })
  )

export const startService = Effect.fnUntraced(function* (options: {
  readonly apiToken: string
  readonly chains: ReadonlyArray<DemoChain>
  /** Outside of the folder, because it is what is left to look at if the demo fails. */
  readonly logFile: string
  readonly folder: string
  /** Listens on the usual port, if it is free. */
  readonly stay: boolean
}) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const { apiToken, chains, folder, logFile, stay } = options
  const configPath = path.join(folder, "surehook.yaml")
  const dataDir = path.join(folder, "data")
  yield* fs.chmod(folder, passThrough)
  yield* fs.writeFileString(configPath, configYaml(chains, apiToken), { mode: ownerOnly })

  const settings = Settings.layerFrom({
    PORT: `${stay ? yield* choosePort(usualPort) : 0}`,
    SUREHOOK_CONFIG: configPath,
    SUREHOOK_DATA_DIR: dataDir,
    FUNDING_WORKER_POLL_INTERVAL: "500ms",
    // One failure opens the circuit, so that the outage costs one deposit an attempt and no more.
    FUNDING_CIRCUIT_BREAKER_THRESHOLD: "1",
    FUNDING_CIRCUIT_BREAKER_TIMEOUT: `${circuitOpenSeconds}s`
  })
  const environment = logInto(logFile).pipe(
    Layer.provideMerge(configLayer),
    Layer.provideMerge(settings)
  )
  const context = yield* Layer.build(Layer.provide(serviceLayer, environment))
  return {
    url: HttpServer.formatAddress(Context.get(context, HttpServer.HttpServer).address),
    sql: Context.get(context, PgClient.PgClient),
    dataDir,
    configPath
  } satisfies DemoService
})
