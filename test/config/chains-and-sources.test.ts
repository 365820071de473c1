/** What surehook.yaml says of every family of chains and of sources, and what it is told when it is wrong. */
import { assert, describe, it } from "@effect/vitest"
import { Redacted, Result, Schema } from "effect"
import { parseConfig } from "../../src/config/config-file.ts"
import { describeConfig } from "../../src/config/describe-config.ts"
import { plainSecret, type SourceRules } from "../../src/config/source-rules.ts"
import { Amount } from "../../src/domain/amount.ts"
import { Address, ChainName } from "../../src/domain/chain.ts"
import { Environment, SourceId, TenantId, TokenSymbol } from "../../src/domain/ids.ts"

/** A provider that nobody has: the rules are what is tested, whatever the real ones are. */
const rules: ReadonlyMap<string, SourceRules> = new Map([
  [
    "networked",
    {
      secret: plainSecret(8),
      namesNetworks: true,
      options: Schema.Struct({
        api_url: Schema.optionalKey(Schema.String),
        signature: Schema.optionalKey(
          Schema.Struct({
            header: Schema.String,
            encoding: Schema.Literals(["hex", "base64"]).annotate({
              message: "must be hex or base64"
            })
          })
        )
      })
    }
  ]
])

const parse = (yaml: string) => parseConfig(yaml, "s.yaml", { KEY: "header-key-123" }, rules)

const faults = (yaml: string): ReadonlyArray<string> => {
  const parsed = parse(yaml)
  return Result.isFailure(parsed) ? parsed.failure.message.split("\n") : []
}

const mint = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
const contract = "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"

const whole = `
tenants:
  acme:
    unknown_addresses: open
    sources:
      moralis-like:
        environment: production
        provider: networked
        secrets: [a secret text]
        networks: { ETH_MAINNET: ethereum, "0x89": solana }
        signature: { header: x-sig, encoding: hex }
chains:
  ethereum:
    kind: evm
    chain_id: 1
    confirmations: 12
    max_lag: 7
    watch: true
    watch_environment: production
    rpc:
      - { url: "https://a.example.com/key", region: eu-1, priority: 10, rate_limit: 25 }
      - { url: "https://b.example.com", headers: { X-Api-Key: "\${KEY}" } }
    tokens:
      ETH: { native: true, large_above: 10, large_confirmations: finalized }
      USDC: { contract: "${contract}", decimals: 6, quorum_above: "250000.5" }
  solana:
    kind: solana
    chain_id: mainnet-beta
    confirmations: safe
    rpc: [{ url: "https://sol.example.com" }]
    tokens: { SOL: native, USDC: { mint: "${mint}", decimals: 6 } }
  aptos:
    kind: aptos
    chain_id: 1
    confirmations: finalized
    rpc: [{ url: "https://aptos.example.com/v1" }]
    tokens:
      APT: native
      USDT: { contract: "0xF73", coin_type: "0xf22bede237a07e121b56d91a491eb7bcdfd1f5907926a9e58338f964a01b17fa::asset::USDT", decimals: 6 }
  starknet:
    kind: starknet
    chain_id: SN_MAIN
    confirmations: finalized
    rpc: [{ url: "https://stark.example.com" }]
    tokens: { STRK: { contract: "0x04718f5a0fc34cc1af16a1cdee98ffb20c31f5cd61d6ab07201858f4287c938d", decimals: 18 } }
`

