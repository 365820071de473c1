/**
 * How deep a block lies, whether that is deep enough to credit, and whether the chain could still undo it.
 *
 * Starknet has two kinds of acceptance: by its own consensus within seconds (ACCEPTED_ON_L2), and by
 * a proof on Ethereum after hours (ACCEPTED_ON_L1). Only the latter is final.
 * https://docs.starknet.io/learn/protocol/transactions
 */
import { Duration } from "effect"
import type { Confirmations } from "../../config/chain-config.ts"

export const acceptedOnL2 = "ACCEPTED_ON_L2"
export const acceptedOnL1 = "ACCEPTED_ON_L1"

export const isAccepted = (status: string): boolean =>
  status === acceptedOnL2 || status === acceptedOnL1

export interface Depth {
  readonly isEnough: boolean
  readonly seen: number
  readonly needed: number
  readonly finality: "watching" | "final"
}

/** Of an accepted transaction. What is needed for `finalized` is no number of blocks: one more than seen. */
export const depthOf = (
  { blockNumber, status }: { readonly blockNumber: number; readonly status: string },
  confirmations: Confirmations,
  head: number
): Depth => {
  // The head may be older than the block, which was just seen in the chain: it has its own confirmation.
  const seen = Math.max(head - blockNumber + 1, 1)
  const finality = status === acceptedOnL1 ? "final" : "watching"
  switch (confirmations) {
    case "safe":
      return { isEnough: true, seen, needed: 1, finality }
    case "finalized": {
      const isEnough = finality === "final"
      return { isEnough, seen, needed: isEnough ? seen : seen + 1, finality }
    }
    default:
      return { isEnough: seen >= confirmations, seen, needed: confirmations, finality }
  }
}

/** Blocks needed by a transaction that is in none. */
export const neededOutsideOfChain = (confirmations: Confirmations): number =>
  typeof confirmations === "number" ? confirmations : 1

/** Of late 2 to 6 seconds, in quiet times 30: looking again too early costs little. */
const assumedBlockMillis = 4000
const minLookAgainMillis = 1000
const maxLookAgainMillis = 60_000

/** About how long `blocks` more blocks take; for L1 it is hours, which nothing foretells. */
export const lookAgainAfter = (blocks: number, confirmations: Confirmations): Duration.Duration => {
  const millis = confirmations === "finalized" ? maxLookAgainMillis : blocks * assumedBlockMillis
  return Duration.millis(Math.min(Math.max(millis, minLookAgainMillis), maxLookAgainMillis))
}

const slowBlockSeconds = 30
const minOverdueSeconds = 120
/** Proofs take a few hours. */
const overdueOnL1Seconds = 43_200

/** How old a block can be before it is strange that it is not deep enough yet. */
export const overdueSeconds = (confirmations: Confirmations): number =>
  typeof confirmations === "number"
    ? Math.max(confirmations * slowBlockSeconds, minOverdueSeconds)
    : overdueOnL1Seconds

/**
 * So many blocks below the newest one is taken for final where the node cannot say which are. Looking
 * for it block by block would take hours' worth of calls, so it is as many as are made in the time
 * after which it is strange that a block is not on L1.
 */
export const assumedBlocksToL1 = Math.ceil((overdueOnL1Seconds * 1000) / assumedBlockMillis)
