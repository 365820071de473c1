/** The config file and the environment of the instances. */
import type { Promised } from "./checker/facts.ts"
import { chainName, confirmations, tokenDecimals } from "./local-chain.ts"

export const tenant = "acme"

export interface Configured {
  readonly usdc: string
  readonly endpoints: ReadonlyArray<string>
  readonly features: Promised
}

export const configText = ({ endpoints, features, usdc }: Configured): string => `
tenants:
  ${tenant}:
    unknown_addresses: open
    sources:
      main: { environment: production, provider: standard, secrets: ["\${MAIN_SECRET}"] }
chains:
  ${chainName}:
    kind: evm
    chain_id: 31337
    rpc:
${endpoints.map((url) => `      - { url: "${url}" }`).join("\n")}
    confirmations: ${confirmations}
${features.neverAnnounced ? "    watch: true\n" : ""}    tokens:
      ETH: native
      USDC: { contract: "${usdc}", decimals: ${tokenDecimals} }
api:
  tokens: [{ name: ops, role: operator, token: "\${OPS_TOKEN}" }]
`

/** How long the reconciler leaves a job alone; the clocks are put forward by it at the end. */
export const reconciliationThresholdMillis = 10_000

export const workerEnv = (features: Promised): Readonly<Record<string, string>> => ({
  FUNDING_WORKER_LEASE: "2s",
  FUNDING_WORKER_POLL_INTERVAL: "200ms",
  FUNDING_WORKER_COUNT: "3",
  FUNDING_WORKER_BATCH_SIZE: "20",
  FUNDING_CIRCUIT_BREAKER_THRESHOLD: "5",
  FUNDING_CIRCUIT_BREAKER_TIMEOUT: "1s",
  ...(features.reconciler
    ? {
        FUNDING_RECONCILIATION_ENABLED: "true",
        FUNDING_RECONCILIATION_INTERVAL: "2s",
        FUNDING_RECONCILIATION_THRESHOLD: `${reconciliationThresholdMillis / 1000}s`
      }
    : {})
})
