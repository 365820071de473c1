/** A local Solana with tokens on it, and validators and scanners that ask it. */
import { Context, Effect, Layer, Redacted, Schema, type Scope } from "effect"
import { CircuitBreaker } from "effect/persistence"
import type { ChainValidator } from "../../src/chains/family.ts"
import { makeEndpoints } from "../../src/chains/rpc/endpoints.ts"
import type { ChainScanner } from "../../src/chains/scanner.ts"
import { solana } from "../../src/chains/solana/solana-family.ts"
import type { Validator } from "../../src/chains/validator.ts"
import type { ChainConfig, TokenConfig } from "../../src/config/chain-config.ts"
import { type Rewritten, startRpcFront } from "../../src/demo/rpc-front.ts"
import type { Mint } from "../../src/demo/solana/instructions.ts"
import { startLocalSolana } from "../../src/demo/solana/local-solana.ts"
import type { LocalSolana } from "../../src/demo/solana/local-solana-orders.ts"
import { Amount } from "../../src/domain/amount.ts"
import { Address, ChainName, TxHash } from "../../src/domain/chain.ts"
import { parseExactJson } from "../../src/domain/exact-json.ts"
import { TokenSymbol } from "../../src/domain/ids.ts"
import type { TransferClaim } from "../../src/domain/transfer.ts"
import { inTime } from "./in-time.ts"
import { type LiveValidatorOptions, liveValidator, openMillis } from "./live-validator.ts"

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
export const chainOf = (
  options: ValidatorOptions = {}
): Effect.Effect<ChainConfig, never, Solana> =>
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

export interface OpenScanner {
  readonly scanner: ChainScanner
  /** Over the same endpoints. */
  readonly verify: (claim: TransferClaim) => ReturnType<ChainValidator["verify"]>
}

/** A scanner of the local Solana, and its validator, with fresh circuits. */
export const openScanner = (
  options: ValidatorOptions = {}
): Effect.Effect<OpenScanner, never, Solana | Scope.Scope> =>
  Effect.gen(function* () {
    const chain = yield* chainOf(options)
    const breaker = yield* CircuitBreaker.make({
      tripPolicy: CircuitBreaker.consecutive(options.threshold ?? 5),
      openDuration: openMillis
    })
    const endpoints = yield* makeEndpoints(chain, solana, breaker)
    const validator = yield* solana.makeValidator(chain, endpoints)
    const scanner = yield* solana.makeScanner?.(chain, endpoints) ?? Effect.die("it has no scanner")
    return {
      scanner,
      verify: (claim: TransferClaim) => {
        const token = chain.tokens.get(claim.token)
        return token === undefined
          ? Effect.die(`${claim.token} is no token of ${chain.name}`)
          : validator.verify(claim, token)
      }
    }
  }).pipe(Effect.provide(CircuitBreaker.layerStoreMemory()))

export const claimOf = (
  claim: Partial<TransferClaim> & Pick<TransferClaim, "tx_hash" | "to_address">
): TransferClaim => ({
  chain: chainName,
  token: usdc,
  amount: Amount.make("1.5"),
  transfer_index: null,
  ...claim
})

/** How history is read. */
export const asConfirmed = {
  commitment: "confirmed",
  encoding: "json",
  maxSupportedTransactionVersion: 0
}

/** What the local Solana answers to a call. */
export const answerTo = (method: string, params: ReadonlyArray<Schema.Json>) =>
  Effect.gen(function* () {
    const { chain } = yield* Solana
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params })
    const text = yield* Effect.promise(() =>
      fetch(chain.url, { method: "POST", body }).then((response) => response.text())
    )
    const { result } = yield* Schema.decodeUnknownEffect(Schema.Struct({ result: Schema.Json }))(
      parseExactJson(text)
    )
    return result
  })

/** A front in which the answers to one method are others. */
export const frontWith = (method: string, rewritten: Rewritten) =>
  Effect.gen(function* () {
    const { chain } = yield* Solana
    const front = yield* startRpcFront(chain.url)
    yield* front.setMode({
      _tag: "Rewrite",
      rewrite: (call) => (call.method === method ? rewritten : undefined)
    })
    return front
  })

/** How it fails, after the pauses in which it is tried again. */
export const failureOf = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<E, A, R> =>
  inTime(Effect.flip(effect))
