/** Every family of chains by the `kind` that surehook.yaml gives it. A new family is one folder and one line here. */
import type { ChainKind } from "../domain/chain.ts"
import { evm } from "./evm/evm-family.ts"
import type { ChainFamily } from "./family.ts"
import { notYet } from "./not-yet.ts"
import { solana } from "./solana/solana-family.ts"

export const families: Record<ChainKind, ChainFamily> = {
  evm,
  solana,
  aptos: notYet,
  starknet: notYet
}
