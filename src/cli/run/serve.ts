/** The service as a process: it says where it listens, and ends well when it is told to stop. */
import process from "node:process"
import { setTimeout } from "node:timers"
import { Console, Effect, Layer } from "effect"
import { HttpServer } from "effect/http"
import { developmentSecretsFile } from "../../config/development.ts"
import { Settings } from "../../config/settings.ts"
import { SurehookConfig } from "../../config/surehook-config.ts"
import { configLayer } from "../../ingest/config-layer.ts"
import { serviceLayer } from "../../service.ts"
import { layer as logging } from "../../telemetry/logging.ts"

const welcome = Effect.gen(function* () {
  const { origin } = yield* SurehookConfig
  const { dataDir, databaseUrl, worker } = yield* Settings
  const url = HttpServer.formatAddress((yield* HttpServer.HttpServer).address)
  yield* Effect.logInfo(`Surehook listens on ${url}`).pipe(
    Effect.annotateLogs({
      database: databaseUrl === undefined ? `embedded in ${dataDir}` : "DATABASE_URL",
      workers: worker.enabled ? worker.count : 0
    })
  )
  yield* Effect.addFinalizer(() =>
    Effect.logInfo("Surehook is stopping: it takes no more webhooks, and ends what it has begun")
  )
  if (origin?._tag === "Development") yield* Console.error(developmentHelp(dataDir))
})

const developmentHelp = (dataDir: string): string => `
There is no surehook.yaml, so this is the development config: the source "dev", the chain
"localchain" at http://127.0.0.1:8545 (npx anvil starts one), the token ETH.
Its secrets are in ${dataDir}/${developmentSecretsFile}.

Send a first webhook, signed, from another terminal:
  npm run surehook -- send --tx-hash 0x<64 hex> --token ETH --amount 1.5 --to 0x<40 hex>
and see what became of it:
  npm run surehook -- jobs list
`

const environment = logging.pipe(
  Layer.provideMerge(configLayer),
  Layer.provideMerge(Settings.layer)
)

/** What orchestrators give a process between SIGTERM and SIGKILL. */
const stopLimitMillis = 30_000

/**
 * A database that hangs holds up what must not be interrupted. Nothing is lost by ending all the
 * same: what is not committed got no 200, and leases expire.
 */
const endInTime = Effect.sync(() => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => setTimeout(() => process.exit(1), stopLimitMillis).unref())
  }
})

export const runService = Layer.effectDiscard(Effect.andThen(endInTime, welcome)).pipe(
  Layer.provide(serviceLayer),
  Layer.provide(environment),
  Layer.launch,
  // Stopping is how a service ends, not how it fails: `npm start` stays quiet after Ctrl-C.
  Effect.onInterrupt(() =>
    Effect.sync(() => {
      process.exitCode = 0
    })
  )
)
