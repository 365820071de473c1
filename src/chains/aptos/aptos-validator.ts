/**
 * The validator of Aptos: is the transaction committed, did it succeed, does it hold the claimed deposit?
 *
 * A committed transaction is final, so there is no depth to wait for, and neither `confirmations` nor
 * `large_confirmations` have anything to say. One that failed is committed too, and fails for ever.
 */
import { Duration, Effect } from "effect"
import type { TokenConfig } from "../../config/chain-config.ts"
import type { TransferClaim } from "../../domain/transfer.ts"
import type { ChainValidator } from "../family.ts"
import type { Endpoints } from "../rpc/endpoints.ts"
import type { Evidence, Verdict } from "../validator.ts"
import { assetsOf, matchDeposit, movementAsEvidence, movementsAsEvidence } from "./matching.ts"
import { type Committed, makeLook, type Sighting } from "./sighting.ts"

/** A transaction that is well is committed within a second; one that is not expires. */
const lookAgainAfter = Duration.seconds(1)

/** What a foreign contract may say in `vm_status`. */
const maxStatusCharacters = 300

export const makeAptosValidator = (endpoints: Endpoints): Effect.Effect<ChainValidator> =>
  Effect.map(makeLook(endpoints), (look) => ({
    verify: Effect.fn("AptosValidator.verify")(function* (claim, token) {
      return judge(claim, token, yield* look(claim.tx_hash))
    })
  }))

const judge = (claim: TransferClaim, token: TokenConfig, sighting: Sighting): Verdict => {
  const { ledger } = sighting
  const evidence: Evidence = {
    endpoint: sighting.endpoint,
    tx_hash: claim.tx_hash,
    ledger: {
      chain_id: ledger.chain_id,
      version: ledger.ledger_version,
      block_height: ledger.block_height,
      timestamp: Math.floor(ledger.ledger_timestamp / 1_000_000)
    }
  }
  switch (sighting._tag) {
    case "Unknown":
      return { _tag: "NotFound", head: ledger.block_height, evidence }
    case "Pending":
      return {
        _tag: "NotFinal",
        confirmations_seen: 0,
        confirmations_needed: 1,
        look_again_after: lookAgainAfter,
        evidence
      }
    case "OfChain":
      return {
        _tag: "Mismatch",
        reason: `it is a ${sighting.type}, which the chain itself makes: no account sent it, and it holds no deposit`,
        expected: expectation(claim, token),
        found: { type: sighting.type },
        evidence
      }
    case "Committed":
      return judgeCommitted(claim, token, sighting, evidence)
  }
}

const judgeCommitted = (
  claim: TransferClaim,
  token: TokenConfig,
  sighting: Committed,
  seen: Evidence
): Verdict => {
  const { block, ledger, movements } = sighting
  // The newest block may be read a moment before the transaction is committed.
  const confirmations = Math.max(ledger.block_height - block.block_height + 1, 1)
  const evidence: Evidence = {
    ...seen,
    version: sighting.version,
    block_number: block.block_height,
    block_hash: block.block_hash,
    confirmations,
    sender: sighting.sender,
    success: sighting.success,
    vm_status: sighting.vm_status.slice(0, maxStatusCharacters)
  }
  if (!sighting.success) return { _tag: "Reverted", evidence }

  const match = matchDeposit(claim, token, movements, sighting.eventCount)
  if (match._tag === "Missing") {
    return {
      _tag: "Mismatch",
      reason: match.reason,
      expected: expectation(claim, token),
      found: match.found,
      evidence
    }
  }
  const { transfer: deposit } = match
  return {
    _tag: "Confirmed",
    identity: {
      chain: claim.chain,
      tx_hash: claim.tx_hash,
      transfer_index: `event:${deposit.events[0]}`
    },
    amount: claim.amount,
    block_number: block.block_height,
    block_hash: block.block_hash,
    confirmations,
    finality: "final",
    evidence: {
      ...evidence,
      transfer: movementAsEvidence(deposit),
      withdrawals: movementsAsEvidence(movements.filter(({ direction }) => direction === "out"))
    }
  }
}

const expectation = (claim: TransferClaim, token: TokenConfig): Evidence => ({
  token: claim.token,
  assets: assetsOf(token),
  to: claim.to_address,
  amount: claim.amount,
  transfer_index: claim.transfer_index
})
