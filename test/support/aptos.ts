/** A fullnode's front over a ledger in memory, and the live validator and the scanner that ask it. */
import { Context, Effect, Layer, Redacted, type Scope } from "effect"
import { CircuitBreaker } from "effect/persistence"
import { aptos } from "../../src/chains/aptos/aptos-family.ts"
import { makeAptosScanner } from "../../src/chains/aptos/aptos-scanner.ts"
import { makeEndpoints } from "../../src/chains/rpc/endpoints.ts"
import type { ChainScanner } from "../../src/chains/scanner.ts"
import type { Validator, ValidatorError, Verdict } from "../../src/chains/validator.ts"
import type { ChainConfig, RpcEndpointConfig, TokenConfig } from "../../src/config/chain-config.ts"
import { type AptosFront, startAptosFront } from "../../src/demo/aptos/aptos-front.ts"
import {
  type AptosLedger,
  type AptosTransfer,
  freshAptosAddress,
  makeAptosLedger
} from "../../src/demo/aptos/aptos-ledger.ts"
import { Amount } from "../../src/domain/amount.ts"
import { Address, ChainName, type TxHash } from "../../src/domain/chain.ts"
import { TokenSymbol } from "../../src/domain/ids.ts"
import type { TransferClaim } from "../../src/domain/transfer.ts"
import { liveValidator, openMillis } from "./live-validator.ts"

export const chainName = ChainName.make("aptos")
export const usdc = TokenSymbol.make("USDC")
export const apt = TokenSymbol.make("APT")
export const cent = TokenSymbol.make("CENT")

export const usdcMetadata = Address.make(`0x0${"bae2".repeat(15)}123`)
export const usdcCoin = "0xf22b::asset::USDC"
export const aptCoin = "0x1::aptos_coin::AptosCoin"
export const aptMetadata = Address.make(`0x${"a".padStart(64, "0")}`)
export const centMetadata = Address.make(`0x${"ce".repeat(32)}`)

/** Begins with zeros, so that its short form is another text. */
export const depositAddress = Address.make(`0x000${"d".repeat(61)}`)
export const otherAddress = Address.make(`0x${"0e".repeat(32)}`)
export const depositor = freshAptosAddress()

const tokens = new Map<TokenSymbol, TokenConfig>([
  [usdc, { _tag: "Contract", contract: usdcMetadata, decimals: 6, coin_type: usdcCoin }],
  [cent, { _tag: "Contract", contract: centMetadata, decimals: 0 }],
  [apt, { _tag: "Native", decimals: 8 }]
])

export class AptosNode extends Context.Service<
  AptosNode,
  { readonly ledger: AptosLedger; readonly front: AptosFront }
>()("test/support/AptosNode") {
  static readonly layer = Layer.effect(
    AptosNode,
    Effect.gen(function* () {
      const ledger = makeAptosLedger()
      return { ledger, front: yield* startAptosFront(ledger) }
    })
  )
}

export interface AptosOptions {
  readonly chainId?: number
  readonly endpoints?: ReadonlyArray<RpcEndpointConfig>
  readonly urls?: ReadonlyArray<string>
}

const chainOf = (options: AptosOptions): Effect.Effect<ChainConfig, never, AptosNode> =>
  Effect.map(AptosNode, ({ front, ledger }) => ({
    name: chainName,
    kind: "aptos",
    chain_id: options.chainId ?? ledger.chainId,
    rpc:
      options.endpoints ??
      (options.urls ?? [front.url]).map((url) => ({ url: Redacted.make(url) })),
    confirmations: "finalized",
    tokens
  }))

const threshold = 1000

/** With a fresh cache and fresh circuits. */
export const openAptosValidator = (
  options: AptosOptions = {}
): Effect.Effect<Validator["Service"], never, AptosNode | Scope.Scope> =>
  Effect.flatMap(chainOf(options), (chain) => liveValidator(chain, { threshold }))

export interface AptosScan {
  readonly scanner: ChainScanner
  /** By the validator over the same endpoints. */
  readonly verify: (claim: TransferClaim) => Effect.Effect<Verdict, ValidatorError>
}

export const openAptosScanner = (
  options: AptosOptions = {}
): Effect.Effect<AptosScan, never, AptosNode | Scope.Scope> =>
  Effect.gen(function* () {
    const chain = yield* chainOf(options)
    const breaker = yield* CircuitBreaker.make({
      tripPolicy: CircuitBreaker.consecutive(threshold),
      openDuration: openMillis
    })
    const endpoints = yield* makeEndpoints(chain, aptos, breaker)
    const validator = yield* aptos.makeValidator(chain, endpoints)
    return {
      scanner: yield* makeAptosScanner(chain, endpoints),
      verify: (claim) => {
        const token = tokens.get(claim.token)
        return token === undefined
          ? Effect.die(`the chain has no ${claim.token}`)
          : validator.verify(claim, token)
      }
    } satisfies AptosScan
  }).pipe(Effect.provide(CircuitBreaker.layerStoreMemory()))

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

/** 1.5 USDC, as a fungible asset, to the deposit address. */
export const payment = (
  transfer: Partial<Extract<AptosTransfer, { readonly _tag: "FungibleAsset" }>> = {}
): AptosTransfer => ({
  _tag: "FungibleAsset",
  metadata: usdcMetadata,
  from: depositor,
  to: depositAddress,
  units: 1_500_000n,
  ...transfer
})

/** 1.5 USDC, as the older coin. */
export const coinPayment = (
  transfer: Partial<Extract<AptosTransfer, { readonly _tag: "Coin" }>> = {}
): AptosTransfer => ({
  _tag: "Coin",
  coin: usdcCoin,
  from: depositor,
  to: depositAddress,
  units: 1_500_000n,
  ...transfer
})
