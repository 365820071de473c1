/**
 * The document of surehook.yaml to the indexed config, or everything that is wrong with it at once.
 *
 * Each value is decoded by itself, so that a fault in one source does not hide a clash between two
 * chains. No message holds a value: any string of the file may be a secret.
 */
import { Redacted, Result, Schema, SchemaIssue } from "effect"
import { maxFractionDigits } from "../domain/amount.ts"
import { addressRule, ChainKind, ChainName, canonicalAddress } from "../domain/chain.ts"
import { Environment, SourceId, TenantId, TokenSymbol } from "../domain/ids.ts"
import type { ChainConfig, RpcEndpointConfig, TokenConfig } from "./chain-config.ts"
import { type ConfigProblem, formatKeyPath, type KeyPath, shownKey } from "./key-path.ts"
import { suggestion } from "./nearest-name.ts"
import type { EnvRecord } from "./process-env.ts"
import { substitute } from "./substitution.ts"
import type { ApiToken, Source } from "./surehook-config.ts"
import { webhookKey, webhookSecretPrefix, withoutPrefix } from "./webhook-secret.ts"
import { unquotedReferenceMessage } from "./yaml-text.ts"

export interface DecodedConfig {
  readonly sources: ReadonlyMap<SourceId, Source>
  readonly chains: ReadonlyMap<ChainName, ChainConfig>
  readonly apiTokens: ReadonlyArray<ApiToken>
}

/** EVM chains count their native coin in wei. */
const nativeDecimals = 18
const maxConfirmations = 10_000
const minTokenLength = 16
const maxTokenLength = 1_024

const wholeNumberRule = (minimum: number, maximum: number) =>
  `must be a whole number from ${minimum} to ${maximum}`

/** A whole number, also as the digits that `${NAME}` brings from the environment. */
const WholeNumber = (minimum: number, maximum: number, message: string) =>
  Schema.Union([
    Schema.Number,
    Schema.String.pipe(
      Schema.check(Schema.isPattern(/^\d{1,16}$/)),
      Schema.decodeTo(Schema.NumberFromString)
    )
  ])
    .annotate({ message })
    .pipe(
      Schema.check(
        Schema.makeFilter((value: number) =>
          Number.isSafeInteger(value) && value >= minimum && value <= maximum ? true : message
        )
      )
    )

const Provider = Schema.Literals(["standard"]).annotate({
  message: "must be standard (Standard Webhooks)"
})

const Kind = ChainKind.annotate({ message: `must be ${ChainKind.literals.join(" or ")}` })

const ChainId = WholeNumber(1, Number.MAX_SAFE_INTEGER, wholeNumberRule(1, Number.MAX_SAFE_INTEGER))

const confirmationsRule = `${wholeNumberRule(1, maxConfirmations)}, or safe or finalized`

const Confirmations = Schema.Union([
  Schema.Literals(["safe", "finalized"]).annotate({ message: confirmationsRule }),
  WholeNumber(1, maxConfirmations, confirmationsRule)
])

const EndpointUrl = Schema.String.pipe(
  Schema.check(
    Schema.makeFilter((text: string) => {
      const protocol = URL.canParse(text) ? new URL(text).protocol : ""
      return protocol === "http:" || protocol === "https:"
        ? true
        : "must be a URL that starts with http:// or https://"
    })
  )
)

// Amounts have this many places; a token with more could not be credited exactly.
const Decimals = WholeNumber(0, maxFractionDigits, wholeNumberRule(0, maxFractionDigits))

const tokenShapes =
  'must be native, { contract: "0x…", decimals: 6 } or { native: true, decimals: 18 }'

const Native = Schema.Literals([true]).annotate({ message: `${tokenShapes}; false says nothing` })

const TokenName = Schema.String.pipe(
  Schema.check(
    Schema.isPattern(/^[a-zA-Z0-9][a-zA-Z0-9_.@-]{0,63}$/, {
      message:
        "must have 1 to 64 letters, digits, -, _, . and @, and start with a letter or digit: it says who did it in logs and events"
    })
  )
)

