/** A local Solana with tokens on it, and validators that ask it. */
import { Context, Effect, Layer, Redacted, type Scope } from "effect"
import type { Validator } from "../../src/chains/validator.ts"
import type { ChainConfig, TokenConfig } from "../../src/config/chain-config.ts"
import type { Mint } from "../../src/demo/solana/instructions.ts"
import { type LocalSolana, startLocalSolana } from "../../src/demo/solana/local-solana.ts"
import { Amount } from "../../src/domain/amount.ts"
import { Address, ChainName, TxHash } from "../../src/domain/chain.ts"
import { TokenSymbol } from "../../src/domain/ids.ts"
import type { TransferClaim } from "../../src/domain/transfer.ts"
import { inTime } from "./in-time.ts"
import { type LiveValidatorOptions, liveValidator } from "./live-validator.ts"

export const chainName = ChainName.make("localsolana")
export const usdc = TokenSymbol.make("USDC")
export const fee = TokenSymbol.make("FEE")
export const sol = TokenSymbol.make("SOL")
export const wsol = TokenSymbol.make("WSOL")

/** A signature that no transaction has: 64 zero bytes but for the last. */
export const unknownTx = TxHash.make(`${"1".repeat(63)}2`)

export interface SolanaService {
  readonly chain: LocalSolana
  readonly usdc: Mint
  /** Of Token-2022, keeps 1 % of each transfer. */
  readonly feeToken: Mint
  /** Another mint, which anyone may call USDC as well. */
  readonly spoof: Mint
}

export class Solana extends Context.Service<Solana, SolanaService>()("test/support/Solana") {
  static readonly layer = Layer.effect(
    Solana,
    Effect.gen(function* () {
      const chain = yield* startLocalSolana
      return {
        chain,
        usdc: yield* chain.createMint({ decimals: 6 }),
        feeToken: yield* chain.createMint({ decimals: 6, feeBasisPoints: 100 }),
        spoof: yield* chain.createMint({ decimals: 6 })
      }
    })
  )
}

export interface ValidatorOptions extends Pick<LiveValidatorOptions, "threshold"> {
  readonly confirmations?: ChainConfig["confirmations"]
  readonly genesisHash?: string
  /** Instead of the local Solana itself. */
  readonly urls?: ReadonlyArray<string>
  readonly maxLag?: number
}

/** The local Solana as surehook.yaml would describe it. Over 1000 USDC are large. */
const chainOf = (options: ValidatorOptions): Effect.Effect<ChainConfig, never, Solana> =>
  Effect.map(Solana, (local) => {
    const mint = (mint: Mint): TokenConfig => ({
      _tag: "Contract",
      contract: Address.make(mint.address),
      decimals: mint.decimals
    })
    return {
      name: chainName,
      kind: "solana",
      chain_id: options.genesisHash ?? local.chain.genesisHash,
      rpc: (options.urls ?? [local.chain.url]).map((url) => ({ url: Redacted.make(url) })),
      confirmations: options.confirmations ?? "safe",
      ...(options.maxLag === undefined ? {} : { max_lag: options.maxLag }),
      tokens: new Map<TokenSymbol, TokenConfig>([
        [
          usdc,
          {
            ...mint(local.usdc),
            large_above: Amount.make("1000"),
            large_confirmations: "finalized"
          }
        ],
        [fee, mint(local.feeToken)],
        [sol, { _tag: "Native", decimals: 9 }],
        [
          wsol,
          {
            _tag: "Contract",
            contract: Address.make("So11111111111111111111111111111111111111112"),
            decimals: 9
          }
        ]
      ])
    }
  })

/** The live validator over the local Solana, with a fresh cache and fresh circuits. */
export const openValidator = (
  options: ValidatorOptions = {}
): Effect.Effect<Validator["Service"], never, Solana | Scope.Scope> =>
  Effect.flatMap(chainOf(options), (chain) => liveValidator(chain, options))

export const claimOf = (
  claim: Partial<TransferClaim> & Pick<TransferClaim, "tx_hash" | "to_address">
): TransferClaim => ({
  chain: chainName,
  token: usdc,
  amount: Amount.make("1.5"),
  transfer_index: null,
  ...claim
})

/** How it fails, after the pauses in which it is tried again. */
export const failureOf = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<E, A, R> =>
  inTime(Effect.flip(effect))
