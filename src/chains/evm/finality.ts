/** How deep a block lies, whether that is deep enough to credit, and whether the chain could still undo it. */
import { Duration } from "effect"
import type { ChainConfig } from "../../config/chain-config.ts"
import type { Evidence } from "../validator.ts"
import type { Block } from "./answers.ts"

/** The newest blocks as one endpoint saw them at one moment. */
export interface Heads {
  readonly latest: Block
  readonly safe: Block | null
  readonly finalized: Block | null
  /** Whether the chain has the tag `finalized` at all: one that has it may still not know it now. */
  readonly hasFinalized: boolean
}

export interface Depth {
  readonly isEnough: boolean
  readonly seen: number
  readonly needed: number
  readonly finality: "watching" | "final"
}

/** For tags, what is needed is what was seen and what is left until the tag reaches the block. */
export const depthOf = (
  blockNumber: number,
  confirmations: ChainConfig["confirmations"],
  heads: Heads
): Depth => {
  // The heads may be older than the block, or come from before `latest` went backwards: the block
  // itself was just seen in the chain, so it has at least its own confirmation.
  const seen = Math.max(heads.latest.number - blockNumber + 1, 1)
  const isFinal = heads.hasFinalized
    ? heads.finalized !== null && blockNumber <= heads.finalized.number
    : // Without a tag the operator's number is the only finality there is.
      true
  const finality = isFinal ? "final" : "watching"
  if (typeof confirmations === "number") {
    return { isEnough: seen >= confirmations, seen, needed: confirmations, finality }
  }
  const tag = heads[confirmations]
  const left = tag === null ? 1 : Math.max(blockNumber - tag.number, 0)
  return { isEnough: left === 0, seen, needed: seen + left, finality }
}

/**
 * The newest height that the chain will not undo. Without a finalized block, the operator's level is
 * the only finality there is.
 */
export const finalHeight = (
  { latest, safe, finalized }: Heads,
  confirmations: ChainConfig["confirmations"]
): number => {
  const final =
    typeof confirmations === "number"
      ? (finalized?.number ?? latest.number - confirmations)
      : (finalized ?? safe ?? latest).number
  return Math.max(Math.min(final, latest.number), 0)
}

/** Until a chain has shown two blocks whose times differ. */
const assumedBlockMillis = 5000
const minLookAgainMillis = 1000
const maxLookAgainMillis = 60_000

/** About how long `blocks` more blocks take, at the pace of late. */
export const lookAgainAfter = (blocks: number, heads: Heads): Duration.Duration => {
  const older = heads.finalized ?? heads.safe ?? heads.latest
  const passed = heads.latest.number - older.number
  const seconds = heads.latest.timestamp - older.timestamp
  const blockMillis = passed > 0 && seconds > 0 ? (seconds * 1000) / passed : assumedBlockMillis
  const millis = Math.round(blocks * blockMillis)
  return Duration.millis(Math.min(Math.max(millis, minLookAgainMillis), maxLookAgainMillis))
}

export const headsAsEvidence = (heads: Heads): Evidence => ({
  latest: heads.latest.number,
  latest_timestamp: heads.latest.timestamp,
  safe: heads.safe?.number ?? null,
  finalized: heads.finalized?.number ?? null
})
