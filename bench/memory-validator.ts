/** A validator that confirms every claim from memory, so that the figure is ours and not the chain's. */
import { Effect, Layer } from "effect"
import { Validator } from "../src/chains/validator.ts"
import { chainName } from "./setup.ts"

export const memoryValidator = Layer.succeed(Validator, {
  verify: (claim) =>
    Effect.succeed({
      _tag: "Confirmed",
      identity: { chain: claim.chain, tx_hash: claim.tx_hash, transfer_index: "native" },
      amount: claim.amount,
      block_number: 1_000_000,
      block_hash: claim.tx_hash,
      confirmations: 12,
      finality: "final",
      evidence: {
        endpoint: "memory",
        block_number: 1_000_000,
        confirmations: 12,
        receipt_status: 1
      }
    }),
  claimableChains: Effect.succeed([chainName]),
  circuits: Effect.succeed([])
})
