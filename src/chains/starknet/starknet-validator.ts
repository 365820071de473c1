/**
 * The validator of Starknet: does the transaction hold the claimed transfer, and deep enough?
 *
 * In order: is it in the chain, is it deep enough, did it succeed, does it hold the transfer.
 * Depth comes before all else, because what a reorg can undo is no reason to credit a deposit and
 * none to dead-letter it either: what reverted in one block can succeed in the next.
 */
import { Effect } from "effect"
import type { ChainConfig, Confirmations, TokenConfig } from "../../config/chain-config.ts"
import type { TransferClaim } from "../../domain/transfer.ts"
import { expectation } from "../choosing.ts"
import type { ChainValidator } from "../family.ts"
import type { Endpoints } from "../rpc/endpoints.ts"
import { confirmationsFor } from "../thresholds.ts"
import type { Evidence, Verdict } from "../validator.ts"
import type { Accepted } from "./accepted.ts"
import { lookAgainAfter, neededOutsideOfChain } from "./finality.ts"
import { type ContractToken, canonicalIndex, matchToken, transferAsEvidence } from "./matching.ts"
import { makeLook, type Sighting } from "./sighting.ts"

/** A contract writes the reason, of any length: an event of ours holds its beginning. */
const maxRevertReasonCharacters = 300

export const makeStarknetValidator = (
  chain: ChainConfig,
  endpoints: Endpoints
): Effect.Effect<ChainValidator> =>
  Effect.map(makeLook(endpoints), (look) => ({
    verify: Effect.fn("StarknetValidator.verify")(function* (claim, token) {
      if (token._tag === "Native") {
        return nativeUnknown(
          claim,
          token,
          `${claim.token} is native in surehook.yaml, but every token of ${chain.name} is a contract, STRK and ETH too: name its contract there and replay the deposit`
        )
      }
      const confirmations = confirmationsFor(chain, token, claim.amount)
      const sighting = yield* look({ tx_hash: claim.tx_hash, confirmations })
      return judge(claim, token, confirmations, sighting)
    })
  }))

/** Nothing is asked of the chain. */
const nativeUnknown = (claim: TransferClaim, token: TokenConfig, reason: string): Verdict => ({
  _tag: "Mismatch",
  reason,
  expected: expectation(claim, token),
  found: {},
  evidence: { tx_hash: claim.tx_hash }
})

const judge = (
  claim: TransferClaim,
  token: ContractToken,
  confirmations: Confirmations,
  sighting: Sighting
): Verdict => {
  const seen: Evidence = {
    endpoint: sighting.endpoint,
    tx_hash: claim.tx_hash,
    head: sighting.head
  }
  switch (sighting._tag) {
    case "Unknown":
      return {
        _tag: "NotFound",
        head: sighting.head,
        evidence: { ...seen, status: sighting.status }
      }
    case "NotInChain": {
      const needed = neededOutsideOfChain(confirmations)
      return {
        _tag: "NotFinal",
        confirmations_seen: 0,
        confirmations_needed: needed,
        reason: sighting.why,
        look_again_after: lookAgainAfter(1, "safe"),
        evidence: { ...seen, not_in_chain: sighting.why }
      }
    }
    case "InChain": {
      const { accepted, depth } = sighting
      const evidence: Evidence = {
        ...seen,
        block_number: accepted.block_number,
        block_hash: accepted.block_hash,
        confirmations: depth.seen,
        finality_status: accepted.finality_status,
        execution_status: accepted.execution_status
      }
      if (depth.isEnough) return judgeDeep(claim, token, sighting, evidence)
      return {
        _tag: "NotFinal",
        confirmations_seen: depth.seen,
        confirmations_needed: depth.needed,
        ...(confirmations === "finalized" && {
          reason: "accepted on L2, and not yet on L1 (Ethereum), which takes hours"
        }),
        look_again_after: lookAgainAfter(depth.needed - depth.seen, confirmations),
        evidence
      }
    }
  }
}

const judgeDeep = (
  claim: TransferClaim,
  token: ContractToken,
  { accepted, depth }: Extract<Sighting, { readonly _tag: "InChain" }>,
  evidence: Evidence
): Verdict => {
  if (accepted.execution_status !== "SUCCEEDED") {
    return { _tag: "Reverted", evidence: { ...evidence, revert_reason: shownReason(accepted) } }
  }
  const match = matchToken(claim, token, accepted.events)
  if (match._tag === "Missing") {
    return {
      _tag: "Mismatch",
      reason: match.reason,
      expected: expectation(claim, token),
      found: match.found,
      evidence
    }
  }
  return {
    _tag: "Confirmed",
    identity: {
      chain: claim.chain,
      tx_hash: claim.tx_hash,
      transfer_index: canonicalIndex(match.transfer)
    },
    amount: claim.amount,
    block_number: accepted.block_number,
    block_hash: accepted.block_hash,
    confirmations: depth.seen,
    finality: depth.finality,
    evidence: { ...evidence, transfer: transferAsEvidence(match.transfer) }
  }
}

const shownReason = ({ revert_reason }: Accepted): string | null =>
  revert_reason?.slice(0, maxRevertReasonCharacters) ?? null