const roles = ["viewer", "auditor", "operator", "admin"] as const
const Role = Schema.Literals(roles).annotate({ message: `must be one of ${roles.join(", ")}` })

const TokenValue = Schema.String.pipe(
  Schema.check(
    Schema.isPattern(new RegExp(`^[\\x21-\\x7e]{${minTokenLength},${maxTokenLength}}$`), {
      message: `must have ${minTokenLength} to ${maxTokenLength} characters, all of them ASCII and no spaces, as it goes into an HTTP header`
    })
  )
)

export const decodeConfig = (
  document: unknown,
  env: EnvRecord
): Result.Result<DecodedConfig, ReadonlyArray<string>> => {
  const substituted = substitute(document, env)
  const decoder = new ConfigDecoder()
  const config = decoder.decode(substituted.document)
  // What a missing variable left behind is wrong in its own way too; its cause is enough to report.
  const explained = new Set(substituted.problems.map((problem) => formatKeyPath(problem.path)))
  const problems = [
    ...substituted.problems,
    ...decoder.problems.filter((problem) => !explained.has(formatKeyPath(problem.path)))
  ]
  return problems.length === 0
    ? Result.succeed(config)
    : Result.fail(
        problems.map(({ path, message }) =>
          path.length === 0 ? message : `${formatKeyPath(path)}: ${message}`
        )
      )
}

type Mapping = Readonly<Record<string, unknown>>
type Decodable = Schema.ConstraintDecoder<unknown>

class ConfigDecoder {
  readonly problems: Array<ConfigProblem> = []
  private readonly sources = new Map<SourceId, Source>()
  private readonly chains = new Map<ChainName, ChainConfig>()
  private readonly tenantIds = new Set<string>()
  private readonly unique = {
    source: new FirstPlaces(),
    webhookSecret: new FirstPlaces(),
    chainId: new FirstPlaces(),
    tokenName: new FirstPlaces(),
    token: new FirstPlaces()
  }

  decode(document: unknown): DecodedConfig {
    const root = this.mapping([], document, ["tenants", "chains", "api"])
    if (root !== undefined) {
      for (const [id, tenant] of this.entriesAt([], root, "tenants")) {
        this.tenantIds.add(id)
        this.tenant(["tenants", id], id, tenant)
      }
      const chains = this.entriesAt([], root, "chains", "chain, or no deposit can be checked")
      for (const [name, chain] of chains) this.chain(["chains", name], name, chain)
    }
    const apiTokens = root === undefined ? [] : this.api(["api"], root.api)
    return { sources: this.sources, chains: this.chains, apiTokens }
  }

  private tenant(path: KeyPath, id: string, value: unknown): void {
    const tenantId = this.value(TenantId, path, id)
    const tenant = this.mapping(path, value, ["sources"])
    if (tenant === undefined) return
    for (const [sourceId, source] of this.entriesAt(path, tenant, "sources")) {
      this.source([...path, "sources", sourceId], sourceId, tenantId, source)
    }
  }

  private source(
    path: KeyPath,
    sourceId: string,
    tenant_id: TenantId | undefined,
    value: unknown
  ): void {
    const id = this.value(SourceId, path, sourceId)
    const first = this.unique.source.claim(sourceId, path)
    if (first !== undefined) {
      this.refuse(
        path,
        `the source id is already taken at ${first}; source ids are unique in the whole file, as webhooks come to /v1/webhooks/{source}`
      )
    }
    const source = this.mapping(path, value, ["environment", "provider", "secrets"])
    if (source === undefined) return
    const environment = this.field(Environment, path, source, "environment")
    const provider = this.field(Provider, path, source, "provider")
    const secrets: Array<Redacted.Redacted<string>> = []
    for (const [index, item] of this.itemsAt(path, source, "secrets", "secret").entries()) {
      const secret = this.webhookSecret([...path, "secrets", index], item)
      if (secret !== undefined) secrets.push(secret)
    }
    if (
      id === undefined ||
      tenant_id === undefined ||
      environment === undefined ||
      provider === undefined
    ) {
      return
    }
    this.sources.set(id, { id, tenant_id, environment, provider, secrets })
  }

