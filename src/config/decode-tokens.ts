/** `tokens:` of a chain in surehook.yaml: what each is recognised by, and from which amounts on it is checked twice. */
import { Redacted, Schema } from "effect"
import { amountFromText, maxFractionDigits } from "../domain/amount.ts"
import { type Address, addressRule, type ChainKind, canonicalAddress } from "../domain/chain.ts"
import { TokenSymbol } from "../domain/ids.ts"
import type { RpcEndpointConfig, TokenConfig } from "./chain-config.ts"
import type { KindRules } from "./chain-kinds.ts"
import {
  type ConfigReader,
  FirstPlaces,
  isMapping,
  type Mapping,
  WholeNumber,
  wholeNumberRule
} from "./config-reader.ts"
import type { KeyPath } from "./key-path.ts"

// Amounts have this many places; a token with more could not be credited exactly.
const Decimals = WholeNumber(0, maxFractionDigits, wholeNumberRule(0, maxFractionDigits))

const thresholdRule =
  'must be an amount in whole tokens, such as 10000, or in quotes with a fraction: "0.5"'

/** In a file of settings a whole number is exact enough without quotes, while it is a safe one. */
const Threshold = Schema.Union([
  Schema.Number.annotate({ message: thresholdRule }),
  Schema.String.annotate({ message: thresholdRule })
]).pipe(
  Schema.check(
    Schema.makeFilter((value: number | string) =>
      (typeof value === "string" || Number.isSafeInteger(value)) &&
      amountFromText(`${value}`) !== undefined
        ? true
        : thresholdRule
    )
  )
)

const CoinType = Schema.String.pipe(
  Schema.check(
    Schema.isPattern(/^0x[0-9a-fA-F]{1,64}(?:::\w+){2}(?:<[\w:,<> ]+>)?$/, {
      message: 'must be a coin\'s type, such as "0x1::aptos_coin::AptosCoin"'
    })
  )
)

const thresholdKeys = ["large_above", "large_confirmations", "quorum_above"]

export class TokensDecoder {
  private readonly reader: ConfigReader
  private readonly kind: ChainKind | undefined
  private readonly rules: KindRules
  private readonly rpc: ReadonlyArray<RpcEndpointConfig>

  constructor(
    reader: ConfigReader,
    kind: ChainKind | undefined,
    rules: KindRules,
    rpc: ReadonlyArray<RpcEndpointConfig>
  ) {
    this.reader = reader
    this.kind = kind
    this.rules = rules
    this.rpc = rpc
  }

  tokens(chainPath: KeyPath, chain: Mapping): ReadonlyMap<TokenSymbol, TokenConfig> {
    const tokens = new Map<TokenSymbol, TokenConfig>()
    const identities = new FirstPlaces()
    for (const [key, value] of this.reader.entriesAt(chainPath, chain, "tokens", "token")) {
      const path = [...chainPath, "tokens", key]
      const symbol = this.reader.value(TokenSymbol, path, key)
      const token = this.token(path, value)
      if (token === undefined) continue
      this.mustBeUnique(identities, path, token)
      if (symbol !== undefined) tokens.set(symbol, token)
    }
    return tokens
  }

  private mustBeUnique(identities: FirstPlaces, path: KeyPath, token: TokenConfig): void {
    if (token._tag === "Native") {
      const first = identities.claim("native", path)
      if (first !== undefined) {
        this.reader.refuse(path, `${first} is native already, and a chain has one native token`)
      }
      return
    }
    for (const identity of [token.contract, token.coin_type]) {
      const first = identity === undefined ? undefined : identities.claim(identity, path)
      if (first !== undefined) {
        this.reader.refuse(
          path,
          `the ${this.rules.tokenKey} is already that of ${first}; one transfer under two symbols could be credited twice`
        )
      }
    }
  }

  private get shapes(): string {
    const { nativeDecimals, tokenKey } = this.rules
    const contract = `{ ${tokenKey}: "${tokenKey === "mint" ? "…" : "0x…"}", decimals: 6 }`
    return nativeDecimals === undefined
      ? `must be ${contract}`
      : `must be native, ${contract} or { native: true, decimals: ${nativeDecimals} }`
  }

