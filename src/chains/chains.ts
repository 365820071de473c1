/**
 * All chains of the configuration behind one door: the live `Validator`, and the `Scanners` of those that
 * are watched. A scan asks the same endpoints over connections and circuits of its own: a heavy call of
 * one holds up no deposit, and closes no endpoint to one.
 *
 *     claim ──▶ its chain ──▶ the chain's endpoints, failing over           an ordinary amount
 *                        └──▶ two of its endpoints, which must agree        above quorum_above
 */
import { Context, Effect, Layer } from "effect"
import { CircuitBreaker } from "effect/persistence"
import type { ChainConfig } from "../config/chain-config.ts"
import { Settings } from "../config/settings.ts"
import { SurehookConfig } from "../config/surehook-config.ts"
import type { ChainName } from "../domain/chain.ts"
import type { TransferClaim } from "../domain/transfer.ts"
import { families } from "./families.ts"
import { makeQuorum } from "./quorum.ts"
import { makeEndpoints } from "./rpc/endpoints.ts"
import { type ChainScanner, Scanners } from "./scanner.ts"
import { needsQuorum } from "./thresholds.ts"
import { ChainUnknown, type Circuit, Validator, type Verdict } from "./validator.ts"

interface Chain {
  readonly name: ChainName
  readonly scanner: ChainScanner | undefined
  readonly isClaimable: Effect.Effect<boolean>
  readonly circuits: Effect.Effect<ReadonlyArray<Circuit>>
  readonly verify: Validator["Service"]["verify"]
}

/** Of an endpoint's `rate_limit`, what a watched chain is scanned with. */
const scanShare = 1 / 4

const shareOf = (config: ChainConfig) => {
  const withLimits = (limitOf: (limit: number) => number): ChainConfig => ({
    ...config,
    rpc: config.rpc.map(({ rate_limit, ...endpoint }) => ({
      ...endpoint,
      ...(rate_limit === undefined ? {} : { rate_limit: limitOf(rate_limit) })
    }))
  })
  const forScans = (limit: number) => Math.max(Math.floor(limit * scanShare), 1)
  return config.watch === true
    ? {
        forScans: withLimits(forScans),
        forValidation: withLimits((limit) => Math.max(limit - forScans(limit), 1))
      }
    : { forScans: config, forValidation: config }
}

const makeChain = Effect.fnUntraced(function* (
  config: ChainConfig,
  breaker: CircuitBreaker.CircuitBreaker,
  scanBreaker: CircuitBreaker.CircuitBreaker,
  region: string | undefined
) {
  const family = families[config.kind]
  const { forScans, forValidation } = shareOf(config)
  const endpoints = yield* makeEndpoints(forValidation, family, breaker, region)
  const validator = yield* family.makeValidator(config, endpoints)
  const voters = yield* Effect.forEach(endpoints.each, ({ name, host, endpoints: single }) =>
    Effect.map(family.makeValidator(config, single), (own) => ({ name, host, validator: own }))
  )
  const scanner =
    config.watch === true
      ? yield* family.makeScanner(
          config,
          yield* makeEndpoints(forScans, family, scanBreaker, region)
        )
      : undefined
  const quorum = makeQuorum(config.name, voters, yield* Effect.scope)
  return {
    name: config.name,
    scanner,
    isClaimable: endpoints.isClaimable,
    circuits: endpoints.circuits,
    verify: (claim) => {
      const token = config.tokens.get(claim.token)
      if (token === undefined) return Effect.succeed(tokenUnknown(config.name, claim))
      return needsQuorum(token, claim.amount)
        ? quorum.verify(claim, token)
        : validator.verify(claim, token)
    }
  } satisfies Chain
})

const tokenUnknown = (chain: ChainName, claim: TransferClaim): Verdict => ({
  _tag: "Mismatch",
  about: "config",
  reason: `${claim.token} is not among the tokens of ${chain} in surehook.yaml: add it there and replay the deposit`,
  expected: { token: claim.token, to: claim.to_address, amount: claim.amount },
  found: {},
  evidence: { tx_hash: claim.tx_hash }
})

const make = Effect.gen(function* () {
  const config = yield* SurehookConfig
  const { circuitBreaker, region } = yield* Settings
  const makeBreaker = CircuitBreaker.make({
    tripPolicy: CircuitBreaker.consecutive(circuitBreaker.threshold),
    openDuration: circuitBreaker.timeout
  }).pipe(Effect.provide(Layer.fresh(CircuitBreaker.layerStoreMemory())))
  const breaker = yield* makeBreaker
  const scanBreaker = yield* makeBreaker
  const chains = new Map<ChainName, Chain>()
  for (const [name, chain] of config.chains) {
    chains.set(name, yield* makeChain(chain, breaker, scanBreaker, region))
  }

  const validator = Validator.of({
    verify: (claim) =>
      Effect.gen(function* () {
        const chain = chains.get(claim.chain)
        if (chain === undefined) {
          return yield* new ChainUnknown({
            chain: claim.chain,
            message: `${claim.chain} is not among the chains in surehook.yaml: add it there and replay the deposit`
          })
        }
        return yield* chain.verify(claim)
      }),
    claimableChains: Effect.filter([...chains.values()], ({ isClaimable }) => isClaimable).pipe(
      Effect.map((claimable) => claimable.map(({ name }) => name))
    ),
    circuits: Effect.map(
      Effect.forEach([...chains.values()], ({ circuits }) => circuits),
      (each) => each.flat()
    )
  })
  const watched = new Map(
    [...chains].flatMap(([name, { scanner }]) => (scanner === undefined ? [] : [[name, scanner]]))
  )
  return Context.make(Validator, validator).pipe(Context.add(Scanners, { watched }))
})

export const chainsLayer: Layer.Layer<Validator | Scanners, never, SurehookConfig | Settings> =
  Layer.effectContext(make)
