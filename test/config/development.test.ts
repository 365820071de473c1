import { NodeFileSystem, NodePath } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Layer, Path, Redacted, Result } from "effect"
import { describeConfig } from "../../src/config/describe-config.ts"
import {
  developmentConfig,
  developmentSecretsFile,
  loadDevelopmentSecrets
} from "../../src/config/development.ts"
import { webhookKey } from "../../src/config/webhook-secret.ts"

const platform = Layer.mergeAll(NodeFileSystem.layer, NodePath.layer)

const newDataDir = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  return (yield* Path.Path).join(yield* fs.makeTempDirectoryScoped(), "data dir", "of mine")
})

describe("the development config", () => {
  it.effect("keeps its random secrets over restarts, readable by the owner only", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const dataDir = yield* newDataDir
      const first = yield* loadDevelopmentSecrets(dataDir)
      const second = yield* loadDevelopmentSecrets(dataDir)
      const elsewhere = yield* loadDevelopmentSecrets(yield* newDataDir)
      assert.isTrue(Result.isSuccess(webhookKey(Redacted.value(first.webhookSecret))))
      assert.strictEqual(Redacted.value(first.webhookSecret), Redacted.value(second.webhookSecret))
      assert.strictEqual(Redacted.value(first.apiToken), Redacted.value(second.apiToken))
      assert.notStrictEqual(
        Redacted.value(first.webhookSecret),
        Redacted.value(elsewhere.webhookSecret)
      )
      assert.deepStrictEqual(yield* fs.readDirectory(dataDir), [developmentSecretsFile])
      const { mode } = yield* fs.stat(`${dataDir}/${developmentSecretsFile}`)
      assert.strictEqual(mode & 0o777, 0o600)
    }).pipe(Effect.provide(platform))
  )

  it.effect("has one pair of secrets, whoever starts at the same moment", () =>
    Effect.gen(function* () {
      const dataDir = yield* newDataDir
      const all = yield* Effect.all(
        Array.from({ length: 20 }, () => loadDevelopmentSecrets(dataDir)),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(new Set(all.map(({ apiToken }) => Redacted.value(apiToken))).size, 1)
    }).pipe(Effect.provide(platform))
  )

  it.effect("says what to do about a spoilt file, without showing it", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const dataDir = yield* newDataDir
      yield* fs.makeDirectory(dataDir, { recursive: true })
      yield* fs.writeFileString(`${dataDir}/${developmentSecretsFile}`, '{"api_token":"hunter2"}')
      const error = yield* Effect.flip(loadDevelopmentSecrets(dataDir))
      assert.strictEqual(
        error.message,
        `${dataDir}/${developmentSecretsFile}: it does not hold the secrets of the development config; delete it to get new ones`
      )
    }).pipe(Effect.provide(platform))
  )

  it.effect("says so if the data directory cannot be written", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const file = `${yield* fs.makeTempDirectoryScoped()}/file`
      yield* fs.writeFileString(file, "")
      const error = yield* Effect.flip(loadDevelopmentSecrets(`${file}/data`))
      assert.match(
        error.message,
        /: it cannot be (read|written); set SUREHOOK_DATA_DIR to a directory/
      )
    }).pipe(Effect.provide(platform))
  )

  it.effect("has one tenant, one source and one local chain", () =>
    Effect.gen(function* () {
      const secrets = yield* loadDevelopmentSecrets(yield* newDataDir)
      assert.strictEqual(
        describeConfig({ ...developmentConfig(secrets), origin: { _tag: "Development", secrets } }),
        `development config (there is no surehook.yaml): 1 tenant with sources, 1 source, 1 chain, 1 API token
tenant dev
  source dev: development, standard, 1 secret, POST /v1/webhooks/dev
chain localchain: evm, chain id 31337, credits at 1 confirmation, RPC 127.0.0.1:8545
  token ETH: native, 18 decimals
API token dev: admin of all tenants`
      )
    }).pipe(Effect.provide(platform))
  )
})
