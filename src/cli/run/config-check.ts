/** Reads what the service would start with, and says what it understood or everything that is wrong. */
import { Console, Duration, Effect, Layer, Redacted, Result } from "effect"
import { describeConfig } from "../../config/describe-config.ts"
import { ProcessEnv } from "../../config/process-env.ts"
import { decodeSettings, defaultSettings, Settings } from "../../config/settings.ts"
import { SurehookConfig } from "../../config/surehook-config.ts"
import { configLayer } from "../../ingest/config-layer.ts"
import { refuse } from "../failure.ts"

export const checkConfig = Effect.gen(function* () {
  const env = yield* ProcessEnv
  const settings = decodeSettings(env)
  // The file is checked also if the environment is wrong, so that one run names every fault.
  const usable = Result.getOrElse(settings, () =>
    Result.getOrElse(
      decodeSettings({
        SUREHOOK_CONFIG: env.SUREHOOK_CONFIG,
        SUREHOOK_DATA_DIR: env.SUREHOOK_DATA_DIR
      }),
      () => defaultSettings
    )
  )
  const config = yield* SurehookConfig.pipe(
    Effect.provide(configLayer.pipe(Layer.provide(Layer.succeed(Settings, usable)))),
    Effect.result
  )
  if (Result.isFailure(settings) || Result.isFailure(config)) {
    const message = [...faultOf(settings), ...faultOf(config)].join("\n")
    return yield* refuse(message)
  }
  yield* Console.log(`${describeConfig(config.success)}\n${describeSettings(settings.success)}`)
})

const faultOf = <A, E extends { readonly message: string }>(part: Result.Result<A, E>) =>
  Result.isFailure(part) ? [part.failure.message] : []

const describeSettings = (settings: Settings["Service"]): string => {
  const { circuitBreaker, dataDir, databaseUrl, host, logLevel, port, worker } = settings
  const { batchSize, count, enabled, lease, maxAttempts, pollInterval } = worker
  return [
    `environment: listens on ${host}:${port}, logs from ${logLevel.toLowerCase()} on`,
    `  database: ${databaseUrl === undefined ? `embedded in ${dataDir}` : describeUrl(databaseUrl)}`,
    enabled
      ? `  workers: ${count}, batches of ${batchSize}, a look every ${Duration.format(pollInterval)}, lease ${Duration.format(lease)}, ${maxAttempts} attempts`
      : "  workers: none, webhooks are only stored",
    `  circuit breaker: opens after ${circuitBreaker.threshold} failures, for ${Duration.format(circuitBreaker.timeout)}`
  ].join("\n")
}

/** Without user, password and parameters. */
const describeUrl = (databaseUrl: Redacted.Redacted<string>): string => {
  const { host, pathname } = new URL(Redacted.value(databaseUrl))
  return `DATABASE_URL, ${host}${pathname}`
}
