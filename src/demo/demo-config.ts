/** The surehook.yaml of one run of the demo, with secrets that live as long as it. */
import { randomBytes } from "node:crypto"
import { webhookSecretPrefix } from "../config/webhook-secret.ts"
import { ChainName } from "../domain/chain.ts"
import { SourceId } from "../domain/ids.ts"
import type { LocalChain } from "./local-chain.ts"

export const chainName = ChainName.make("localchain")
export const sourceId = SourceId.make("main")

/** Blocks, its own included, before a deposit is credited. */
export const confirmations = 2

export interface DemoSecrets {
  /** Signs webhooks. */
  readonly key: Uint8Array
  /** The same, as it stands in surehook.yaml. */
  readonly webhookSecret: string
  readonly apiToken: string
}

export const makeSecrets = (): DemoSecrets => {
  const key = randomBytes(32)
  return {
    key,
    webhookSecret: webhookSecretPrefix + key.toString("base64"),
    apiToken: `demo_${randomBytes(18).toString("base64url")}`
  }
}

/** JSON strings are YAML strings. */
const quoted = (text: string) => JSON.stringify(text)

export const configYaml = (
  { webhookSecret, apiToken }: DemoSecrets,
  { anvil, front, usdc }: LocalChain
): string => `# Made by \`npm run demo\`, and gone when it ends.
tenants:
  acme:
    sources:
      ${sourceId}:
        environment: demo
        provider: standard
        secrets: [${quoted(webhookSecret)}]
chains:
  ${chainName}:
    kind: evm
    chain_id: ${anvil.chainId}
    rpc: [{ url: ${quoted(front.url)} }]
    confirmations: ${confirmations}
    tokens:
      ETH: native
      USDC: { contract: ${quoted(usdc)}, decimals: 6 }
api:
  tokens: [{ name: demo, role: operator, token: ${quoted(apiToken)} }]
`
