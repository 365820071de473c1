/** The config of surehook.yaml, its sources checked by the rules of their providers. */
import { Layer } from "effect"
import { ProviderRules } from "../config/source-rules.ts"
import { SurehookConfig } from "../config/surehook-config.ts"
import { providers } from "./registry.ts"

export const configLayer = SurehookConfig.layer.pipe(
  Layer.provide(Layer.succeed(ProviderRules, providers))
)
