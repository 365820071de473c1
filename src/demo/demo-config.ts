/** The surehook.yaml of one run of the demo, with secrets that live as long as it. */
import type { DemoChain } from "./demo-chain.ts"

/** JSON is YAML. */
const entry = (name: string, value: unknown): string => `${name}: ${JSON.stringify(value)}`

export const configYaml = (chains: ReadonlyArray<DemoChain>, apiToken: string): string => `\
# Made by \`npm run demo\`, and gone when it ends.
tenants:
  acme:
    sources:
${chains.map(({ source, sourceId }) => `      ${entry(sourceId, { environment: "demo", ...source })}`).join("\n")}
chains:
${chains.map(({ chain, name }) => `  ${entry(name, chain)}`).join("\n")}
api:
  tokens: [${JSON.stringify({ name: "demo", role: "operator", token: apiToken })}]
`
