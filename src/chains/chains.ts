/** All chains of the configuration behind one door: the live `Validator`. */
import { Effect, Layer } from "effect"
import { CircuitBreaker } from "effect/persistence"
import type { ChainConfig } from "../config/chain-config.ts"
import { Settings } from "../config/settings.ts"
import { SurehookConfig } from "../config/surehook-config.ts"
import type { ChainKind, ChainName } from "../domain/chain.ts"
import { type EvmValidator, makeEvmValidator } from "./evm/evm-validator.ts"
import { type Endpoints, makeEndpoints } from "./rpc/endpoints.ts"
import { ChainUnknown, Validator } from "./validator.ts"

interface Chain {
  readonly name: ChainName
  readonly endpoints: Endpoints
  readonly validator: EvmValidator
}

const validatorOf: Record<ChainKind, (chain: ChainConfig, endpoints: Endpoints) => EvmValidator> = {
  evm: makeEvmValidator
}

const make = Effect.gen(function* () {
  const config = yield* SurehookConfig
  const { circuitBreaker } = yield* Settings
  const breaker = yield* CircuitBreaker.make({
    tripPolicy: CircuitBreaker.consecutive(circuitBreaker.threshold),
    openDuration: circuitBreaker.timeout
  })
  const chains = new Map<ChainName, Chain>()
  for (const [name, chain] of config.chains) {
    const endpoints = makeEndpoints(chain, breaker)
    chains.set(name, { name, endpoints, validator: validatorOf[chain.kind](chain, endpoints) })
  }

  return Validator.of({
    verify: (claim) =>
      Effect.gen(function* () {
        const chain = chains.get(claim.chain)
        if (chain === undefined) {
          return yield* new ChainUnknown({
            chain: claim.chain,
            message: `${claim.chain} is not among the chains in surehook.yaml: add it there and replay the deposit`
          })
        }
        return yield* chain.validator.verify(claim)
      }),
    claimableChains: Effect.filter(
      [...chains.values()],
      ({ endpoints }) => endpoints.isClaimable
    ).pipe(Effect.map((claimable) => claimable.map(({ name }) => name)))
  })
})

export const validatorLayer: Layer.Layer<Validator, never, SurehookConfig | Settings> =
  Layer.effect(Validator, make).pipe(Layer.provide(CircuitBreaker.layerStoreMemory()))