  private token(path: KeyPath, value: unknown): TokenConfig | undefined {
    const { nativeDecimals, tokenKey } = this.rules
    const isContract = isMapping(value) && Object.hasOwn(value, tokenKey)
    const isNative = value === "native" || (isMapping(value) && Object.hasOwn(value, "native"))
    if (isNative && nativeDecimals === undefined) {
      this.reader.refuse(path, "there is no native coin: STRK and ETH are contracts, name theirs")
      return undefined
    }
    if (value === "native" && nativeDecimals !== undefined) {
      return { _tag: "Native", decimals: nativeDecimals }
    }
    if (isContract === isNative) {
      this.reader.refuse(path, value === null ? `is empty: it ${this.shapes}` : this.shapes)
      return undefined
    }
    return isContract ? this.contractToken(path, value) : this.nativeToken(path, value)
  }

  private contractToken(path: KeyPath, value: unknown): TokenConfig | undefined {
    const { reader } = this
    const { tokenKey } = this.rules
    const keys = [tokenKey, "decimals", ...(this.kind === "aptos" ? ["coin_type"] : [])]
    const token = reader.mapping(path, value, [...keys, ...thresholdKeys])
    if (token === undefined) return undefined
    const contract = this.contract([...path, tokenKey], token[tokenKey])
    const decimals = reader.field(Decimals, path, token, "decimals")
    const coin_type = reader.optionalField(CoinType, path, token, "coin_type")
    const thresholds = this.thresholds(path, token)
    if (contract === undefined || decimals === undefined) return undefined
    return {
      _tag: "Contract",
      contract,
      decimals,
      ...(coin_type === undefined ? {} : { coin_type }),
      ...thresholds
    }
  }

  private nativeToken(path: KeyPath, value: unknown): TokenConfig | undefined {
    const token = this.reader.mapping(path, value, ["native", "decimals", ...thresholdKeys])
    if (token === undefined) return undefined
    const Native = Schema.Literals([true]).annotate({
      message: `${this.shapes}; false says nothing`
    })
    const native = this.reader.field(Native, path, token, "native")
    const decimals = Object.hasOwn(token, "decimals")
      ? this.reader.field(Decimals, path, token, "decimals")
      : this.rules.nativeDecimals
    const thresholds = this.thresholds(path, token)
    return native && decimals !== undefined
      ? { _tag: "Native", decimals, ...thresholds }
      : undefined
  }

  private contract(path: KeyPath, value: unknown): Address | undefined {
    if (typeof value === "number") {
      this.reader.refuse(path, "must stand in quotes: without them YAML reads 0x… as a number")
      return undefined
    }
    const text = this.reader.value(Schema.String, path, value)
    if (text === undefined || this.kind === undefined) return undefined
    const address = canonicalAddress(this.kind, text)
    if (address === undefined) this.reader.refuse(path, addressRule(this.kind))
    return address
  }

  private thresholds(path: KeyPath, token: Mapping) {
    const { reader } = this
    const large_above = this.threshold(path, token, "large_above")
    const quorum_above = this.threshold(path, token, "quorum_above")
    const { confirmations } = this.rules
    const large_confirmations = reader.optionalField(
      confirmations,
      path,
      token,
      "large_confirmations"
    )
    if (Object.hasOwn(token, "large_confirmations") && !Object.hasOwn(token, "large_above")) {
      reader.refuse(
        [...path, "large_confirmations"],
        "needs large_above beside it, which says what is large"
      )
    }
    const hosts = new Set(this.rpc.map(({ url }) => new URL(Redacted.value(url)).host))
    if (Object.hasOwn(token, "quorum_above") && hosts.size < 2) {
      reader.refuse(
        [...path, "quorum_above"],
        "needs endpoints on two hosts under rpc: one cannot vouch for itself"
      )
    }
    return {
      ...(large_above === undefined ? {} : { large_above }),
      ...(large_confirmations === undefined ? {} : { large_confirmations }),
      ...(quorum_above === undefined ? {} : { quorum_above })
    }
  }

  private threshold(path: KeyPath, token: Mapping, key: string) {
    const value = this.reader.optionalField(Threshold, path, token, key)
    return value === undefined ? undefined : amountFromText(`${value}`)
  }
}
