/**
 * The whole service, in this process, on a database of its own: real HTTP, real workers.
 *
 * What a test does not want to depend on a chain for, it runs with a validator of its own.
 */

import process from "node:process"
import { NodeServices } from "@effect/platform-node"
import { Context, Effect, Layer, LogLevel, Redacted, References, Schema, type Scope } from "effect"
import { HttpServer } from "effect/http"
import { chainsLayer } from "../../src/chains/chains.ts"
import { Scanners } from "../../src/chains/scanner.ts"
import type { Validator } from "../../src/chains/validator.ts"
import type { ChainConfig } from "../../src/config/chain-config.ts"
import { Settings } from "../../src/config/settings.ts"
import { type ApiToken, type Source, SurehookConfig } from "../../src/config/surehook-config.ts"
import { ChainName } from "../../src/domain/chain.ts"
import { Environment, SourceId, TenantId, TokenSymbol } from "../../src/domain/ids.ts"
import { Intake } from "../../src/ingest/intake.ts"
import { type serviceLayer, serviceWith } from "../../src/service.ts"
import { secretText } from "./webhooks.ts"

export const sourceId = SourceId.make("main")
export const tenantId = TenantId.make("acme")
export const environment = Environment.make("production")
export const operatorToken = "operator-token-of-the-tests"
export const strangerToken = "stranger-token-of-the-tests"

/** A chain that nothing answers for: for tests that never reach it. */
export const unreachableChain: ChainConfig = {
  name: ChainName.make("localchain"),
  kind: "evm",
  chain_id: 31_337,
  rpc: [{ url: Redacted.make("http://127.0.0.1:9") }],
  confirmations: 1,
  tokens: new Map([[TokenSymbol.make("ETH"), { _tag: "Native", decimals: 18 }]])
}

const token = (name: string, text: string, tenants: ApiToken["tenants"]): ApiToken => ({
  name,
  role: "operator",
  token: Redacted.make(text),
  tenants
})

const isLogLevel = Schema.is(Schema.Literals(LogLevel.values))
const wanted = process.env.TEST_LOG_LEVEL
const logLevel = isLogLevel(wanted) ? wanted : "Fatal"

const mainSource: Source = {
  id: sourceId,
  tenant_id: tenantId,
  environment,
  provider: "standard",
  secrets: [Redacted.make(secretText)]
}

export const configOf = (
  chains: ReadonlyArray<ChainConfig>,
  sources: ReadonlyArray<Source> = [mainSource]
): SurehookConfig["Service"] => ({
  sources: new Map(sources.map((source) => [source.id, source])),
  chains: new Map(chains.map((chain) => [chain.name, chain])),
  apiTokens: [
    token("ops", operatorToken, null),
    token("stranger", strangerToken, new Set([TenantId.make("globex")]))
  ]
})

export interface ServiceOptions {
  readonly databaseUrl: Redacted.Redacted<string>
  readonly chains?: ReadonlyArray<ChainConfig>
  /** Instead of the one that speaks Standard Webhooks. */
  readonly sources?: ReadonlyArray<Source>
  /** What the config has beside or instead. */
  readonly config?: Partial<SurehookConfig["Service"]>
  readonly env?: Readonly<Record<string, string>>
  /** Instead of the one that asks the chains. */
  readonly validator?: Layer.Layer<Validator>
}

export interface RunningService {
  readonly url: string
  readonly context: Context.Context<Layer.Success<typeof serviceLayer>>
}

/** Runs until the scope closes. */
export const startService = (
  options: ServiceOptions
): Effect.Effect<RunningService, never, Scope.Scope> =>
  Effect.gen(function* () {
    const settings = Settings.layerFrom({
      PORT: "0",
      DATABASE_URL: Redacted.value(options.databaseUrl),
      ...options.env
    })
    const config = Layer.succeed(SurehookConfig, {
      ...configOf(options.chains ?? [unreachableChain], options.sources),
      ...options.config
    })
    const context = yield* Layer.build(
      serviceWith({
        chains:
          options.validator === undefined
            ? chainsLayer
            : Layer.merge(options.validator, Scanners.none),
        intake: Intake.layer
      }).pipe(
        Layer.provide([settings, config]),
        Layer.provide(NodeServices.layer),
        // What the service should do is seen by what it does. To read along: TEST_LOG_LEVEL=Info.
        Layer.provide(Layer.succeed(References.MinimumLogLevel, logLevel)),
        Layer.orDie
      )
    )
    const { address } = Context.get(context, HttpServer.HttpServer)
    return { url: HttpServer.formatAddress(address), context }
  })
