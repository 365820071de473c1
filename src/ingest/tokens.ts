/** Which token of surehook.yaml a contract, a mint or the native coin is. Symbols of providers prove nothing. */
import type { ChainConfig, TokenConfig } from "../config/chain-config.ts"
import { type ChainName, canonicalAddress } from "../domain/chain.ts"
import type { TokenSymbol } from "../domain/ids.ts"

export interface KnownToken {
  readonly symbol: TokenSymbol
  readonly config: TokenConfig
}

const find = (
  chain: ChainConfig,
  isWanted: (config: TokenConfig) => boolean
): KnownToken | undefined => {
  for (const [symbol, config] of chain.tokens) if (isWanted(config)) return { symbol, config }
  return undefined
}

export const nativeToken = (chain: ChainConfig): KnownToken | undefined =>
  find(chain, ({ _tag }) => _tag === "Native")

/** `contract` is in whatever form the provider gives it. */
export const tokenOf = (chain: ChainConfig, contract: string): KnownToken | undefined => {
  const address = canonicalAddress(chain.kind, contract)
  return find(chain, (config) => config._tag === "Contract" && config.contract === address)
}

/** The chain that a source means by a provider's name of a network. */
export const chainOf = (
  networks: ReadonlyMap<string, ChainName> | undefined,
  chains: ReadonlyMap<ChainName, ChainConfig>,
  network: string
): ChainConfig | undefined => {
  const name = networks?.get(network)
  return name === undefined ? undefined : chains.get(name)
}

/** For a 422: the network is right, and surehook.yaml does not say which chain it is. */
export const unknownNetwork = (networks: ReadonlyMap<string, ChainName> | undefined): string =>
  `is not among the networks of this source in surehook.yaml, which has ${[...(networks?.keys() ?? [])].join(", ") || "none"}: add it there, and the webhook succeeds when it is sent again`