  private webhookSecret(path: KeyPath, value: unknown): Redacted.Redacted<string> | undefined {
    const secret = this.value(Schema.String, path, value)
    if (secret === undefined) return undefined
    const key = webhookKey(secret)
    if (Result.isFailure(key)) {
      this.refuse(path, key.failure)
      return undefined
    }
    const base64 = withoutPrefix(secret)
    const first = this.unique.webhookSecret.claim(base64, path)
    if (first !== undefined) {
      this.refuse(
        path,
        `is the same as ${first}; a webhook signed for one source would be taken for another`
      )
    }
    return Redacted.make(`${webhookSecretPrefix}${base64}`)
  }

  private chain(path: KeyPath, chainName: string, value: unknown): void {
    const name = this.value(ChainName, path, chainName)
    const keys = ["kind", "chain_id", "rpc", "confirmations", "tokens"]
    const chain = this.mapping(path, value, keys)
    if (chain === undefined) return
    const kind = this.field(Kind, path, chain, "kind")
    const chain_id = this.field(ChainId, path, chain, "chain_id")
    if (kind !== undefined && chain_id !== undefined) {
      const chainIdPath = [...path, "chain_id"]
      const first = this.unique.chainId.claim(`${kind} ${chain_id}`, chainIdPath)
      if (first !== undefined) {
        this.refuse(
          chainIdPath,
          `is the same as ${first}; a transfer on one chain under two names could be credited twice`
        )
      }
    }
    const rpc: Array<RpcEndpointConfig> = []
    const endpoints = this.itemsAt(path, chain, "rpc", "endpoint, such as { url: https://… }")
    for (const [index, item] of endpoints.entries()) {
      const endpointPath = [...path, "rpc", index]
      const endpoint = this.mapping(endpointPath, item, ["url"])
      const url = endpoint && this.field(EndpointUrl, endpointPath, endpoint, "url")
      if (url !== undefined) rpc.push({ url: Redacted.make(url) })
    }
    const confirmations = this.field(Confirmations, path, chain, "confirmations")
    const tokens = this.tokens(path, kind, chain)
    if (
      name === undefined ||
      kind === undefined ||
      chain_id === undefined ||
      confirmations === undefined
    ) {
      return
    }
    this.chains.set(name, { name, kind, chain_id, rpc, confirmations, tokens })
  }

  private tokens(
    chainPath: KeyPath,
    kind: ChainKind | undefined,
    chain: Mapping
  ): ReadonlyMap<TokenSymbol, TokenConfig> {
    const tokens = new Map<TokenSymbol, TokenConfig>()
    const contracts = new FirstPlaces()
    for (const [key, value] of this.entriesAt(chainPath, chain, "tokens", "token")) {
      const path = [...chainPath, "tokens", key]
      const symbol = this.value(TokenSymbol, path, key)
      const token = this.token(path, kind, value)
      if (token === undefined) continue
      const first = contracts.claim(token._tag === "Native" ? "native" : token.contract, path)
      if (first !== undefined) {
        this.refuse(
          path,
          token._tag === "Native"
            ? `${first} is native already, and a chain has one native token`
            : `the contract is already that of ${first}; one transfer under two symbols could be credited twice`
        )
      }
      if (symbol !== undefined) tokens.set(symbol, token)
    }
    return tokens
  }

