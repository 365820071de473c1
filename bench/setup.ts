/** What every measurement runs on: a fresh database on the embedded server, with fsync on. */
import { randomBytes } from "node:crypto"
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, Redacted } from "effect"
import type { ChainConfig } from "../src/config/chain-config.ts"
import { Settings } from "../src/config/settings.ts"
import { SurehookConfig } from "../src/config/surehook-config.ts"
import { ChainName } from "../src/domain/chain.ts"
import { Environment, SourceId, TenantId, TokenSymbol } from "../src/domain/ids.ts"
import { layer as clientLayer } from "../src/postgres/client.ts"

export const chainName = ChainName.make("localchain")
export const secret = `whsec_${randomBytes(32).toString("base64")}`

export const source = {
  id: SourceId.make("bench"),
  tenant_id: TenantId.make("bench"),
  environment: Environment.make("bench"),
  provider: "standard",
  secrets: [Redacted.make(secret)]
} as const

const defaultChain: ChainConfig = {
  name: chainName,
  kind: "evm",
  chain_id: 31_337,
  rpc: [{ url: Redacted.make("http://127.0.0.1:9") }],
  confirmations: 1,
  tokens: new Map([[TokenSymbol.make("ETH"), { _tag: "Native", decimals: 18 }]])
}

/** Settings and config for a service on this database. */
export const environmentOf = (
  databaseUrl: Redacted.Redacted<string>,
  env: Readonly<Record<string, string>>,
  chain: ChainConfig = defaultChain
) =>
  Layer.merge(
    Layer.orDie(
      Settings.layerFrom({ PORT: "0", DATABASE_URL: Redacted.value(databaseUrl), ...env })
    ),
    Layer.succeed(SurehookConfig, {
      sources: new Map([[source.id, source]]),
      chains: new Map([[chain.name, chain]]),
      apiTokens: []
    })
  )

/** A new database, so that no measurement meets the rows of another. */
export const freshDatabase = Effect.fnUntraced(function* (server: Redacted.Redacted<string>) {
  const name = `bench_${randomBytes(4).toString("hex")}`
  yield* Effect.gen(function* () {
    const sql = yield* PgClient.PgClient
    yield* sql`CREATE DATABASE ${sql(name)}`.unprepared
    yield* sql`CHECKPOINT`.unprepared
  }).pipe(Effect.provide(clientLayer({ url: server, maxConnections: 1 })))
  const url = new URL(Redacted.value(server))
  url.pathname = `/${name}`
  return Redacted.make(url.href)
})
