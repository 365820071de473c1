/** A real anvil with tokens on it, and validators that ask it. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Context, Effect, Fiber, Layer, Redacted, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { validatorLayer } from "../../src/chains/chains.ts"
import { Validator } from "../../src/chains/validator.ts"
import type { ChainConfig, RpcEndpointConfig, TokenConfig } from "../../src/config/chain-config.ts"
import { Settings } from "../../src/config/settings.ts"
import { SurehookConfig } from "../../src/config/surehook-config.ts"
import { type Anvil, startAnvil } from "../../src/demo/anvil.ts"
import { Amount } from "../../src/domain/amount.ts"
import { Address, ChainName, TxHash } from "../../src/domain/chain.ts"
import { TokenSymbol } from "../../src/domain/ids.ts"
import type { TransferClaim } from "../../src/domain/transfer.ts"
import { mint } from "./contracts.ts"

export const chainName = ChainName.make("localchain")
export const usdc = TokenSymbol.make("USDC")
export const fee = TokenSymbol.make("FEE")
export const eth = TokenSymbol.make("ETH")

/** One whole USDC. */
export const oneUsdc = 1_000_000n
export const oneEther = 10n ** 18n

/** How long the validators' circuits stay open. */
export const openMillis = 30_000

/** Where deposits go: an address of the house, which holds nothing yet. */
export const depositAddress = Address.make(`0x${"d0".repeat(20)}`)
export const otherAddress = Address.make(`0x${"0e".repeat(20)}`)
export const unknownTx = TxHash.make(`0x${"00".repeat(31)}01`)
export const unknownTxs = (count: number): ReadonlyArray<TxHash> =>
  Array.from({ length: count }, (_, index) =>
    TxHash.make(`0x${(index + 1).toString(16).padStart(64, "0")}`)
  )

export interface LocalChainService {
  readonly anvil: Anvil
  /** Sends and receives nothing of the house: the depositor. Holds a million USDC and FEE. */
  readonly depositor: Address
  readonly usdc: Address
  readonly feeToken: Address
  readonly spoof: Address
  readonly collectible: Address
  /** Holds a million USDC. */
  readonly splitter: Address
}

export class LocalChain extends Context.Service<LocalChain, LocalChainService>()(
  "test/support/LocalChain"
) {
  static readonly layer = Layer.effect(
    LocalChain,
    Effect.gen(function* () {
      const anvil = yield* startAnvil()
      const [depositor] = anvil.accounts
      const service: LocalChainService = {
        anvil,
        depositor,
        usdc: yield* anvil.deploy("Token", { symbol: "USDC", decimals: 6 }),
        feeToken: yield* anvil.deploy("FeeToken", { symbol: "FEE", decimals: 6 }),
        spoof: yield* anvil.deploy("SpoofToken"),
        collectible: yield* anvil.deploy("Collectible"),
        splitter: yield* anvil.deploy("Splitter")
      }
      const million = 1_000_000n * oneUsdc
      for (const token of [service.usdc, service.feeToken]) {
        yield* anvil.send({ from: depositor, to: token, data: mint(depositor, million) })
      }
      yield* anvil.send({
        from: depositor,
        to: service.usdc,
        data: mint(service.splitter, million)
      })
      return service
    })
  ).pipe(Layer.provide(NodeServices.layer))
}

export interface ValidatorOptions {
  readonly confirmations?: ChainConfig["confirmations"]
  readonly chainId?: number
  readonly maxLag?: number
  /** Instead of anvil itself. */
  readonly urls?: ReadonlyArray<string>
  /** What surehook.yaml says of each endpoint besides its URL. */
  readonly endpoints?: ReadonlyArray<Omit<RpcEndpointConfig, "url">>
  /** From which amounts on USDC is treated with more care. */
  readonly thresholds?: Pick<TokenConfig, "large_above" | "large_confirmations" | "quorum_above">
  /** Where the service runs. */
  readonly region?: string
  /** Failures in a row that open a circuit, which then stays open for `openMillis`. */
  readonly threshold?: number
}

/** The local chain as surehook.yaml would describe it. */
export const chainOf = (
  options: Omit<ValidatorOptions, "threshold" | "region"> = {}
): Effect.Effect<ChainConfig, never, LocalChain> =>
  Effect.map(LocalChain, (local) => ({
    name: chainName,
    kind: "evm",
    chain_id: options.chainId ?? local.anvil.chainId,
    rpc: (options.urls ?? [local.anvil.url]).map((url, position) => ({
      url: Redacted.make(url),
      ...options.endpoints?.[position]
    })),
    confirmations: options.confirmations ?? 1,
    ...(options.maxLag === undefined ? {} : { max_lag: options.maxLag }),
    tokens: new Map<TokenSymbol, TokenConfig>([
      [usdc, { _tag: "Contract", contract: local.usdc, decimals: 6, ...options.thresholds }],
      [fee, { _tag: "Contract", contract: local.feeToken, decimals: 6 }],
      [eth, { _tag: "Native", decimals: 18 }]
    ])
  }))

/** The live validator over the local chain, with a fresh cache and fresh circuits. */
export const openValidator = (
  options: ValidatorOptions = {}
): Effect.Effect<Validator["Service"], never, LocalChain | Scope.Scope> =>
  Effect.gen(function* () {
    const chain = yield* chainOf(options)
    const config = Layer.succeed(SurehookConfig, {
      sources: new Map(),
      chains: new Map([[chainName, chain]]),
      apiTokens: []
    })
    const settings = Settings.layerFrom({
      FUNDING_CIRCUIT_BREAKER_THRESHOLD: `${options.threshold ?? 5}`,
      FUNDING_CIRCUIT_BREAKER_TIMEOUT: "30s",
      ...(options.region === undefined ? {} : { SUREHOOK_REGION: options.region })
    })
    const context = yield* Layer.build(
      validatorLayer.pipe(Layer.provide([config, settings]), Layer.orDie)
    )
    return Context.get(context, Validator)
  })

export const claimOf = (
  claim: Partial<TransferClaim> & { readonly tx_hash: TxHash }
): TransferClaim => ({
  chain: chainName,
  token: usdc,
  amount: Amount.make("1.5"),
  to_address: depositAddress,
  transfer_index: null,
  ...claim
})

/**
 * Lets the test's clock go on while real servers answer, about ten times as fast as the real one: for
 * what pauses, and for what waits until somebody has been silent for long enough.
 */
export const inTime = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    while (fiber.pollUnsafe() === undefined) {
      yield* TestClock.withLive(Effect.sleep("2 millis"))
      yield* TestClock.adjust("20 millis")
    }
    return yield* Fiber.join(fiber)
  })
