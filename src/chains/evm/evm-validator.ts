/**
 * The validator of EVM chains: does the transaction hold the claimed transfer, and deep enough?
 *
 * In order: is it in the chain, is it deep enough, did it succeed, does it hold the transfer.
 * Depth comes before all else, because what a reorg can undo is no reason to credit a deposit and
 * none to dead-letter it either: what reverted in one block can succeed in the next.
 */
import { Effect } from "effect"
import type { ChainConfig, Confirmations, TokenConfig } from "../../config/chain-config.ts"
import type { TransferClaim } from "../../domain/transfer.ts"
import { expectation, type Match } from "../choosing.ts"
import type { ChainValidator } from "../family.ts"
import type { Endpoints } from "../rpc/endpoints.ts"
import { confirmationsFor } from "../thresholds.ts"
import type { CircuitsOpen, Evidence, RpcFailure, RpcRefused, Verdict } from "../validator.ts"
import type { Receipt, Transaction } from "./answers.ts"
import { depthOf, type Heads, headsAsEvidence, lookAgainAfter } from "./finality.ts"
import { matchNative, matchToken, transferAsEvidence } from "./matching.ts"
import { makeLook, type Sighting } from "./sighting.ts"
import { makeTraceOf } from "./trace.ts"
import { type SeenTransfer, topLevelTransfers } from "./transfers.ts"

/** A transaction that runs no code uses exactly this: it holds no transfer but its own. */
const gasOfPlainTransfer = 21_000n

export const makeEvmValidator = Effect.fnUntraced(function* (
  chain: ChainConfig,
  endpoints: Endpoints
): Effect.fn.Return<ChainValidator> {
  const look = yield* makeLook(chain, endpoints)
  const traceOf = yield* makeTraceOf(endpoints)

  const findNative = (
    claim: TransferClaim,
    token: TokenConfig,
    receipt: Receipt,
    transaction: Transaction
  ): Effect.Effect<Match<SeenTransfer>, RpcFailure | RpcRefused | CircuitsOpen> => {
    // A provider's index names a log, and native transfers have none: `transfer_index` is ignored.
    const own = topLevelTransfers(transaction)
    const direct = matchNative(claim, token, own)
    if (receipt.gasUsed === gasOfPlainTransfer) return Effect.succeed(direct)
    // Also where the value itself fits: the code that ran may have moved as much to the same address.
    return traceOf(receipt).pipe(
      Effect.map((inner) => matchNative(claim, token, [...own, ...inner])),
      Effect.catchTag("RpcRefused", (refused) =>
        Effect.succeed<Match<SeenTransfer>>(
          direct._tag === "Found"
            ? direct
            : {
                ...direct,
                reason: `${direct.reason}; a transfer made inside a contract call shows in a trace only, and no endpoint of ${chain.name} offers debug_traceTransaction (${refused.message})`
              }
        )
      )
    )
  }

  const judge = Effect.fnUntraced(function* (
    claim: TransferClaim,
    token: TokenConfig,
    confirmations: Confirmations,
    sighting: Sighting
  ) {
    const { heads } = sighting
    const seen: Evidence = {
      endpoint: sighting.endpoint,
      tx_hash: claim.tx_hash,
      heads: headsAsEvidence(heads)
    }
    if (sighting._tag === "Unknown") {
      return { _tag: "NotFound", head: heads.latest.number, evidence: seen } satisfies Verdict
    }
    if (sighting._tag === "NotInChain") {
      const next = depthOf(heads.latest.number + 1, confirmations, heads)
      const evidence = { ...seen, not_in_chain: sighting.why }
      return {
        ...notFinal(0, Math.max(next.needed, 1), heads, evidence),
        ...(sighting.isAbsent ? { absence: { head: heads.latest.number } } : {})
      }
    }
    const { receipt, transaction, depth } = sighting
    const evidence: Evidence = {
      ...seen,
      block_number: receipt.blockNumber,
      block_hash: receipt.blockHash,
      confirmations: depth.seen,
      receipt_status: receipt.status
    }
    if (!depth.isEnough) return notFinal(depth.seen, depth.needed, heads, evidence)
    if (receipt.status !== 1) return { _tag: "Reverted", evidence } satisfies Verdict

    const match: Match<SeenTransfer> =
      token._tag === "Contract"
        ? matchToken(claim, token, receipt.logs)
        : transaction === null
          ? yield* Effect.die("a native claim was judged without its transaction")
          : yield* findNative(claim, token, receipt, transaction)
    if (match._tag === "Missing") {
      return {
        _tag: "Mismatch",
        reason: match.reason,
        expected: expectation(claim, token),
        found: match.found,
        evidence
      } satisfies Verdict
    }
    return {
      _tag: "Confirmed",
      identity: {
        chain: claim.chain,
        tx_hash: claim.tx_hash,
        transfer_index: match.transfer.index
      },
      amount: claim.amount,
      block_number: receipt.blockNumber,
      block_hash: receipt.blockHash,
      confirmations: depth.seen,
      finality: depth.finality,
      evidence: { ...evidence, transfer: transferAsEvidence(match.transfer) }
    } satisfies Verdict
  })

  return {
    verify: Effect.fn("EvmValidator.verify")(function* (claim, token) {
      const confirmations = confirmationsFor(chain, token, claim.amount)
      const sighting = yield* look({
        tx_hash: claim.tx_hash,
        withTransaction: token._tag === "Native",
        confirmations
      })
      return yield* judge(claim, token, confirmations, sighting)
    })
  }
})

const notFinal = (seen: number, needed: number, heads: Heads, evidence: Evidence): Verdict => ({
  _tag: "NotFinal",
  confirmations_seen: seen,
  confirmations_needed: needed,
  look_again_after: lookAgainAfter(needed - seen, heads),
  evidence
})
