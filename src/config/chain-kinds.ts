/** What differs between the families of chains in surehook.yaml. */
import { Schema } from "effect"
import { type ChainKind, canonicalAddress } from "../domain/chain.ts"
import type { Confirmations } from "./chain-config.ts"
import { WholeNumber, wholeNumberRule } from "./config-reader.ts"

export interface KindRules {
  readonly chainId: Schema.ConstraintDecoder<number | string>
  readonly confirmations: Schema.ConstraintDecoder<Confirmations>
  /** The key by which a token is recognised. */
  readonly tokenKey: "contract" | "mint"
  /** Of the native coin; undefined where every coin is a contract. */
  readonly nativeDecimals: number | undefined
}

const maxConfirmations = 10_000

const NumericChainId = WholeNumber(
  1,
  Number.MAX_SAFE_INTEGER,
  wholeNumberRule(1, Number.MAX_SAFE_INTEGER)
)

const blocksOrTag = `${wholeNumberRule(1, maxConfirmations)}, or safe or finalized`

const BlocksOrTag = Schema.Union([
  Schema.Literals(["safe", "finalized"]).annotate({ message: blocksOrTag }),
  WholeNumber(1, maxConfirmations, blocksOrTag)
])

/** https://solana.com/docs/references/clusters */
const genesisHashes: ReadonlyMap<string, string> = new Map([
  ["mainnet-beta", "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d"],
  ["devnet", "EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG"]
])

const clusterRule = `must be ${[...genesisHashes.keys()].join(" or ")}, or the genesis hash of another cluster (what getGenesisHash answers)`

const Cluster = Schema.String.annotate({ message: clusterRule }).pipe(
  Schema.check(
    Schema.makeFilter((text: string) =>
      genesisHashes.has(text) || canonicalAddress("solana", text) !== undefined ? true : clusterRule
    )
  )
)

const starknetIdRule = "must be SN_MAIN, SN_SEPOLIA or alike"

const StarknetId = Schema.String.annotate({ message: starknetIdRule }).pipe(
  Schema.check(Schema.isPattern(/^[A-Z][A-Z0-9_]{0,30}$/, { message: starknetIdRule }))
)

const OnlyFinalized = Schema.Literals(["finalized"]).annotate({
  message: "must be finalized: a transaction that Aptos has committed is final"
})

export const kindRules: Record<ChainKind, KindRules> = {
  // EVM chains count their native coin in wei.
  evm: {
    chainId: NumericChainId,
    confirmations: BlocksOrTag,
    tokenKey: "contract",
    nativeDecimals: 18
  },
  solana: {
    chainId: Cluster,
    confirmations: BlocksOrTag,
    tokenKey: "mint",
    nativeDecimals: 9
  },
  aptos: {
    chainId: NumericChainId,
    confirmations: OnlyFinalized,
    tokenKey: "contract",
    nativeDecimals: 8
  },
  starknet: {
    chainId: StarknetId,
    confirmations: BlocksOrTag,
    tokenKey: "contract",
    nativeDecimals: undefined
  }
}

/** A cluster of Solana by its genesis hash, whatever the file calls it. */
export const canonicalChainId = (kind: ChainKind, id: number | string): number | string =>
  kind === "solana" ? (genesisHashes.get(`${id}`) ?? id) : id
