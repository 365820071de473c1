/**
 * The validator of Solana: did the transaction bring the owner the claimed amount, and deep enough?
 *
 * In order: is it in a confirmed slot, is it deep enough, did it succeed, did the amount arrive.
 * Depth comes before all else, because what a fork can undo is no reason to credit a deposit and
 * none to dead-letter it either.
 */
import { Effect } from "effect"
import type { ChainConfig, TokenConfig } from "../../config/chain-config.ts"
import type { TransferClaim } from "../../domain/transfer.ts"
import type { ChainValidator } from "../family.ts"
import type { Endpoints } from "../rpc/endpoints.ts"
import { confirmationsFor } from "../thresholds.ts"
import type { Evidence, Verdict } from "../validator.ts"
import { depthOf, headsAsEvidence, lookAgainAfter, neededFromNow } from "./depth.ts"
import { changeAsEvidence, match } from "./matching.ts"
import { makeLook, type Sighting } from "./sighting.ts"

export const makeSolanaValidator = (
  chain: ChainConfig,
  endpoints: Endpoints
): Effect.Effect<ChainValidator> =>
  Effect.map(makeLook(endpoints), (look) => ({
    verify: Effect.fn("SolanaValidator.verify")(function* (claim, token) {
      return judge(chain, claim, token, yield* look(claim.tx_hash))
    })
  }))

const judge = (
  chain: ChainConfig,
  claim: TransferClaim,
  token: TokenConfig,
  sighting: Sighting
): Verdict => {
  const { heads } = sighting
  const confirmations = confirmationsFor(chain, token, claim.amount)
  const seen: Evidence = {
    endpoint: sighting.endpoint,
    tx_hash: claim.tx_hash,
    heads: headsAsEvidence(heads)
  }
  if (sighting._tag === "Unknown") {
    return { _tag: "NotFound", head: heads.confirmed, evidence: seen }
  }
  if (sighting._tag === "NotConfirmed") {
    const evidence = { ...seen, slot: sighting.slot, not_confirmed: sighting.why }
    return notFinal(0, neededFromNow(confirmations, heads), evidence)
  }
  const { transaction, blockhash, isFinal } = sighting
  const { slot, meta } = transaction
  const depth = depthOf(slot, isFinal, confirmations, heads)
  const evidence: Evidence = {
    ...seen,
    slot,
    block_hash: blockhash,
    confirmations: depth.seen,
    err: meta.err === null ? null : JSON.stringify(meta.err).slice(0, maxErrorCharacters)
  }
  if (!depth.isEnough) return notFinal(depth.seen, depth.needed, evidence)
  if (meta.err !== null) return { _tag: "Reverted", evidence }

  const matched = match(claim, token, transaction)
  if (matched._tag === "Missing") {
    return {
      _tag: "Mismatch",
      reason: matched.reason,
      expected: expectation(claim, token),
      found: matched.found,
      evidence
    }
  }
  return {
    _tag: "Confirmed",
    identity: { chain: claim.chain, tx_hash: claim.tx_hash, transfer_index: matched.index },
    amount: claim.amount,
    block_number: slot,
    block_hash: blockhash,
    confirmations: depth.seen,
    finality: isFinal ? "final" : "watching",
    evidence: { ...evidence, transfer: changeAsEvidence(matched.change) }
  }
}

/** The error of a transaction is a small record, such as `{"InstructionError":[0,{"Custom":1}]}`. */
const maxErrorCharacters = 200

const notFinal = (seen: number, needed: number, evidence: Evidence): Verdict => ({
  _tag: "NotFinal",
  confirmations_seen: seen,
  confirmations_needed: needed,
  look_again_after: lookAgainAfter(needed - seen),
  evidence
})

const expectation = (claim: TransferClaim, token: TokenConfig): Evidence => ({
  token: claim.token,
  mint: token._tag === "Contract" ? token.contract : null,
  to: claim.to_address,
  amount: claim.amount
})
