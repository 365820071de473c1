/**
 * The newest block that any endpoint of a chain has shown of late.
 *
 * Bounded in time, twice. A chain may go backwards (a reorganisation, a test chain that was reset):
 * what was seen is forgotten after a minute. And one endpoint may speak of blocks far ahead again
 * and again: if no other has come near it for some minutes, its word no longer shuts them out.
 */

export interface ChainTip {
  /**
   * Takes note of an endpoint's newest block, and says by how many blocks it is behind. Whoever is
   * ahead of all others by more than `maxLag` stands alone.
   */
  readonly observe: (endpoint: string, height: number, nowMillis: number, maxLag: number) => number
}

const rememberedMillis = 60_000
const trustedAloneMillis = 300_000

interface Shown {
  readonly height: number
  readonly at: number
  /** Since when no other endpoint has come near. */
  readonly aloneSince: number | undefined
}

export const makeChainTip = (): ChainTip => {
  const newestOf = new Map<string, Shown>()
  return {
    observe: (endpoint, height, nowMillis, maxLag) => {
      for (const [name, { at }] of newestOf) {
        if (nowMillis - at > rememberedMillis) newestOf.delete(name)
      }
      const before = newestOf.get(endpoint)
      if (before === undefined || height >= before.height) {
        const others = [...newestOf].flatMap(([name, shown]) =>
          name === endpoint ? [] : [shown.height]
        )
        const isAlone =
          others.length === 0
            ? // Who was shut out is not asked, and cannot come near.
              before?.aloneSince !== undefined
            : height - Math.max(...others) > maxLag
        const aloneSince = isAlone ? (before?.aloneSince ?? nowMillis) : undefined
        newestOf.set(endpoint, { height, at: nowMillis, aloneSince })
      }
      const trusted = [...newestOf.values()].flatMap(({ height: shown, aloneSince }) =>
        aloneSince === undefined || nowMillis - aloneSince <= trustedAloneMillis ? [shown] : []
      )
      return Math.max(...trusted, height) - height
    }
  }
}
