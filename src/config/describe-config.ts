/** The loaded config in lines for a person: names and counts, and nothing secret. */
import { Redacted } from "effect"
import type { ChainConfig, TokenConfig } from "./chain-config.ts"
import type { ApiToken, Source, SurehookConfig } from "./surehook-config.ts"

export const describeConfig = (config: SurehookConfig["Service"]): string => {
  const sources = [...config.sources.values()]
  const chains = [...config.chains.values()]
  const tenants = [...new Set(sources.map((source) => source.tenant_id))]
  return [
    `${originName(config)}: ${[
      count(tenants.length, "tenant with sources", "tenants with sources"),
      count(sources.length, "source"),
      count(chains.length, "chain"),
      count(config.apiTokens.length, "API token")
    ].join(", ")}`,
    ...tenants.flatMap((tenant) => [
      `tenant ${tenant}`,
      ...sources.filter((source) => source.tenant_id === tenant).map(describeSource)
    ]),
    ...chains.flatMap(describeChain),
    ...config.apiTokens.map(describeToken)
  ].join("\n")
}

const originName = ({ origin }: SurehookConfig["Service"]): string => {
  if (origin === undefined) return "config"
  return origin._tag === "File" ? origin.path : "development config (there is no surehook.yaml)"
}

const count = (number: number, one: string, many = `${one}s`): string =>
  `${number} ${number === 1 ? one : many}`

const describeSource = ({ id, provider, environment, secrets }: Source): string =>
  `  source ${id}: ${environment}, ${provider}, ${count(secrets.length, "secret")}, POST /v1/webhooks/${id}`

const describeChain = (chain: ChainConfig): ReadonlyArray<string> => [
  `chain ${chain.name}: ${chain.kind}, chain id ${chain.chain_id}, credits at ${depth(chain)}, RPC ${endpointHosts(chain)}`,
  ...[...chain.tokens].map(([symbol, token]) => `  token ${symbol}: ${describeTokenConfig(token)}`)
]

const depth = ({ confirmations }: ChainConfig): string =>
  typeof confirmations === "number" ? count(confirmations, "confirmation") : confirmations

/** Only the hosts: a path or a query often holds the key. */
const endpointHosts = ({ rpc }: ChainConfig): string =>
  rpc.map(({ url }) => new URL(Redacted.value(url)).host).join(", ")

const describeTokenConfig = (token: TokenConfig): string =>
  token._tag === "Native"
    ? `native, ${count(token.decimals, "decimal")}`
    : `contract ${token.contract}, ${count(token.decimals, "decimal")}`

const describeToken = ({ name, role, tenants }: ApiToken): string =>
  `API token ${name}: ${role} of ${tenants === null ? "all tenants" : [...tenants].join(", ")}`
