/** One chain of each family, as surehook.yaml would name them: for webhooks that never reach a chain. */
import { randomBytes } from "node:crypto"
import { base58 } from "@scure/base"
import { Redacted } from "effect"
import type { ChainConfig, TokenConfig } from "../../../src/config/chain-config.ts"
import { Address, type ChainKind, ChainName, TxHash } from "../../../src/domain/chain.ts"
import { TokenSymbol } from "../../../src/domain/ids.ts"

/** The contracts and mints of USDC on the chains' main networks. */
export const usdcOf = {
  ethereum: Address.make("0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"),
  polygon: Address.make("0x3c499c542cef5e3811e1192ce70d8cc03d5c3359"),
  base: Address.make("0x833589fcd6edb6e08f4c7c32d4f71b54bda02913"),
  solana: Address.make("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"),
  aptos: Address.make("0xbae207659db88bea0cbead6da0ed00aac12edcdda169e591cd41c94180b46f3b"),
  starknet: Address.make("0x33068f6539f8e6e6b131e6b2b814e6c34a5224bc66947c47dab9dfee93b35fb")
}

const nativeOf: Partial<Record<ChainKind, readonly [string, TokenConfig]>> = {
  evm: ["ETH", { _tag: "Native", decimals: 18 }],
  solana: ["SOL", { _tag: "Native", decimals: 9 }],
  aptos: ["APT", { _tag: "Native", decimals: 8 }]
}

const chain = (
  name: keyof typeof usdcOf,
  kind: ChainKind,
  chain_id: ChainConfig["chain_id"]
): ChainConfig => {
  const native = nativeOf[kind]
  const usdc: TokenConfig = { _tag: "Contract", contract: usdcOf[name], decimals: 6 }
  return {
    name: ChainName.make(name),
    kind,
    chain_id,
    rpc: [{ url: Redacted.make("http://127.0.0.1:9") }],
    confirmations: "finalized",
    tokens: new Map([
      ...(native === undefined ? [] : [[TokenSymbol.make(native[0]), native[1]] as const]),
      [TokenSymbol.make("USDC"), usdc] as const
    ])
  }
}

export const chains: ReadonlyArray<ChainConfig> = [
  chain("ethereum", "evm", 1),
  chain("polygon", "evm", 137),
  chain("base", "evm", 8453),
  chain("solana", "solana", "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d"),
  chain("aptos", "aptos", 1),
  chain("starknet", "starknet", "SN_MAIN")
]

export const chainsByName: ReadonlyMap<ChainName, ChainConfig> = new Map(
  chains.map((one) => [one.name, one])
)

const hex = (bytes: number) => `0x${randomBytes(bytes).toString("hex")}`

export const newEvmHash = () => TxHash.make(hex(32))
export const newEvmAddress = () => Address.make(hex(20))
export const newSignature = () => TxHash.make(base58.encode(randomBytes(64)))
export const newSolanaAddress = () => Address.make(base58.encode(randomBytes(32)))
