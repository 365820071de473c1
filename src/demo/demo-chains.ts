/** The chains of the demo, each loaded and started only if it is wanted. */
import { Effect } from "effect"
import type { DemoChain } from "./demo-chain.ts"

const starters = {
  evm: Effect.flatMap(
    Effect.promise(() => import("./evm/evm-chain.ts")),
    ({ startEvmChain }) => startEvmChain
  ),
  solana: Effect.flatMap(
    Effect.promise(() => import("./solana/solana-chain.ts")),
    ({ startSolanaChain }) => startSolanaChain
  ),
  aptos: Effect.flatMap(
    Effect.promise(() => import("./aptos/aptos-chain.ts")),
    ({ startAptosChain }) => startAptosChain
  ),
  starknet: Effect.flatMap(
    Effect.promise(() => import("./starknet/starknet-demo.ts")),
    ({ startStarknetChain }) => startStarknetChain
  )
}

/** In the order in which they are played. */
const kinds = ["evm", "solana", "aptos", "starknet"] as const

export const chainChoices = ["all", ...kinds] as const
export type ChainChoice = (typeof chainChoices)[number]

export const startChains = Effect.fnUntraced(function* (choice: ChainChoice) {
  const chains: Array<DemoChain> = []
  for (const kind of choice === "all" ? kinds : [choice]) chains.push(yield* starters[kind])
  return chains
})
