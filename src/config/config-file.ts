/** Finds and reads surehook.yaml, or falls back to the development config. */
import { Effect, FileSystem, type PlatformError, Result, Schema } from "effect"
import { type DecodedConfig, decodeConfig } from "./decode-config.ts"
import { developmentConfig, loadDevelopmentSecrets } from "./development.ts"
import { type EnvRecord, ProcessEnv } from "./process-env.ts"
import { Settings } from "./settings.ts"
import { ProviderRules } from "./source-rules.ts"
import type { ConfigOrigin } from "./surehook-config.ts"
import { parseYaml } from "./yaml-text.ts"

export const defaultConfigPath = "surehook.yaml"

/** What keeps the config from being used: one line for each fault, each with the file and the key. */
export class ConfigFileError extends Schema.TaggedError<ConfigFileError>()("ConfigFileError", {
  path: Schema.String,
  message: Schema.String
}) {}

/** The config in this YAML text, or all that is wrong with it. `path` is for the messages only. */
export const parseConfig = (
  text: string,
  path: string,
  env: EnvRecord,
  rules: ProviderRules["Service"]
): Result.Result<DecodedConfig, ConfigFileError> => {
  const document = parseYaml(text)
  if (Result.isFailure(document)) {
    const { line, message } = document.failure
    const place = line === undefined ? path : `${path}:${line}`
    return Result.fail(new ConfigFileError({ path, message: `${place}: ${message}` }))
  }
  return Result.mapError(decodeConfig(document.success, env, rules), (lines) => {
    const message = lines.map((line) => `${path}: ${line}`).join("\n")
    return new ConfigFileError({ path, message })
  })
}

export const readConfigFile = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  const env = yield* ProcessEnv
  const text = yield* Effect.mapError(fs.readFileString(path), cannotRead(path))
  const config = yield* Effect.fromResult(parseConfig(text, path, env, yield* ProviderRules))
  return { ...config, origin: { _tag: "File", path } satisfies ConfigOrigin }
})

export const loadConfig = Effect.gen(function* () {
  const { configPath, dataDir } = yield* Settings
  if (configPath !== undefined) return yield* readConfigFile(configPath)
  const fs = yield* FileSystem.FileSystem
  const found = yield* Effect.mapError(fs.exists(defaultConfigPath), cannotRead(defaultConfigPath))
  if (found) return yield* readConfigFile(defaultConfigPath)
  const secrets = yield* Effect.mapError(
    loadDevelopmentSecrets(dataDir),
    ({ path, message }) => new ConfigFileError({ path, message })
  )
  return {
    ...developmentConfig(secrets),
    origin: { _tag: "Development", secrets } satisfies ConfigOrigin
  }
})

const cannotRead = (path: string) => (error: PlatformError.PlatformError) =>
  new ConfigFileError({ path, message: `${path}: ${readFault(error.reason._tag)}` })

const readFault = (tag: PlatformError.PlatformError["reason"]["_tag"]): string => {
  switch (tag) {
    case "NotFound":
      return "there is no such file; SUREHOOK_CONFIG names it, relative to the directory that the service starts in"
    case "PermissionDenied":
      return "this user may not read it"
    default:
      return "it cannot be read as a file"
  }
}
