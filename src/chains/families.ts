/** Every family of chains by the `kind` that surehook.yaml gives it. A new family is one folder and one line here. */
import type { ChainKind } from "../domain/chain.ts"
import { aptos } from "./aptos/aptos-family.ts"
import { evm } from "./evm/evm-family.ts"
import type { ChainFamily } from "./family.ts"
import { solana } from "./solana/solana-family.ts"
import { starknet } from "./starknet/starknet-family.ts"

export const families: Record<ChainKind, ChainFamily> = {
  evm,
  solana,
  aptos,
  starknet
}
