/** In which environment the reconciler makes deposits of what it finds on a watched chain. */
import type { Environment, TenantId } from "../domain/ids.ts"
import type { ChainConfig } from "./chain-config.ts"
import type { Source } from "./surehook-config.ts"

/** Where webhooks of the tenant make deposits. */
export const environmentsOf = (
  sources: ReadonlyMap<unknown, Source>,
  tenant: TenantId
): ReadonlySet<Environment> =>
  new Set(
    [...sources.values()].flatMap(({ environment, tenant_id }) =>
      tenant_id === tenant ? [environment] : []
    )
  )

/** Undefined if the tenant has none there: what comes to its addresses is no deposit on that chain. */
export const watchEnvironment = (
  { watch_environment }: ChainConfig,
  environments: ReadonlySet<Environment>
): Environment | undefined => {
  if (watch_environment !== undefined) {
    return environments.has(watch_environment) ? watch_environment : undefined
  }
  const [only] = environments
  return environments.size === 1 ? only : undefined
}
