/**
 * A validator that answers from a script: a fake, for what no real chain does on command, such as
 * to answer only when a test allows it, or to fail in each way that there is.
 */
import { Effect, Layer } from "effect"
import type { Circuit, ValidatorError, Verdict } from "../../src/chains/validator.ts"
import { Validator } from "../../src/chains/validator.ts"
import type { ChainName, TxHash } from "../../src/domain/chain.ts"
import type { TransferClaim } from "../../src/domain/transfer.ts"

export type Script = (claim: TransferClaim) => Effect.Effect<Verdict, ValidatorError>

/** What the chain says of the transfer that is claimed, at the place that is told. */
export const confirmed = (claim: TransferClaim, transfer_index = "native"): Verdict => ({
  _tag: "Confirmed",
  identity: { chain: claim.chain, tx_hash: claim.tx_hash, transfer_index },
  amount: claim.amount,
  block_number: 7,
  block_hash: `0x${"b".repeat(64)}`,
  confirmations: 3,
  finality: "final",
  evidence: { endpoint: "script" }
})

export const confirmAll: Script = (claim) => Effect.succeed(confirmed(claim))

/** By transaction; all others are confirmed. */
export const scriptByTx =
  (scripts: ReadonlyMap<TxHash, Script>): Script =>
  (claim) =>
    (scripts.get(claim.tx_hash) ?? confirmAll)(claim)

export const validatorOf = (
  script: Script,
  claimableChains: Effect.Effect<ReadonlyArray<ChainName>>,
  circuits: Effect.Effect<ReadonlyArray<Circuit>> = Effect.succeed([])
): Layer.Layer<Validator> => Layer.succeed(Validator, { verify: script, claimableChains, circuits })
