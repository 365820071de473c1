/** `surehook serve`: runs the service until it is told to stop. */
import { Console, Effect, Layer } from "effect"
import { Command } from "effect/cli"
import { HttpServer } from "effect/http"
import { developmentSecretsFile } from "../config/development.ts"
import { Settings } from "../config/settings.ts"
import { SurehookConfig } from "../config/surehook-config.ts"
import { serviceLayer } from "../service.ts"
import { layer as logging } from "../telemetry/logging.ts"
import { explain } from "./startup-error.ts"

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
  Layer.provideMerge(SurehookConfig.layer),
  Layer.provideMerge(Settings.layer)
)

export const serve = Command.make("serve", {}, () =>
  Layer.effectDiscard(welcome).pipe(
    Layer.provide(serviceLayer),
    Layer.provide(environment),
    Layer.launch,
    explain
  )
).pipe(Command.withDescription("Run the service: webhooks, workers and the API"))