describe("surehook.yaml with every family of chains", () => {
  it("says what each is", () => {
    const parsed = parse(whole)
    if (Result.isFailure(parsed)) return assert.fail(parsed.failure.message)
    const { chains, sources, unknownAddresses } = parsed.success
    const chain = (name: string) => chains.get(ChainName.make(name)) ?? assert.fail(name)
    const token = (name: string, symbol: string) => chain(name).tokens.get(TokenSymbol.make(symbol))

    assert.strictEqual(
      chain("solana").chain_id,
      "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d",
      "a cluster is known by its genesis hash"
    )
    assert.strictEqual(chain("starknet").chain_id, "SN_MAIN")
    assert.deepStrictEqual(token("solana", "SOL"), { _tag: "Native", decimals: 9 })
    assert.deepStrictEqual(token("aptos", "APT"), { _tag: "Native", decimals: 8 })
    assert.include(token("aptos", "USDT"), { contract: Address.make(`0x${"0".repeat(61)}f73`) })
    assert.include(token("starknet", "STRK"), {
      contract: Address.make("0x4718f5a0fc34cc1af16a1cdee98ffb20c31f5cd61d6ab07201858f4287c938d")
    })
    assert.include(token("ethereum", "ETH"), {
      large_above: Amount.make("10"),
      large_confirmations: "finalized",
      decimals: 18
    })
    assert.include(token("ethereum", "USDC"), { quorum_above: Amount.make("250000.5") })

    const [first, second] = chain("ethereum").rpc
    assert.include(first, { region: "eu-1", priority: 10, rate_limit: 25 })
    const key = second?.headers?.get("x-api-key")
    assert.strictEqual(key && Redacted.value(key), "header-key-123")
    assert.include(chain("ethereum"), {
      max_lag: 7,
      watch: true,
      watch_environment: Environment.make("production")
    })

    const source = sources.get(SourceId.make("moralis-like"))
    assert.deepStrictEqual(
      source?.networks,
      new Map([
        ["ETH_MAINNET", ChainName.make("ethereum")],
        ["0x89", ChainName.make("solana")]
      ])
    )
    assert.deepStrictEqual(source?.options, { signature: { header: "x-sig", encoding: "hex" } })
    assert.strictEqual(unknownAddresses.get(TenantId.make("acme")), "open")
  })

  it("is described without a secret", () => {
    const parsed = parse(whole)
    if (Result.isFailure(parsed)) return assert.fail(parsed.failure.message)
    assert.strictEqual(
      describeConfig({ ...parsed.success, origin: { _tag: "File", path: "s.yaml" } }),
      `s.yaml: 1 tenant with sources, 1 source, 4 chains, 0 API tokens
tenant acme: unknown addresses open
  source moralis-like: production, networked, ETH_MAINNET is ethereum, 0x89 is solana, 1 secret, POST /v1/webhooks/moralis-like
chain ethereum: evm, chain id 1, credits at 12 confirmations, RPC a.example.com, b.example.com, watched for transfers that no webhook told of
  token ETH: native, 18 decimals, above 10 at finalized
  token USDC: contract ${contract}, 6 decimals, above 250000.5 two endpoints must agree
chain solana: solana, chain id 5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d, credits at safe, RPC sol.example.com
  token SOL: native, 9 decimals
  token USDC: contract ${mint}, 6 decimals
chain aptos: aptos, chain id 1, credits at finalized, RPC aptos.example.com
  token APT: native, 8 decimals
  token USDT: contract 0x${"0".repeat(61)}f73, coin 0xf22bede237a07e121b56d91a491eb7bcdfd1f5907926a9e58338f964a01b17fa::asset::USDT, 6 decimals
chain starknet: starknet, chain id SN_MAIN, credits at finalized, RPC stark.example.com
  token STRK: contract 0x4718f5a0fc34cc1af16a1cdee98ffb20c31f5cd61d6ab07201858f4287c938d, 18 decimals`
    )
  })
})

const chainWith = (change: Readonly<Record<string, string>>) => {
  const keys = {
    kind: "evm",
    chain_id: "1",
    confirmations: "1",
    rpc: '[{ url: "http://a" }, { url: "http://b" }]',
    tokens: "{ ETH: native }",
    ...change
  }
  const text = Object.entries(keys).map(([key, value]) => `${key}: ${value}`)
  return `tenants: {}\nchains: { it: { ${text.join(", ")} } }`
}

const sourceWith = (text: string, rest = "") => `
tenants: { acme: { ${rest} sources: { main: { environment: a, secrets: [a secret text], ${text} } } } }
chains: { ethereum: { kind: evm, chain_id: 1, confirmations: 1, rpc: [{ url: "http://a" }], tokens: { ETH: native } } }
`

