/** The loaded config in lines for a person: names and counts, and nothing secret. */
import { Redacted } from "effect"
import type { ChainConfig, Confirmations, TokenConfig } from "./chain-config.ts"
import type { ApiToken, Source, SurehookConfig, UnknownAddresses } from "./surehook-config.ts"

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
      `tenant ${tenant}${describeUnknown(config.unknownAddresses?.get(tenant))}`,
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

const describeUnknown = (unknown: UnknownAddresses | undefined): string =>
  unknown === undefined ? "" : `: unknown addresses ${unknown}`

const describeSource = ({ id, provider, environment, networks, secrets }: Source): string => {
  const chains = [...(networks ?? [])].map(([network, chain]) => `${network} is ${chain}`)
  return [
    `  source ${id}: ${environment}`,
    provider,
    ...chains,
    count(secrets.length, "secret"),
    `POST /v1/webhooks/${id}`
  ].join(", ")
}

const describeChain = (chain: ChainConfig): ReadonlyArray<string> => [
  `chain ${chain.name}: ${chain.kind}, chain id ${chain.chain_id}, credits at ${depth(chain.confirmations)}, RPC ${endpointHosts(chain)}${chain.watch === true ? ", watched for transfers that no webhook told of" : ""}`,
  ...[...chain.tokens].map(([symbol, token]) => `  token ${symbol}: ${describeTokenConfig(token)}`)
]

const depth = (confirmations: Confirmations): string =>
  typeof confirmations === "number" ? count(confirmations, "confirmation") : confirmations

/** Only the hosts: a path or a query often holds the key. */
const endpointHosts = ({ rpc }: ChainConfig): string =>
  rpc.map(({ url }) => new URL(Redacted.value(url)).host).join(", ")

const describeTokenConfig = (token: TokenConfig): string =>
  [
    token._tag === "Native" ? "native" : `contract ${token.contract}`,
    ...(token._tag === "Contract" && token.coin_type !== undefined
      ? [`coin ${token.coin_type}`]
      : []),
    count(token.decimals, "decimal"),
    ...describeThresholds(token)
  ].join(", ")

const describeThresholds = (token: TokenConfig): ReadonlyArray<string> => {
  const { large_above, large_confirmations, quorum_above } = token
  return [
    ...(large_above === undefined || large_confirmations === undefined
      ? []
      : [`above ${large_above} at ${depth(large_confirmations)}`]),
    ...(quorum_above === undefined ? [] : [`above ${quorum_above} two endpoints must agree`])
  ]
}

const describeToken = ({ name, role, tenants }: ApiToken): string =>
  `API token ${name}: ${role} of ${tenants === null ? "all tenants" : [...tenants].join(", ")}`
