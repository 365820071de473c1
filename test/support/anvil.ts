/** A real anvil with tokens on it, and validators and scanners that ask it. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Context, Effect, Layer, Redacted, type Scope } from "effect"
import { CircuitBreaker } from "effect/persistence"
import { evm } from "../../src/chains/evm/evm-family.ts"
import { makeEvmScanner } from "../../src/chains/evm/evm-scanner.ts"
import { makeEndpoints } from "../../src/chains/rpc/endpoints.ts"
import type { Validator } from "../../src/chains/validator.ts"
import type { ChainConfig, RpcEndpointConfig, TokenConfig } from "../../src/config/chain-config.ts"
import { type Anvil, startAnvil } from "../../src/demo/anvil.ts"
import { Amount } from "../../src/domain/amount.ts"
import { Address, ChainName, TxHash } from "../../src/domain/chain.ts"
import { TokenSymbol } from "../../src/domain/ids.ts"
import type { TransferClaim } from "../../src/domain/transfer.ts"
import { mint } from "./contracts.ts"
import { type LiveValidatorOptions, liveValidator, openMillis } from "./live-validator.ts"

export const chainName = ChainName.make("localchain")
export const usdc = TokenSymbol.make("USDC")
export const fee = TokenSymbol.make("FEE")
export const eth = TokenSymbol.make("ETH")

/** One whole USDC. */
export const oneUsdc = 1_000_000n
export const oneEther = 10n ** 18n

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

export interface ValidatorOptions extends LiveValidatorOptions {
  readonly confirmations?: ChainConfig["confirmations"]
  readonly chainId?: number
  readonly maxLag?: number
  /** Instead of anvil itself. */
  readonly urls?: ReadonlyArray<string>
  /** What surehook.yaml says of each endpoint besides its URL. */
  readonly endpoints?: ReadonlyArray<Omit<RpcEndpointConfig, "url">>
  /** From which amounts on USDC is treated with more care. */
  readonly thresholds?: Pick<TokenConfig, "large_above" | "large_confirmations" | "quorum_above">
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
  Effect.flatMap(chainOf(options), (chain) => liveValidator(chain, options))

/** A scanner of a chain, and a validator over the same endpoints. */
export const openScanner = Effect.fnUntraced(function* (
  chain: ChainConfig,
  { threshold = 5 }: Pick<LiveValidatorOptions, "threshold"> = {}
) {
  const breaker = yield* CircuitBreaker.make({
    tripPolicy: CircuitBreaker.consecutive(threshold),
    openDuration: openMillis
  }).pipe(Effect.provide(CircuitBreaker.layerStoreMemory()))
  const endpoints = yield* makeEndpoints(chain, evm, breaker)
  return {
    scanner: yield* makeEvmScanner(chain, endpoints),
    validator: yield* evm.makeValidator(chain, endpoints)
  }
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
