/** `chains:` of surehook.yaml: endpoints, finality and tokens. */
import { Redacted, Schema } from "effect"
import { type ChainKind, ChainName, ChainKind as Kinds } from "../domain/chain.ts"
import { Environment } from "../domain/ids.ts"
import type { ChainConfig, RpcEndpointConfig } from "./chain-config.ts"
import { canonicalChainId, type KindRules, kindRules } from "./chain-kinds.ts"
import {
  type ConfigReader,
  FirstPlaces,
  type Mapping,
  WholeNumber,
  wholeNumberRule
} from "./config-reader.ts"
import { TokensDecoder } from "./decode-tokens.ts"
import type { KeyPath } from "./key-path.ts"

const Kind = Kinds.annotate({ message: `must be one of ${Kinds.literals.join(", ")}` })

const maxPriority = 1_000
const Priority = WholeNumber(0, maxPriority, wholeNumberRule(0, maxPriority))

const maxRateLimit = 1_000_000
const RateLimit = WholeNumber(
  1,
  maxRateLimit,
  `${wholeNumberRule(1, maxRateLimit)}: calls a second that the endpoint allows`
)

const maxMaxLag = 1_000_000
const MaxLag = WholeNumber(
  1,
  maxMaxLag,
  `${wholeNumberRule(1, maxMaxLag)}: blocks that an endpoint may be behind`
)

const Watch = Schema.Boolean.annotate({ message: "must be true or false" })

const Region = Schema.String.pipe(
  Schema.check(
    Schema.isPattern(/^[A-Za-z0-9-]{1,32}$/, { message: "must have 1 to 32 letters, digits and -" })
  )
)

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

const watchKeys = ["watch", "watch_environment"]

/** RFC 9110, 5.6.2. */
const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/
const ourHeaders: ReadonlySet<string> = new Set(["content-type", "content-length", "host"])

const HeaderValue = Schema.String.pipe(
  Schema.check(
    Schema.isPattern(/^[\x21-\x7e](?:[\x20-\x7e]{0,2046}[\x21-\x7e])?$/, {
      message: "must have 1 to 2048 printable ASCII characters, without space around"
    })
  )
)

export class ChainsDecoder {
  readonly chains = new Map<ChainName, ChainConfig>()
  private readonly reader: ConfigReader
  private readonly ids = new FirstPlaces()

  constructor(reader: ConfigReader) {
    this.reader = reader
  }

  chain(path: KeyPath, chainName: string, value: unknown): void {
    const { reader } = this
    const name = reader.value(ChainName, path, chainName)
    const keys = ["kind", "chain_id", "rpc", "confirmations", "max_lag", "tokens", ...watchKeys]
    const chain = reader.mapping(path, value, keys)
    if (chain === undefined) return
    const kind = reader.field(Kind, path, chain, "kind")
    // What is wrong beside an unknown kind is told by the rules of the most usual one.
    const rules = kindRules[kind ?? "evm"]
    const chain_id = this.chainId(path, kind, rules, chain)
    const rpc = this.endpoints(path, chain)
    const confirmations = reader.field(rules.confirmations, path, chain, "confirmations")
    const max_lag = reader.optionalField(MaxLag, path, chain, "max_lag")
    const watch = reader.optionalField(Watch, path, chain, "watch")
    const watch_environment = reader.optionalField(Environment, path, chain, "watch_environment")
    const tokens = new TokensDecoder(reader, kind, rules, rpc).tokens(path, chain)
    if (
      name === undefined ||
      kind === undefined ||
      chain_id === undefined ||
      confirmations === undefined
    ) {
      return
    }
    this.chains.set(name, {
      name,
      kind,
      chain_id,
      rpc,
      confirmations,
      ...(max_lag === undefined ? {} : { max_lag }),
      tokens,
      ...(watch === undefined ? {} : { watch }),
      ...(watch_environment === undefined ? {} : { watch_environment })
    })
  }

  private chainId(
    chainPath: KeyPath,
    kind: ChainKind | undefined,
    rules: KindRules,
    chain: Mapping
  ): ChainConfig["chain_id"] | undefined {
    const written = this.reader.field(rules.chainId, chainPath, chain, "chain_id")
    if (written === undefined || kind === undefined) return undefined
    const id = canonicalChainId(kind, written)
    const path = [...chainPath, "chain_id"]
    const first = this.ids.claim(`${kind} ${id}`, path)
    if (first !== undefined) {
      this.reader.refuse(
        path,
        `is the same as ${first}; a transfer on one chain under two names could be credited twice`
      )
    }
    return id
  }

  private endpoints(chainPath: KeyPath, chain: Mapping): ReadonlyArray<RpcEndpointConfig> {
    const { reader } = this
    const what = "endpoint, such as { url: https://… }"
    const endpoints: Array<RpcEndpointConfig> = []
    for (const [index, item] of reader.itemsAt(chainPath, chain, "rpc", what).entries()) {
      const path = [...chainPath, "rpc", index]
      const keys = ["url", "region", "priority", "headers", "rate_limit"]
      const endpoint = reader.mapping(path, item, keys)
      if (endpoint === undefined) continue
      const url = reader.field(EndpointUrl, path, endpoint, "url")
      const region = reader.optionalField(Region, path, endpoint, "region")
      const priority = reader.optionalField(Priority, path, endpoint, "priority")
      const rate_limit = reader.optionalField(RateLimit, path, endpoint, "rate_limit")
      const headers = Object.hasOwn(endpoint, "headers") ? this.headers(path, endpoint) : undefined
      if (url === undefined) continue
      endpoints.push({
        url: Redacted.make(url),
        ...(region === undefined ? {} : { region }),
        ...(priority === undefined ? {} : { priority }),
        ...(headers === undefined ? {} : { headers }),
        ...(rate_limit === undefined ? {} : { rate_limit })
      })
    }
    return endpoints
  }

  private headers(
    endpointPath: KeyPath,
    endpoint: Mapping
  ): ReadonlyMap<string, Redacted.Redacted<string>> {
    const headers = new Map<string, Redacted.Redacted<string>>()
    for (const [name, item] of this.reader.entriesAt(endpointPath, endpoint, "headers")) {
      const path = [...endpointPath, "headers", name]
      const value = this.reader.value(HeaderValue, path, item)
      if (!headerName.test(name)) this.reader.refuse(path, "is not the name of an HTTP header")
      else if (ourHeaders.has(name.toLowerCase())) {
        this.reader.refuse(path, "is set by the service itself: leave it out")
      } else if (value !== undefined) headers.set(name.toLowerCase(), Redacted.make(value))
    }
    return headers
  }
}
