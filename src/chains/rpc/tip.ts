/** The newest block that any endpoint of a chain has shown of late. */

export interface ChainTip {
  /** Takes note of an endpoint's newest block, and says by how many blocks it is behind. */
  readonly observe: (height: number, nowMillis: number) => number
}

/**
 * A chain that goes backwards (a reorganisation, a test chain that was reset), or one endpoint that
 * once spoke of a block far ahead, must not shut the others out for long.
 */
const rememberedMillis = 60_000

export const makeChainTip = (): ChainTip => {
  let newest = 0
  let seenAt = 0
  return {
    observe: (height, nowMillis) => {
      if (height >= newest || nowMillis - seenAt > rememberedMillis) {
        newest = height
        seenAt = nowMillis
      }
      return newest - height
    }
  }
}
