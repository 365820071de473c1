/**
 * What a look at the chain means for a deposit: pure, and the one place where it is decided.
 *
 *     not settled    confirmed                                   credited
 *                    reverted                                    rejected
 *                    unknown to the chain for over an hour       rejected
 *                    not deep enough, unknown for less           left
 *     credited,      final                                       finalized
 *     not final      gone in two looks, a while apart            reversed
 *                    there                                       left
 *
 * Gone is what is not in the chain of a witness that has come to its block, and what reverted or changed in
 * another block than the credited one.
 * That one and the same block says something else now is no reorganisation: our configuration was
 * changed, or an endpoint lies, and no money is moved for that.
 */
import { Duration } from "effect"
import type { SettledBecause } from "../../machines/deposit-events.ts"
import type { Evidence, Verdict } from "../chains/validator.ts"

/** From the webhook on. Long enough for any chain to mine what was announced. */
const notSeenLimit = Duration.hours(1)

type Confirmed = Extract<Verdict, { readonly _tag: "Confirmed" }>

export type Judgement =
  | { readonly _tag: "Credit"; readonly verdict: Confirmed }
  | {
      readonly _tag: "Reject"
      readonly because: Extract<SettledBecause, "not_seen" | "reverted">
      readonly reason: string
      readonly evidence: Evidence
    }
  | { readonly _tag: "Finalize"; readonly verdict: Confirmed }
  | { readonly _tag: "Reverse"; readonly reason: string; readonly evidence: Evidence }
  /** Gone at this look: it is looked at again soon, before anything is done. */
  | { readonly _tag: "Missing" }
  | { readonly _tag: "Leave" }
  /** Nothing is done, and a person should know. */
  | { readonly _tag: "Contradiction"; readonly message: string }

const leave: Judgement = { _tag: "Leave" }

export interface Unsettled {
  readonly firstSeenAt: number
  /** It has ended once already, without a credit. */
  readonly isSettled: boolean
}

export const judgeUnsettled = (
  verdict: Verdict,
  { firstSeenAt, isSettled }: Unsettled,
  now: number
): Judgement => {
  switch (verdict._tag) {
    case "Confirmed":
      return { _tag: "Credit", verdict }
    case "Reverted":
      return isSettled
        ? leave
        : {
            _tag: "Reject",
            because: "reverted",
            reason: "the transaction reverted: it is on chain and moved nothing",
            evidence: verdict.evidence
          }
    case "NotFound":
      return isSettled || now - firstSeenAt < Duration.toMillis(notSeenLimit)
        ? leave
        : {
            _tag: "Reject",
            because: "not_seen",
            reason: `the chain has not shown this transaction for over ${Duration.format(notSeenLimit)}`,
            evidence: verdict.evidence
          }
    // A worker says so, and dead-letters it.
    case "Mismatch":
    case "NotFinal":
      return leave
  }
}

/** A credit that the chain could still undo. */
export interface Watched {
  /** Canonical, see `OnChainIdentity`. */
  readonly transferIndex: string
  readonly blockNumber: number
  readonly blockHash: string
  /** Since when it was gone at each look, if it was. */
  readonly missingSince: number | null
}

/** What is gone must have been so for `patience` before it is reversed. */
export const judgeWatched = (
  verdict: Verdict,
  credit: Watched,
  now: number,
  patience: Duration.Duration
): Judgement => {
  const gone = whyGone(verdict, credit)
  if (gone === undefined) {
    return verdict._tag === "Confirmed" && verdict.finality === "final"
      ? { _tag: "Finalize", verdict }
      : leave
  }
  if (typeof gone !== "string") return { _tag: "Contradiction", message: gone.contradiction }
  const { missingSince } = credit
  return missingSince !== null && now - missingSince >= Duration.toMillis(patience)
    ? {
        _tag: "Reverse",
        reason: `${gone}; it was credited in block ${credit.blockNumber} (${credit.blockHash})`,
        evidence: verdict.evidence
      }
    : { _tag: "Missing" }
}

const whyGone = (
  verdict: Verdict,
  credit: Watched
): string | undefined | { readonly contradiction: string } => {
  const { block_hash } = verdict.evidence
  // A block that is not told is none that proves a reorganisation.
  const isOtherBlock = typeof block_hash === "string" && block_hash !== credit.blockHash
  switch (verdict._tag) {
    case "Confirmed":
      if (verdict.identity.transfer_index === credit.transferIndex) return undefined
      return isOtherBlock
        ? `the transaction was mined again, and the transfer stands at ${verdict.identity.transfer_index} in it`
        : changed(
            `it stands at ${verdict.identity.transfer_index} instead of ${credit.transferIndex}`
          )
    case "NotFinal":
      return verdict.absence !== undefined && verdict.absence.head >= credit.blockNumber
        ? "the transaction is not in the chain any more"
        : undefined
    case "NotFound":
      // Who has not come to its block does not know it yet.
      return verdict.head >= credit.blockNumber
        ? "no endpoint knows the transaction any more"
        : undefined
    case "Reverted":
      return isOtherBlock
        ? "the transaction was mined again, and reverted"
        : changed("the transaction reverted")
    case "Mismatch":
      return isOtherBlock && verdict.about !== "config"
        ? `the transaction was mined again, and does not hold the transfer: ${verdict.reason}`
        : changed(verdict.reason)
  }
}

const changed = (what: string) => ({
  contradiction: `a credited deposit would be judged otherwise now, though its block is the same: ${what}`
})
