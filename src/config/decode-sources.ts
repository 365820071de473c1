/** `tenants:` of surehook.yaml: who has which sources, and what each needs by its provider's rules. */
import { Redacted, Result, Schema } from "effect"
import { ChainName } from "../domain/chain.ts"
import { Environment, SourceId, TenantId } from "../domain/ids.ts"
import { type ConfigReader, FirstPlaces, isMapping, type Mapping } from "./config-reader.ts"
import { type KeyPath, shownKey } from "./key-path.ts"
import type { SourceRules } from "./source-rules.ts"
import type { Source, UnknownAddresses } from "./surehook-config.ts"

const Unknown = Schema.Literals(["reject", "open"]).annotate({
  message:
    "must be reject (a deposit to an address that is not registered goes to the dlq) or open (it is credited)"
})

/** Of deposits that no webhook told of. */
const reservedSource = "reconciler"

const commonKeys = ["environment", "provider", "secrets"] as const

export class SourcesDecoder {
  readonly sources = new Map<SourceId, Source>()
  readonly unknownAddresses = new Map<TenantId, UnknownAddresses>()
  private readonly reader: ConfigReader
  private readonly rules: ReadonlyMap<string, SourceRules>
  private readonly chainNames: ReadonlySet<string>
  private readonly ids = new FirstPlaces()
  private readonly secrets = new FirstPlaces()

  constructor(
    reader: ConfigReader,
    rules: ReadonlyMap<string, SourceRules>,
    chainNames: ReadonlySet<string>
  ) {
    this.reader = reader
    this.rules = rules
    this.chainNames = chainNames
  }

  tenant(path: KeyPath, id: string, value: unknown): void {
    const tenantId = this.reader.value(TenantId, path, id)
    const tenant = this.reader.mapping(path, value, ["sources", "unknown_addresses"])
    if (tenant === undefined) return
    const unknown = this.reader.optionalField(Unknown, path, tenant, "unknown_addresses")
    if (tenantId !== undefined && unknown !== undefined) {
      this.unknownAddresses.set(tenantId, unknown)
    }
    for (const [sourceId, source] of this.reader.entriesAt(path, tenant, "sources")) {
      this.source([...path, "sources", sourceId], sourceId, tenantId, source)
    }
  }

  private source(
    path: KeyPath,
    sourceId: string,
    tenant_id: TenantId | undefined,
    value: unknown
  ): void {
    const { reader } = this
    const id = reader.value(SourceId, path, sourceId)
    if (sourceId === reservedSource) {
      reader.refuse(
        path,
        "is the source of deposits that the reconciler finds itself: choose another id"
      )
    }
    const first = this.ids.claim(sourceId, path)
    if (first !== undefined) {
      reader.refuse(
        path,
        `the source id is already taken at ${first}; source ids are unique in the whole file, as webhooks come to /v1/webhooks/{source}`
      )
    }
    const name = isMapping(value) ? value.provider : undefined
    const rules = typeof name === "string" ? this.rules.get(name) : undefined
    const optionKeys = Object.keys(rules?.options.fields ?? {})
    const source = reader.mapping(path, value, knownKeys(rules, optionKeys, value))
    if (source === undefined) return
    const environment = reader.field(Environment, path, source, "environment")
    const provider = this.provider(path, source, rules)
    const secrets: Array<Redacted.Redacted<string>> = []
    for (const [index, item] of reader.itemsAt(path, source, "secrets", "secret").entries()) {
      const secret = this.secret([...path, "secrets", index], item, source, rules)
      if (secret !== undefined) secrets.push(Redacted.make(secret))
    }
    const networks = rules?.namesNetworks === true ? this.networks(path, source) : undefined
    if (rules !== undefined) reader.fields(rules.options, path, source, optionKeys)
    if (
      id === undefined ||
      tenant_id === undefined ||
      environment === undefined ||
      provider === undefined
    ) {
      return
    }
    const options = optionKeys
      .filter((key) => Object.hasOwn(source, key))
      .map((key) => [key, source[key]])
    this.sources.set(id, {
      id,
      tenant_id,
      environment,
      provider,
      secrets,
      ...(networks === undefined ? {} : { networks }),
      ...(options.length === 0 ? {} : { options: Object.fromEntries(options) })
    })
  }

  private provider(
    path: KeyPath,
    source: Mapping,
    rules: SourceRules | undefined
  ): string | undefined {
    const name = this.reader.field(Schema.String, path, source, "provider")
    if (name === undefined || rules !== undefined) return name
    const known = [...this.rules.keys()]
    this.reader.refuse([...path, "provider"], `must be one of ${known.join(", ")}`)
    return undefined
  }

  private secret(
    path: KeyPath,
    value: unknown,
    source: Mapping,
    rules: SourceRules | undefined
  ): string | undefined {
    const text = this.reader.value(Schema.String, path, value)
    if (text === undefined) return undefined
    const secret = rules?.secret(text, source) ?? Result.succeed(text)
    if (Result.isFailure(secret)) {
      this.reader.refuse(path, secret.failure)
      return undefined
    }
    const first = this.secrets.claim(secret.success, path)
    if (first !== undefined) {
      this.reader.refuse(
        path,
        `is the same as ${first}; a webhook signed for one source would be taken for another`
      )
    }
    return secret.success
  }

  private networks(path: KeyPath, source: Mapping): ReadonlyMap<string, ChainName> {
    const networks = new Map<string, ChainName>()
    const what = "network, such as { ETH_MAINNET: ethereum }"
    for (const [network, value] of this.reader.entriesAt(path, source, "networks", what)) {
      const at = [...path, "networks", network]
      const name = this.reader.value(Schema.String, at, value)
      if (name === undefined) continue
      const chain = this.chainNamed(name)
      if (chain === undefined) this.reader.refuse(at, noSuchChain([...this.chainNames]))
      else networks.set(network, chain)
    }
    return networks
  }

  private chainNamed(name: string): ChainName | undefined {
    return this.chainNames.has(name) ? ChainName.make(name) : undefined
  }
}

/** Of a source whose provider is not known, no key can be called wrong. */
const knownKeys = (
  rules: SourceRules | undefined,
  optionKeys: ReadonlyArray<string>,
  source: unknown
): ReadonlyArray<string> => [
  ...commonKeys,
  ...(rules?.namesNetworks === true ? ["networks"] : []),
  ...optionKeys,
  ...(rules === undefined && isMapping(source) && typeof source.provider === "string"
    ? Object.keys(source)
    : [])
]

const noSuchChain = (chains: ReadonlyArray<string>): string =>
  chains.length === 0
    ? "there is no such chain: the file has none"
    : `there is no such chain; the file has ${chains.map(shownKey).join(", ")}`
