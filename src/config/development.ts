/**
 * The config of a first start, when there is no surehook.yaml: one tenant, one source, one local chain.
 *
 * Its secrets are made at random and kept in the data directory, so that none stands in the source,
 * and so that what was sent and signed before a restart is still right after it.
 */
import { randomBytes, randomUUID } from "node:crypto"
import { Effect, FileSystem, Path, Redacted, Schema } from "effect"
import { ChainName } from "../domain/chain.ts"
import { Environment, SourceId, TenantId, TokenSymbol } from "../domain/ids.ts"
import type { ChainConfig } from "./chain-config.ts"
import type { DecodedConfig } from "./decode-config.ts"
import type { ApiToken, Source } from "./surehook-config.ts"
import { webhookKey, webhookSecretPrefix } from "./webhook-secret.ts"

export interface DevelopmentSecrets {
  /** Signs webhooks of the source `dev`. */
  readonly webhookSecret: Redacted.Redacted<string>
  readonly apiToken: Redacted.Redacted<string>
}

export class DevelopmentSecretsError extends Schema.TaggedError<DevelopmentSecretsError>()(
  "DevelopmentSecretsError",
  { path: Schema.String, message: Schema.String }
) {}

export const developmentSecretsFile = "development-secrets.json"

const secretBytes = 32
const ownerOnly = 0o600

const SecretsFile = Schema.fromJsonString(
  Schema.Struct({
    webhook_secret: Schema.String.pipe(
      Schema.check(Schema.makeFilter((secret: string) => webhookKey(secret)._tag === "Success"))
    ),
    api_token: Schema.String.pipe(Schema.check(Schema.isMinLength(16)))
  })
)

/** The secrets of the development config, made now if this data directory has none yet. */
export const loadDevelopmentSecrets = Effect.fnUntraced(function* (dataDir: string) {
  const fs = yield* FileSystem.FileSystem
  const file = (yield* Path.Path).join(dataDir, developmentSecretsFile)
  const fail = (what: string) => () =>
    new DevelopmentSecretsError({ path: file, message: `${file}: ${what}` })

  const failToAccess = (access: string) =>
    fail(
      `it cannot be ${access}; set SUREHOOK_DATA_DIR to a directory that this user may read and write`
    )

  const exists = yield* Effect.mapError(fs.exists(file), failToAccess("read"))
  if (!exists) yield* Effect.mapError(create(dataDir, file), failToAccess("written"))
  const text = yield* Effect.mapError(fs.readFileString(file), failToAccess("read"))
  const secrets = yield* Effect.mapError(
    Schema.decodeUnknownEffect(SecretsFile)(text),
    fail("it does not hold the secrets of the development config; delete it to get new ones")
  )
  return {
    webhookSecret: Redacted.make(secrets.webhook_secret),
    apiToken: Redacted.make(secrets.api_token)
  } satisfies DevelopmentSecrets
})

/** Two processes may start at once: the first to link its file wins, and both read what won. */
const create = Effect.fnUntraced(function* (dataDir: string, file: string) {
  const fs = yield* FileSystem.FileSystem
  const text = yield* Schema.encodeEffect(SecretsFile)({
    webhook_secret: webhookSecretPrefix + randomBytes(secretBytes).toString("base64"),
    api_token: `dev_${randomBytes(secretBytes).toString("base64url")}`
  })
  const draft = `${file}.${randomUUID()}`
  yield* fs.makeDirectory(dataDir, { recursive: true })
  yield* fs.writeFileString(draft, `${text}\n`, { flag: "wx", mode: ownerOnly })
  yield* fs.link(draft, file).pipe(
    Effect.catchIf(
      (error) => error.reason._tag === "AlreadyExists",
      () => Effect.void,
      // Not every file system has links.
      () => fs.rename(draft, file)
    ),
    Effect.ensuring(Effect.ignore(fs.remove(draft, { force: true })))
  )
})

export const developmentSource = SourceId.make("dev")
const tenant = TenantId.make("dev")
const chainName = ChainName.make("localchain")

export const developmentConfig = (secrets: DevelopmentSecrets): DecodedConfig => {
  const source: Source = {
    id: developmentSource,
    tenant_id: tenant,
    environment: Environment.make("development"),
    provider: "standard",
    secrets: [secrets.webhookSecret]
  }
  const chain: ChainConfig = {
    name: chainName,
    kind: "evm",
    chain_id: 31_337,
    rpc: [{ url: Redacted.make("http://127.0.0.1:8545") }],
    confirmations: 1,
    tokens: new Map([[TokenSymbol.make("ETH"), { _tag: "Native", decimals: 18 }]])
  }
  const token: ApiToken = { name: "dev", role: "admin", token: secrets.apiToken, tenants: null }
  return {
    sources: new Map([[source.id, source]]),
    chains: new Map([[chain.name, chain]]),
    apiTokens: [token],
    unknownAddresses: new Map()
  }
}