describe("surehook.yaml with a fault in a chain", () => {
  const cases: ReadonlyArray<readonly [string, string, ReadonlyArray<string>]> = [
    [
      "a name that no cluster of Solana has",
      chainWith({ kind: "solana", chain_id: "mainnet" }),
      [
        "chains.it.chain_id: must be mainnet-beta or devnet, or the genesis hash of another cluster (what getGenesisHash answers)"
      ]
    ],
    [
      "numbers for a chain that has a name",
      chainWith({
        kind: "starknet",
        chain_id: "1",
        tokens: `{ A: { contract: "0x1", decimals: 6 } }`
      }),
      ["chains.it.chain_id: must be SN_MAIN, SN_SEPOLIA or alike"]
    ],
    [
      "a wait for what Aptos does not have",
      chainWith({ kind: "aptos", confirmations: "12" }),
      [
        "chains.it.confirmations: must be finalized: a transaction that Aptos has committed is final"
      ]
    ],
    [
      "a native coin of Starknet",
      chainWith({ kind: "starknet", chain_id: "SN_MAIN", tokens: "{ ETH: native }" }),
      ["chains.it.tokens.ETH: there is no native coin: STRK and ETH are contracts, name theirs"]
    ],
    [
      "a contract where Solana has mints",
      chainWith({
        kind: "solana",
        chain_id: "devnet",
        tokens: `{ USDC: { contract: "${mint}", decimals: 6 } }`
      }),
      [
        'chains.it.tokens.USDC: must be native, { mint: "…", decimals: 6 } or { native: true, decimals: 9 }'
      ]
    ],
    [
      "a mint that is an address of another chain",
      chainWith({
        kind: "solana",
        chain_id: "devnet",
        tokens: `{ USDC: { mint: "${contract}", decimals: 6 } }`
      }),
      ["chains.it.tokens.USDC.mint: must be the base58 of 32 bytes"]
    ],
    [
      "a coin type that is none",
      chainWith({
        kind: "aptos",
        confirmations: "finalized",
        tokens: `{ A: { contract: "0x1", decimals: 6, coin_type: "USDC" } }`
      }),
      [`chains.it.tokens.A.coin_type: must be a coin's type, such as "0x1::aptos_coin::AptosCoin"`]
    ],
    [
      "thresholds that say nothing or that nobody can hold",
      chainWith({
        rpc: '[{ url: "http://a/1" }, { url: "http://a/2" }]',
        tokens:
          "{ ETH: { native: true, large_above: -1, large_confirmations: latest }, A: { native: true, large_confirmations: 3, quorum_above: 1.5 } }"
      }),
      [
        'chains.it.tokens.ETH.large_above: must be an amount in whole tokens, such as 10000, or in quotes with a fraction: "0.5"',
        "chains.it.tokens.ETH.large_confirmations: must be a whole number from 1 to 10000, or safe or finalized",
        'chains.it.tokens.A.quorum_above: must be an amount in whole tokens, such as 10000, or in quotes with a fraction: "0.5"',
        "chains.it.tokens.A.large_confirmations: needs large_above beside it, which says what is large",
        "chains.it.tokens.A.quorum_above: needs endpoints on two hosts under rpc: one cannot vouch for itself",
        "chains.it.tokens.A: chains.it.tokens.ETH is native already, and a chain has one native token"
      ]
    ],
    [
      "an endpoint with everything wrong",
      chainWith({
        rpc: '[{ url: "http://a", region: "e u", priority: -1, rate_limit: 0, headers: { "a b": x, Host: x, ok: "" } }]'
      }),
      [
        "chains.it.rpc[0].region: must have 1 to 32 letters, digits and -",
        "chains.it.rpc[0].priority: must be a whole number from 0 to 1000",
        "chains.it.rpc[0].rate_limit: must be a whole number from 1 to 1000000: calls a second that the endpoint allows",
        'chains.it.rpc[0].headers["a b"]: is not the name of an HTTP header',
        "chains.it.rpc[0].headers.Host: is set by the service itself: leave it out",
        "chains.it.rpc[0].headers.ok: must have 1 to 2048 printable ASCII characters, without space around"
      ]
    ],
    [
      "one cluster under its name and its hash",
      `tenants: {}
chains:
  a: { kind: solana, chain_id: devnet, confirmations: 1, rpc: [{ url: "http://a" }], tokens: { SOL: native } }
  b: { kind: solana, chain_id: EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG, confirmations: 1, rpc: [{ url: "http://a" }], tokens: { SOL: native } }`,
      [
        "chains.b.chain_id: is the same as chains.a.chain_id; a transfer on one chain under two names could be credited twice"
      ]
    ]
  ]
  it.each(cases)("%s", (_, yaml, expected) => {
    assert.deepStrictEqual(
      faults(yaml),
      expected.map((line) => `s.yaml: ${line}`)
    )
  })
})

describe("surehook.yaml with a fault in a source", () => {
  const cases: ReadonlyArray<readonly [string, string, ReadonlyArray<string>]> = [
    [
      "no networks",
      sourceWith("provider: networked"),
      ["tenants.acme.sources.main.networks: is missing"]
    ],
    [
      "a network of a chain that is not in the file",
      sourceWith("provider: networked, networks: { ETH: etherium }"),
      ["tenants.acme.sources.main.networks.ETH: there is no such chain; the file has ethereum"]
    ],
    [
      "options of the wrong shape, and a key that nobody knows",
      sourceWith(
        "provider: networked, networks: { E: ethereum }, api_ur: x, signature: { encoding: base32, algo: x }"
      ),
      [
        "tenants.acme.sources.main.api_ur: unknown key; did you mean api_url?",
        "tenants.acme.sources.main.signature.header: is missing",
        "tenants.acme.sources.main.signature.encoding: must be hex or base64",
        "tenants.acme.sources.main.signature.algo: unknown key"
      ]
    ],
    [
      "a secret that is too short",
      sourceWith("provider: networked, networks: { E: ethereum }").replace(
        "a secret text",
        "short"
      ),
      [
        "tenants.acme.sources.main.secrets[0]: must have 8 to 1024 characters, all of them printable ASCII"
      ]
    ],
    [
      "a provider that is not there",
      sourceWith("provider: nobody, networks: { E: ethereum }"),
      ["tenants.acme.sources.main.provider: must be one of networked"]
    ],
    [
      "another word for unknown addresses",
      sourceWith("provider: networked, networks: { E: ethereum }", "unknown_addresses: refuse,"),
      [
        "tenants.acme.unknown_addresses: must be reject (a deposit to an address that is not registered goes to the dlq) or open (it is credited)"
      ]
    ]
  ]
  it.each(cases)("%s", (_, yaml, expected) => {
    assert.deepStrictEqual(
      [...faults(yaml)].sort(),
      expected.map((line) => `s.yaml: ${line}`).sort()
    )
  })
})
