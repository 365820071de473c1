/** The document of surehook.yaml to the indexed config, or everything that is wrong with it at once. */
import { Result } from "effect"
import type { ChainName } from "../domain/chain.ts"
import type { SourceId, TenantId } from "../domain/ids.ts"
import type { ChainConfig } from "./chain-config.ts"
import { ConfigReader } from "./config-reader.ts"
import { ApiDecoder } from "./decode-api.ts"
import { ChainsDecoder } from "./decode-chains.ts"
import { SourcesDecoder } from "./decode-sources.ts"
import { formatKeyPath } from "./key-path.ts"
import type { EnvRecord } from "./process-env.ts"
import type { SourceRules } from "./source-rules.ts"
import { substitute } from "./substitution.ts"
import type { ApiToken, Source, UnknownAddresses } from "./surehook-config.ts"
import { environmentsOf } from "./watch-environment.ts"

export interface DecodedConfig {
  readonly sources: ReadonlyMap<SourceId, Source>
  readonly chains: ReadonlyMap<ChainName, ChainConfig>
  readonly apiTokens: ReadonlyArray<ApiToken>
  /** Of the tenants that say so. */
  readonly unknownAddresses: ReadonlyMap<TenantId, UnknownAddresses>
}

export const decodeConfig = (
  document: unknown,
  env: EnvRecord,
  rules: ReadonlyMap<string, SourceRules>
): Result.Result<DecodedConfig, ReadonlyArray<string>> => {
  const substituted = substitute(document, env)
  const reader = new ConfigReader()
  const config = read(reader, substituted.document, rules)
  // What a missing variable left behind is wrong in its own way too; its cause is enough to report.
  const explained = new Set(substituted.problems.map((problem) => formatKeyPath(problem.path)))
  const problems = [
    ...substituted.problems,
    ...reader.problems.filter((problem) => !explained.has(formatKeyPath(problem.path)))
  ]
  return problems.length === 0
    ? Result.succeed(config)
    : Result.fail(
        problems.map(({ path, message }) =>
          path.length === 0 ? message : `${formatKeyPath(path)}: ${message}`
        )
      )
}

const read = (
  reader: ConfigReader,
  document: unknown,
  rules: ReadonlyMap<string, SourceRules>
): DecodedConfig => {
  const root = reader.mapping([], document, ["tenants", "chains", "api"])
  const tenants = root === undefined ? [] : reader.entriesAt([], root, "tenants")
  const chainNames = new Set(namesIn(root?.chains))
  const sources = new SourcesDecoder(reader, rules, chainNames)
  for (const [id, tenant] of tenants) sources.tenant(["tenants", id], id, tenant)

  const chains = new ChainsDecoder(reader)
  if (root !== undefined) {
    const what = "chain, or no deposit can be checked"
    for (const [name, chain] of reader.entriesAt([], root, "chains", what)) {
      chains.chain(["chains", name], name, chain)
    }
  }
  for (const chain of chains.chains.values()) refuseAmbiguousWatch(reader, chain, sources)
  const api = new ApiDecoder(reader, new Set(tenants.map(([id]) => id)))
  return {
    sources: sources.sources,
    chains: chains.chains,
    apiTokens: root === undefined ? [] : api.api(["api"], root.api),
    unknownAddresses: sources.unknownAddresses
  }
}

/** A scan sees an address and a tenant, and test money must not become real money. */
const refuseAmbiguousWatch = (
  reader: ConfigReader,
  { name, watch, watch_environment }: ChainConfig,
  { sources }: SourcesDecoder
): void => {
  const path = ["chains", name, "watch_environment"]
  const all = new Set([...sources.values()].map(({ environment }) => environment))
  if (watch_environment !== undefined) {
    if (watch !== true) reader.refuse(path, "is for a chain with watch: true")
    else if (!all.has(watch_environment)) {
      reader.refuse(path, `no source is in it: ${[...all].join(", ")}`)
    }
    return
  }
  for (const { tenant_id } of watch === true ? sources.values() : []) {
    const environments = environmentsOf(sources, tenant_id)
    if (environments.size > 1) {
      reader.refuse(
        path,
        `is needed to watch the chain, for tenant ${tenant_id} has sources in ${[...environments].join(" and ")}: say in which of them a transfer makes a deposit of which no webhook told`
      )
      return
    }
  }
}

const namesIn = (chains: unknown): ReadonlyArray<string> =>
  typeof chains === "object" && chains !== null ? Object.keys(chains) : []
