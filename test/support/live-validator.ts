/** The live validator over one chain. */
import { assert } from "@effect/vitest"
import { Context, Effect, Layer, type Scope } from "effect"
import { chainsLayer } from "../../src/chains/chains.ts"
import { type ChainScanner, Scanners } from "../../src/chains/scanner.ts"
import { Validator } from "../../src/chains/validator.ts"
import type { ChainConfig } from "../../src/config/chain-config.ts"
import { Settings } from "../../src/config/settings.ts"
import { SurehookConfig } from "../../src/config/surehook-config.ts"

/** How long the validators' circuits stay open. */
export const openMillis = 30_000

export interface LiveValidatorOptions {
  /** Failures in a row that open a circuit, which then stays open for `openMillis`. */
  readonly threshold?: number
  /** Where the service runs. */
  readonly region?: string
}

/** With a fresh cache and fresh circuits. */
export const liveValidator = (
  chain: ChainConfig,
  options: LiveValidatorOptions = {}
): Effect.Effect<Validator["Service"], never, Scope.Scope> =>
  Effect.map(contextOf({ ...chain, watch: false }, options), (context) =>
    Context.get(context, Validator)
  )

/** Validator and scanner of the same chain. */
export const liveChain = (
  chain: ChainConfig,
  options: LiveValidatorOptions = {}
): Effect.Effect<
  { readonly validator: Validator["Service"]; readonly scanner: ChainScanner },
  never,
  Scope.Scope
> =>
  Effect.map(contextOf({ ...chain, watch: true }, options), (context) => ({
    validator: Context.get(context, Validator),
    scanner: Context.get(context, Scanners).watched.get(chain.name) ?? assert.fail("no scanner")
  }))

const contextOf = (chain: ChainConfig, { region, threshold = 5 }: LiveValidatorOptions) => {
  const config = Layer.succeed(SurehookConfig, {
    sources: new Map(),
    chains: new Map([[chain.name, chain]]),
    apiTokens: []
  })
  const settings = Settings.layerFrom({
    FUNDING_CIRCUIT_BREAKER_THRESHOLD: `${threshold}`,
    FUNDING_CIRCUIT_BREAKER_TIMEOUT: `${openMillis}ms`,
    ...(region === undefined ? {} : { SUREHOOK_REGION: region })
  })
  return Layer.build(chainsLayer.pipe(Layer.provide([config, settings]), Layer.orDie))
}
