/** All chains of the configuration behind one door: the live `Validator`. */
import { Effect, Layer } from "effect"
import { CircuitBreaker } from "effect/persistence"
import { Settings } from "../config/settings.ts"
import { SurehookConfig } from "../config/surehook-config.ts"
import type { ChainName } from "../domain/chain.ts"
import { families } from "./families.ts"
import type { ChainValidator } from "./family.ts"
import { type Endpoints, makeEndpoints } from "./rpc/endpoints.ts"
import { ChainUnknown, Validator } from "./validator.ts"

interface Chain {
  readonly name: ChainName
  readonly endpoints: Endpoints
  readonly validator: ChainValidator
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
    const family = families[chain.kind]
    const endpoints = makeEndpoints(chain, family, breaker)
    chains.set(name, { name, endpoints, validator: yield* family.makeValidator(chain, endpoints) })
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