  private token(
    path: KeyPath,
    kind: ChainKind | undefined,
    value: unknown
  ): TokenConfig | undefined {
    if (value === "native") return { _tag: "Native", decimals: nativeDecimals }
    const isContract = isMapping(value) && Object.hasOwn(value, "contract")
    const isNative = isMapping(value) && Object.hasOwn(value, "native")
    if (isContract === isNative) {
      this.refuse(path, value === null ? `is empty: it ${tokenShapes}` : tokenShapes)
      return undefined
    }
    const token = this.mapping(path, value, [isContract ? "contract" : "native", "decimals"])
    if (token === undefined) return undefined
    if (isContract) {
      const contract = this.contract([...path, "contract"], kind, token.contract)
      const decimals = this.field(Decimals, path, token, "decimals")
      return contract && decimals !== undefined
        ? { _tag: "Contract", contract, decimals }
        : undefined
    }
    const native = this.field(Native, path, token, "native")
    const decimals = Object.hasOwn(token, "decimals")
      ? this.field(Decimals, path, token, "decimals")
      : nativeDecimals
    return native && decimals !== undefined ? { _tag: "Native", decimals } : undefined
  }

  private contract(path: KeyPath, kind: ChainKind | undefined, value: unknown) {
    if (typeof value === "number") {
      this.refuse(path, "must stand in quotes: without them YAML reads 0x… as a number")
      return undefined
    }
    const text = this.value(Schema.String, path, value)
    if (text === undefined || kind === undefined) return undefined
    const address = canonicalAddress(kind, text)
    if (address === undefined) this.refuse(path, addressRule(kind))
    return address
  }

  private api(path: KeyPath, value: unknown): ReadonlyArray<ApiToken> {
    const api = value === undefined ? undefined : this.mapping(path, value, ["tokens"])
    if (api === undefined) return []
    const apiTokens: Array<ApiToken> = []
    for (const [index, item] of this.itemsAt(path, api, "tokens").entries()) {
      const token = this.apiToken([...path, "tokens", index], item)
      if (token !== undefined) apiTokens.push(token)
    }
    return apiTokens
  }

  private apiToken(path: KeyPath, value: unknown): ApiToken | undefined {
    const part = this.mapping(path, value, ["name", "role", "token", "tenants"])
    if (part === undefined) return undefined
    const name = this.field(TokenName, path, part, "name")
    const role = this.field(Role, path, part, "role")
    const token = this.field(TokenValue, path, part, "token")
    this.mustBeUnique(this.unique.tokenName, name, [...path, "name"])
    this.mustBeUnique(this.unique.token, token, [...path, "token"])
    const tenants = Object.hasOwn(part, "tenants") ? this.allowedTenants(path, part) : null
    if (name === undefined || role === undefined || token === undefined) return undefined
    return { name, role, token: Redacted.make(token), tenants }
  }

  private allowedTenants(tokenPath: KeyPath, part: Mapping): ReadonlySet<TenantId> {
    const allowed = new Set<TenantId>()
    const what = "tenant; leave the key out for all tenants"
    for (const [index, item] of this.itemsAt(tokenPath, part, "tenants", what).entries()) {
      const path = [...tokenPath, "tenants", index]
      const tenant = this.value(Schema.String, path, item)
      if (tenant === undefined) continue
      if (this.tenantIds.has(tenant)) allowed.add(TenantId.make(tenant))
      else this.refuse(path, noSuchTenant([...this.tenantIds]))
    }
    return allowed
  }

  private mustBeUnique(places: FirstPlaces, thing: string | undefined, path: KeyPath): void {
    const first = thing === undefined ? undefined : places.claim(thing, path)
    if (first !== undefined) this.refuse(path, `is the same as ${first}`)
  }

  private refuse(path: KeyPath, message: string): void {
    this.problems.push({ path, message })
  }

