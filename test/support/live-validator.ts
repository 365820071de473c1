/** The live validator over one chain. */
import { Context, Effect, Layer, type Scope } from "effect"
import { chainsLayer } from "../../src/chains/chains.ts"
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
  { region, threshold = 5 }: LiveValidatorOptions = {}
): Effect.Effect<Validator["Service"], never, Scope.Scope> => {
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
  return Effect.map(
    Layer.build(chainsLayer.pipe(Layer.provide([config, settings]), Layer.orDie)),
    (context) => Context.get(context, Validator)
  )
}
