/** How deep a slot lies, whether that is deep enough to credit, and whether the chain could still undo it. */
import { Duration } from "effect"
import type { Confirmations } from "../../config/chain-config.ts"
import type { Evidence } from "../validator.ts"

/** The newest slots as one endpoint saw them at one moment. */
export interface Heads {
  readonly confirmed: number
  readonly finalized: number
}

export interface Depth {
  readonly isEnough: boolean
  readonly seen: number
  readonly needed: number
}

/**
 * Of a slot that was seen at commitment `confirmed`, than which `safe` asks no more. What is final is
 * deep enough whatever number was asked for: no slot on top could make it firmer.
 */
export const depthOf = (
  slot: number,
  isFinal: boolean,
  confirmations: Confirmations,
  heads: Heads
): Depth => {
  // Behind one URL the head may come from a node that lags: the slot itself was just seen.
  const seen = Math.max(heads.confirmed - slot + 1, 1)
  if (confirmations === "safe") return { isEnough: true, seen, needed: 1 }
  if (confirmations === "finalized") {
    const left = isFinal ? 0 : Math.max(slot - heads.finalized, 1)
    return { isEnough: isFinal, seen, needed: seen + left }
  }
  return { isEnough: isFinal || seen >= confirmations, seen, needed: confirmations }
}

/** What a transaction that is in no confirmed slot yet would need in the next one. */
export const neededFromNow = (confirmations: Confirmations, heads: Heads): number =>
  Math.max(depthOf(heads.confirmed + 1, false, confirmations, heads).needed, 1)

const slotMillis = 400
const minLookAgainMillis = 1000
const maxLookAgainMillis = 60_000

/** About how long `slots` more slots take. */
export const lookAgainAfter = (slots: number): Duration.Duration =>
  Duration.millis(Math.min(Math.max(slots * slotMillis, minLookAgainMillis), maxLookAgainMillis))

/** Reckoned from a block's time and from the slots since, how old an endpoint's newest slot is. */
export const headAgeMillis = (
  block: { readonly slot: number; readonly timeSeconds: number },
  heads: Heads,
  nowMillis: number
): number => nowMillis - block.timeSeconds * 1000 - (heads.confirmed - block.slot) * slotMillis

export const headsAsEvidence = (heads: Heads): Evidence => ({
  confirmed: heads.confirmed,
  finalized: heads.finalized
})