  /** The value as a mapping; refuses each key that is not known. */
  private mapping(
    path: KeyPath,
    value: unknown,
    known: ReadonlyArray<string>
  ): Mapping | undefined {
    if (!isMapping(value)) {
      const wrong = value === null ? "is empty: it needs" : "must be a mapping with"
      this.refuse(path, `${wrong} the keys ${known.join(", ")}`)
      return undefined
    }
    for (const key of Object.keys(value)) {
      if (!known.includes(key)) {
        const message = key.includes("${") ? unquotedReferenceMessage : suggestion(key, known)
        this.refuse([...path, key], `unknown key; ${message}`)
      }
    }
    return value
  }

  /** The entries of the mapping under `key`, whose names the user chose. */
  private entriesAt(
    path: KeyPath,
    parent: Mapping,
    key: string,
    atLeastOne?: string
  ): ReadonlyArray<readonly [string, unknown]> {
    const value = this.present(path, parent, key)
    if (value === undefined) return []
    if (value !== null && !isMapping(value)) {
      this.refuse([...path, key], "must be a mapping: a name, a colon and what it stands for")
      return []
    }
    const entries = Object.entries(value ?? {})
    if (entries.length === 0 && (atLeastOne !== undefined || value === null)) {
      this.refuse([...path, key], emptyMessage(atLeastOne, "{}"))
    }
    return entries
  }

  private itemsAt(
    path: KeyPath,
    parent: Mapping,
    key: string,
    atLeastOne?: string
  ): ReadonlyArray<unknown> {
    const value = this.present(path, parent, key)
    if (value === undefined) return []
    if (value !== null && !Array.isArray(value)) {
      this.refuse([...path, key], "must be a list")
      return []
    }
    const items: ReadonlyArray<unknown> = value ?? []
    if (items.length === 0 && (atLeastOne !== undefined || value === null)) {
      this.refuse([...path, key], emptyMessage(atLeastOne, "[]"))
    }
    return items
  }

  private present(path: KeyPath, parent: Mapping, key: string): unknown {
    if (!Object.hasOwn(parent, key)) this.refuse([...path, key], "is missing")
    return parent[key]
  }

  private field<S extends Decodable>(
    schema: S,
    path: KeyPath,
    parent: Mapping,
    key: string
  ): S["Type"] | undefined {
    const value = this.present(path, parent, key)
    return value === undefined ? undefined : this.value(schema, [...path, key], value)
  }

  private value<S extends Decodable>(
    schema: S,
    path: KeyPath,
    value: unknown
  ): S["Type"] | undefined {
    if (value === null) {
      this.refuse(path, "is empty")
      return undefined
    }
    const decoded = Schema.decodeUnknownResult(schema)(value)
    if (Result.isSuccess(decoded)) return decoded.success
    const [issue] = formatIssues(decoded.failure.issue).issues
    this.refuse(path, issue?.message ?? "is not valid")
    return undefined
  }
}

/** Who came first with each of some things that must be unique. */
class FirstPlaces {
  private readonly places = new Map<string, string>()

  /** The place that had it before; undefined if `path` is the first. */
  claim(thing: string, path: KeyPath): string | undefined {
    const first = this.places.get(thing)
    if (first === undefined) this.places.set(thing, formatKeyPath(path))
    return first
  }
}

const emptyMessage = (atLeastOne: string | undefined, none: string): string =>
  atLeastOne === undefined
    ? `is empty: write ${none} if there are none`
    : `is empty: it needs at least one ${atLeastOne}`

const noSuchTenant = (tenants: ReadonlyArray<string>): string =>
  tenants.length === 0
    ? "there is no such tenant: the file has none"
    : `there is no such tenant; the file has ${tenants.map(shownKey).join(", ")}`

const formatIssues = SchemaIssue.makeFormatterStandardSchemaV1({
  leafHook: (issue) =>
    issue._tag === "InvalidType" && issue.ast._tag === "String"
      ? "must be a string (in quotes, if it looks like a number)"
      : SchemaIssue.defaultLeafHook(issue)
})

const isMapping = (value: unknown): value is Mapping =>
  typeof value === "object" && value !== null && !Array.isArray(value)
