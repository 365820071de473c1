/** A fake Starknet, for no node runs here, and validators that ask it. See `src/demo/starknet/`. */
import { Effect, Redacted, type Scope } from "effect"
import type { Validator } from "../../src/chains/validator.ts"
import type { ChainConfig, Confirmations, TokenConfig } from "../../src/config/chain-config.ts"
import {
  type FakeStarknet,
  feeToken,
  makeFakeStarknet,
  type Transfer
} from "../../src/demo/starknet/starknet-chain.ts"
import {
  type StarknetFrontOptions,
  startStarknetFront
} from "../../src/demo/starknet/starknet-front.ts"
import { Amount } from "../../src/domain/amount.ts"
import { Address, ChainName, type TxHash } from "../../src/domain/chain.ts"
import { TokenSymbol } from "../../src/domain/ids.ts"
import type { TransferClaim } from "../../src/domain/transfer.ts"
import { liveValidator } from "./live-validator.ts"

export const chainName = ChainName.make("starknet")
export const chainId = "SN_SEPOLIA"
export const usdc = TokenSymbol.make("USDC")
export const strk = TokenSymbol.make("STRK")
/** Named as native in the configuration, which Starknet has not. */
export const native = TokenSymbol.make("ETH")

export const usdcContract = Address.make(
  "0x53c91253bc9682c04929ca02ed00b3e423f6710d2ee7e0d5ebb06f3ecf368a8"
)
/** Calls itself USDC, too. */
export const spoofContract = Address.make("0xbadbadbad")
export const depositor = Address.make("0xab")
export const depositAddress = Address.make("0xd0d0d0")
export const otherAddress = Address.make("0xe0e0e")

/** 1.5 USDC to the deposit address, as newer contracts tell of it. */
export const transferOf = (part: Partial<Transfer> = {}): Transfer => ({
  contract: usdcContract,
  from: depositor,
  to: depositAddress,
  units: 1_500_000n,
  layout: "keys",
  ...part
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

/** A chain of its own with a front of its own: both cost a millisecond. */
export const startChain = (options: StarknetFrontOptions = {}) =>
  Effect.gen(function* () {
    const chain: FakeStarknet = yield* makeFakeStarknet(chainId)
    const { url } = yield* startStarknetFront(chain, options)
    return { chain, url }
  })

export interface ValidatorOptions {
  readonly urls: ReadonlyArray<string>
  readonly confirmations?: Confirmations
  readonly chainId?: string
  readonly maxLag?: number
  /** Failures in a row that open a circuit. */
  readonly threshold?: number
  /** Of USDC. */
  readonly thresholds?: Pick<TokenConfig, "large_above" | "large_confirmations">
}

export const chainOf = (options: ValidatorOptions): ChainConfig => ({
  name: chainName,
  kind: "starknet",
  chain_id: options.chainId ?? chainId,
  rpc: options.urls.map((url) => ({ url: Redacted.make(url) })),
  confirmations: options.confirmations ?? "safe",
  ...(options.maxLag !== undefined && { max_lag: options.maxLag }),
  tokens: new Map<TokenSymbol, TokenConfig>([
    [usdc, { _tag: "Contract", contract: usdcContract, decimals: 6, ...options.thresholds }],
    [strk, { _tag: "Contract", contract: feeToken, decimals: 18 }],
    [native, { _tag: "Native", decimals: 18 }]
  ])
})

/** The live validator over these endpoints, with a fresh cache and fresh circuits. */
export const openValidator = (
  options: ValidatorOptions
): Effect.Effect<Validator["Service"], never, Scope.Scope> =>
  liveValidator(chainOf(options), options)
