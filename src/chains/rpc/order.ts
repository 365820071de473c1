/** Which endpoint is asked first: the highest priority; of equals one's own region; of those the first in the file. */
import type { RpcEndpointConfig } from "../../config/chain-config.ts"

/** Positions in surehook.yaml, the best first. */
export const orderOf = (
  endpoints: ReadonlyArray<RpcEndpointConfig>,
  region: string | undefined
): ReadonlyArray<number> => {
  const rank = ({ priority = 0, region: own }: RpcEndpointConfig) => ({
    priority,
    isNear: region !== undefined && own === region
  })
  return endpoints
    .map((endpoint, position) => ({ position, ...rank(endpoint) }))
    .toSorted(
      (a, b) =>
        b.priority - a.priority || Number(b.isNear) - Number(a.isNear) || a.position - b.position
    )
    .map(({ position }) => position)
}
