// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the file under test has such references
import { NodeFileSystem, NodePath } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Layer, Path, Redacted, Result } from "effect"
import { parseConfig } from "../../src/config/config-file.ts"
import { describeConfig } from "../../src/config/describe-config.ts"
import { type EnvRecord, ProcessEnv } from "../../src/config/process-env.ts"
import { Settings } from "../../src/config/settings.ts"
import { SurehookConfig } from "../../src/config/surehook-config.ts"
import { ChainName } from "../../src/domain/chain.ts"
import { SourceId, TenantId, TokenSymbol } from "../../src/domain/ids.ts"
import { configLayer } from "../../src/ingest/config-layer.ts"
import { providers } from "../../src/ingest/registry.ts"

const base64Of = (byte: number, length = 24) => Buffer.alloc(length, byte).toString("base64")
const mainSecret = `whsec_${base64Of(1)}`

const env: EnvRecord = {
  MAIN_SECRET: mainSecret,
  OPS_TOKEN: "ops-token-0123456789",
  EMPTY: "",
  CHAIN_ID: "31337",
  RPC_URL: "https://eth.example.com/v3/0123456789abcdef"
}

const whole = `
tenants:
  acme:
    sources:
      main:                      # POST /v1/webhooks/main
        environment: production
        provider: standard
        secrets: ["\${MAIN_SECRET}", "${base64Of(2, 64)}"]
  globex:
    sources: {}
chains:
  localchain:
    kind: evm
    chain_id: "\${CHAIN_ID}"
    rpc: [{ url: "\${RPC_URL}" }, { url: "http://127.0.0.1:8545" }]
    confirmations: 2
    tokens:
      ETH: native
      USDC: { contract: "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", decimals: 6 }
  polygon:
    kind: evm
    chain_id: 137
    rpc: [{ url: "http://127.0.0.1:8546" }]
    confirmations: finalized
    tokens:
      POL: { native: true, decimals: 18 }
api:
  tokens:
    - { name: ops, role: operator, token: "\${OPS_TOKEN}" }
    - name: acme-auditor
      role: auditor
      token: literal-token-0123
      tenants: [acme]
`

const faults = (yaml: string, variables: EnvRecord = env): ReadonlyArray<string> => {
  const parsed = parseConfig(yaml, "s.yaml", variables, providers)
  return Result.isFailure(parsed) ? parsed.failure.message.split("\n") : []
}

/** A valid file but for what each test puts into it. */
const fileWith = (parts: {
  readonly source?: string
  readonly chain?: string
  readonly tokens?: string
  readonly api?: string
}) => `
tenants:
  acme:
    sources:
      main: ${parts.source ?? `{ environment: production, provider: standard, secrets: ["\${MAIN_SECRET}"] }`}
chains:
  local: ${parts.chain ?? `{ kind: evm, chain_id: 1, rpc: [{ url: "http://127.0.0.1" }], confirmations: 1, tokens: ${parts.tokens ?? "{ ETH: native }"} }`}
api:
  tokens: ${parts.api ?? "[]"}
`

const source = (secrets: string, rest = "environment: production, provider: standard") =>
  fileWith({ source: `{ ${rest}, secrets: ${secrets} }` })

const chain = (change: Record<string, string>) => {
  const keys: Record<string, string> = {
    kind: "evm",
    chain_id: "1",
    rpc: '[{ url: "http://127.0.0.1" }]',
    confirmations: "1",
    tokens: "{ ETH: native }",
    ...change
  }
  const text = Object.entries(keys).map(([key, value]) => `${key}: ${value}`)
  return fileWith({ chain: `{ ${text.join(", ")} }` })
}

const usdc = "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"

describe("surehook.yaml", () => {
  it("is decoded and indexed", () => {
    const parsed = parseConfig(whole, "s.yaml", env, providers)
    if (Result.isFailure(parsed)) return assert.fail(parsed.failure.message)
    const { sources, chains, apiTokens } = parsed.success
    const main = sources.get(SourceId.make("main"))
    assert.strictEqual(main?.tenant_id, "acme")
    assert.strictEqual(main?.environment, "production")
    assert.deepStrictEqual(main?.secrets.map(Redacted.value), [
      mainSecret,
      `whsec_${base64Of(2, 64)}`
    ])
    const local = chains.get(ChainName.make("localchain"))
    assert.strictEqual(local?.chain_id, 31337)
    assert.strictEqual(local?.confirmations, 2)
    assert.deepStrictEqual(
      local?.rpc.map(({ url }) => Redacted.value(url)),
      [env.RPC_URL, "http://127.0.0.1:8545"]
    )
    assert.deepStrictEqual(local?.tokens.get(TokenSymbol.make("ETH")), {
      _tag: "Native",
      decimals: 18
    })
    const token = local?.tokens.get(TokenSymbol.make("USDC"))
    assert.strictEqual(token?._tag === "Contract" ? token.contract : undefined, usdc)
    assert.strictEqual(chains.get(ChainName.make("polygon"))?.confirmations, "finalized")
    assert.deepStrictEqual(
      apiTokens.map(({ name, role, tenants, token }) => ({
        name,
        role,
        tenants,
        token: Redacted.value(token)
      })),
      [
        { name: "ops", role: "operator", tenants: null, token: "ops-token-0123456789" },
        {
          name: "acme-auditor",
          role: "auditor",
          tenants: new Set([TenantId.make("acme")]),
          token: "literal-token-0123"
        }
      ]
    )
  })

  it("without api has no tokens, and may have no tenants, so that what is stored can be drained", () => {
    const parsed = parseConfig(
      `tenants: {}\nchains: { local: { kind: evm, chain_id: 1, rpc: [{ url: "http://h" }], confirmations: safe, tokens: { ETH: native } } }`,
      "s.yaml",
      {},
      providers
    )
    assert.isTrue(Result.isSuccess(parsed))
  })

  it("may be JSON, which is YAML too", () => {
    const json = JSON.stringify({
      tenants: {},
      chains: {
        local: {
          kind: "evm",
          chain_id: 1,
          rpc: [{ url: "http://h" }],
          confirmations: 1,
          tokens: { ETH: "native" }
        }
      }
    })
    assert.deepStrictEqual(faults(json), [])
  })

  it("a secret with any characters cannot change the structure, and is not searched for references", () => {
    const token = 'x"]},:#${OPS_TOKEN}\\&*!'
    const parsed = parseConfig(
      fileWith({ api: '[{ name: a, role: viewer, token: "${T}" }]' }),
      "s.yaml",
      { ...env, T: token },
      providers
    )
    if (Result.isFailure(parsed)) return assert.fail(parsed.failure.message)
    assert.deepStrictEqual(
      parsed.success.apiTokens.map((entry) => Redacted.value(entry.token)),
      [token]
    )
  })

  it("$${ stands for the characters ${", () => {
    const parsed = parseConfig(
      fileWith({ api: '[{ name: a, role: viewer, token: "0123456789-$${NAME}-${OPS_TOKEN}" }]' }),
      "s.yaml",
      env,
      providers
    )
    if (Result.isFailure(parsed)) return assert.fail(parsed.failure.message)
    assert.deepStrictEqual(
      parsed.success.apiTokens.map((entry) => Redacted.value(entry.token)),
      ["0123456789-${NAME}-ops-token-0123456789"]
    )
  })

  const rule = "must be whsec_ and the base64 of 24 to 64 bytes"
  const shapes =
    'must be native, { contract: "0x…", decimals: 6 } or { native: true, decimals: 18 }'
  const apiToken = (rest: string) => fileWith({ api: `[{ ${rest} }]` })
  const cases: ReadonlyArray<readonly [what: string, yaml: string, lines: ReadonlyArray<string>]> =
    [
      ["an empty file", "", ["s.yaml: is empty: it needs the keys tenants, chains, api"]],
      ["text", "hello", ["s.yaml: must be a mapping with the keys tenants, chains, api"]],
      ["no sections", "{}", ["s.yaml: tenants: is missing", "s.yaml: chains: is missing"]],
      [
        "empty sections",
        "tenants:\nchains:\napi:\n",
        [
          "s.yaml: tenants: is empty: write {} if there are none",
          "s.yaml: chains: is empty: it needs at least one chain, or no deposit can be checked",
          "s.yaml: api: is empty: it needs the keys tokens"
        ]
      ],
      [
        "a section of the wrong type",
        "tenants: [acme]\nchains: evm\n",
        [
          "s.yaml: tenants: must be a mapping: a name, a colon and what it stands for",
          "s.yaml: chains: must be a mapping: a name, a colon and what it stands for"
        ]
      ],
      [
        "unknown keys",
        `${fileWith({})}\nchain: {}\nsomething_else: 1\n`,
        [
          "s.yaml: chain: unknown key; did you mean chains?",
          "s.yaml: something_else: unknown key; known are tenants, chains, api"
        ]
      ],
      [
        "an unknown key in a source",
        source('["${MAIN_SECRET}"]', "environment: a, provider: standard, secret: x"),
        ["s.yaml: tenants.acme.sources.main.secret: unknown key; did you mean secrets?"]
      ],
      [
        "a line that the parser takes for a key, because its reference has no quotes",
        fileWith({ api: "\n    - { token: ${OPS_TOKEN}, name: hunter2 }" }),
        [
          's.yaml: api.tokens[0]["(not a name)"]: unknown key; inside [ ] and { } a "${NAME}" must stand in quotes',
          ...["name", "role", "token"].map((key) => `s.yaml: api.tokens[0].${key}: is missing`)
        ]
      ],
      [
        "an unset variable",
        source('["${NOPE}"]'),
        ["s.yaml: tenants.acme.sources.main.secrets[0]: the environment variable NOPE is not set"]
      ],
      [
        "an empty variable",
        source('["${MAIN_SECRET}", "${EMPTY}"]'),
        [
          "s.yaml: tenants.acme.sources.main.secrets[1]: the environment variable EMPTY is set but empty"
        ]
      ],
      [
        "a reference without a name",
        source('["${}"]'),
        [
          "s.yaml: tenants.acme.sources.main.secrets[0]: has ${ without a variable's name and }: write ${NAME}, or $${ for the characters ${ themselves"
        ]
      ],
      [
        "a default, as a shell has it",
        source('["${MAIN_SECRET:-x}"]'),
        [
          "s.yaml: tenants.acme.sources.main.secrets[0]: has ${ without a variable's name and }: write ${NAME}, or $${ for the characters ${ themselves"
        ]
      ],
      [
        "a secret that is not base64",
        source('["whsec_%%%not base64%%%"]'),
        [
          `s.yaml: tenants.acme.sources.main.secrets[0]: ${rule}: it has a space or a line break in it`
        ]
      ],
      [
        "a secret without padding",
        source(`["whsec_${base64Of(3, 25).replace(/=/g, "")}"]`),
        [`s.yaml: tenants.acme.sources.main.secrets[0]: ${rule}: it is not base64 with its padding`]
      ],
      [
        "a short secret",
        source('["whsec_c2hvcnQ="]'),
        [`s.yaml: tenants.acme.sources.main.secrets[0]: ${rule}: it holds 5`]
      ],
      [
        "secrets that are a string, a number or missing",
        source('"whsec_x"'),
        ["s.yaml: tenants.acme.sources.main.secrets: must be a list"]
      ],
      [
        "a number for a secret",
        source("[123456]"),
        [
          "s.yaml: tenants.acme.sources.main.secrets[0]: must be a string (in quotes, if it looks like a number)"
        ]
      ],
      [
        "no secrets",
        source("[]"),
        ["s.yaml: tenants.acme.sources.main.secrets: is empty: it needs at least one secret"]
      ],
      [
        "a source with everything wrong",
        fileWith({ source: "{ environment: , provider: alchmy }" }),
        [
          "s.yaml: tenants.acme.sources.main.environment: is empty",
          `s.yaml: tenants.acme.sources.main.provider: must be one of ${[...providers.keys()].join(", ")}`,
          "s.yaml: tenants.acme.sources.main.secrets: is missing"
        ]
      ],
      [
        "an environment with a space",
        source('["${MAIN_SECRET}"]', 'environment: "a b", provider: standard'),
        [
          "s.yaml: tenants.acme.sources.main.environment: an environment has 1 to 64 letters, digits, -, _ and ., and starts with a letter or digit"
        ]
      ],
      [
        "one source id at two tenants, with one secret",
        `
tenants:
  acme: { sources: { main: { environment: a, provider: standard, secrets: ["${mainSecret}"] } } }
  "glo.bex": { sources: { main: { environment: a, provider: standard, secrets: ["${base64Of(1)}"] } } }
chains: { local: { kind: evm, chain_id: 1, rpc: [{ url: "http://h" }], confirmations: 1, tokens: { ETH: native } } }
`,
        [
          's.yaml: tenants["glo.bex"].sources.main: the source id is already taken at tenants.acme.sources.main; source ids are unique in the whole file, as webhooks come to /v1/webhooks/{source}',
          's.yaml: tenants["glo.bex"].sources.main.secrets[0]: is the same as tenants.acme.sources.main.secrets[0]; a webhook signed for one source would be taken for another'
        ]
      ],
      [
        "a source that is called as the reconciler is",
        `
tenants:
  acme: { sources: { reconciler: { environment: a, provider: standard, secrets: ["${mainSecret}"] } } }
chains: { local: { kind: evm, chain_id: 1, rpc: [{ url: "http://h" }], confirmations: 1, tokens: { ETH: native } } }
`,
        [
          "s.yaml: tenants.acme.sources.reconciler: is the source of deposits that the reconciler finds itself: choose another id"
        ]
      ],
      [
        "watched chains whose deposits could be of two environments, of none, or are not watched",
        `
tenants:
  acme:
    sources:
      main: { environment: production, provider: standard, secrets: ["${mainSecret}"] }
      test: { environment: staging, provider: standard, secrets: ["${base64Of(2)}"] }
chains:
  one: { kind: evm, chain_id: 1, watch: true, rpc: [{ url: "http://h" }], confirmations: 1, tokens: { ETH: native } }
  two: { kind: evm, chain_id: 2, watch: true, watch_environment: prod, rpc: [{ url: "http://h" }], confirmations: 1, tokens: { ETH: native } }
  three: { kind: evm, chain_id: 3, watch_environment: staging, rpc: [{ url: "http://h" }], confirmations: 1, tokens: { ETH: native } }
  four: { kind: evm, chain_id: 4, watch: "yes", rpc: [{ url: "http://h" }], confirmations: 1, tokens: { ETH: native } }
  five: { kind: evm, chain_id: 5, watch: true, watch_environment: staging, rpc: [{ url: "http://h" }], confirmations: 1, tokens: { ETH: native } }
`,
        [
          "s.yaml: chains.four.watch: must be true or false",
          "s.yaml: chains.one.watch_environment: is needed to watch the chain, for tenant acme has sources in production and staging: say in which of them a transfer makes a deposit of which no webhook told",
          "s.yaml: chains.two.watch_environment: no source is in it: production, staging",
          "s.yaml: chains.three.watch_environment: is for a chain with watch: true"
        ]
      ],
      [
        "a chain with nothing",
        fileWith({ chain: "{}" }),
        ["kind", "chain_id", "rpc", "confirmations", "tokens"].map(
          (key) => `s.yaml: chains.local.${key}: is missing`
        )
      ],
      [
        "a chain with everything wrong",
        chain({
          kind: "bitcoin",
          chain_id: "1.5",
          rpc: "[{ url: ftp://user:hunter2@h }, {}, http://h]",
          confirmations: "0",
          tokens: "{}"
        }),
        [
          "s.yaml: chains.local.kind: must be one of evm, solana, aptos, starknet",
          "s.yaml: chains.local.chain_id: must be a whole number from 1 to 9007199254740991",
          "s.yaml: chains.local.rpc[0].url: must be a URL that starts with http:// or https://",
          "s.yaml: chains.local.rpc[1].url: is missing",
          "s.yaml: chains.local.rpc[2]: must be a mapping with the keys url, region, priority, headers, rate_limit",
          "s.yaml: chains.local.confirmations: must be a whole number from 1 to 10000, or safe or finalized",
          "s.yaml: chains.local.tokens: is empty: it needs at least one token"
        ]
      ],
      [
        "no endpoint",
        chain({ rpc: "[]" }),
        [
          "s.yaml: chains.local.rpc: is empty: it needs at least one endpoint, such as { url: https://… }"
        ]
      ],
      [
        "latest as confirmations",
        chain({ confirmations: "latest" }),
        [
          "s.yaml: chains.local.confirmations: must be a whole number from 1 to 10000, or safe or finalized"
        ]
      ],
      [
        "a chain's name in capitals",
        fileWith({}).replace("local:", "Local:"),
        [
          "s.yaml: chains.Local: a chain's name has 1 to 32 lower-case letters, digits, - and _, and starts with a letter"
        ]
      ],
      [
        "two names for one chain",
        fileWith({}).replace(
          "api:",
          `  other: { kind: evm, chain_id: 1, rpc: [{ url: "http://h" }], confirmations: 1, tokens: { ETH: native } }\napi:`
        ),
        [
          "s.yaml: chains.other.chain_id: is the same as chains.local.chain_id; a transfer on one chain under two names could be credited twice"
        ]
      ],
      [
        "two symbols for one contract, in different case",
        fileWith({
          tokens: `{ USDC: { contract: "${usdc}", decimals: 6 }, USDX: { contract: "0x${usdc.slice(2).toUpperCase()}", decimals: 6 } }`
        }),
        [
          "s.yaml: chains.local.tokens.USDX: the contract is already that of chains.local.tokens.USDC; one transfer under two symbols could be credited twice"
        ]
      ],
      [
        "two natives",
        fileWith({ tokens: "{ ETH: native, WEI: { native: true, decimals: 0 } }" }),
        [
          "s.yaml: chains.local.tokens.WEI: chains.local.tokens.ETH is native already, and a chain has one native token"
        ]
      ],
      [
        "an address that YAML takes for a number",
        fileWith({ tokens: `{ USDC: { contract: ${usdc}, decimals: 6 } }` }),
        [
          "s.yaml: chains.local.tokens.USDC.contract: must stand in quotes: without them YAML reads 0x… as a number"
        ]
      ],
      [
        "tokens of every wrong shape",
        fileWith({
          tokens: `{ A: erc20, B: , C: { contract: "0x12", decimals: 6 }, D: { contract: "${usdc}" }, E: { decimals: 6 }, F: { native: false }, G: { native: true, decimals: 19 }, H: { native: true, contract: "${usdc}", decimals: 1 }, I: { contract: "0x${"1".repeat(40)}", decimal: 6, decimals: 6 } }`
        }),
        [
          `s.yaml: chains.local.tokens.A: ${shapes}`,
          `s.yaml: chains.local.tokens.B: is empty: it ${shapes}`,
          "s.yaml: chains.local.tokens.C.contract: must be 0x and 40 hex digits",
          "s.yaml: chains.local.tokens.D.decimals: is missing",
          `s.yaml: chains.local.tokens.E: ${shapes}`,
          `s.yaml: chains.local.tokens.F.native: ${shapes}; false says nothing`,
          "s.yaml: chains.local.tokens.G.decimals: must be a whole number from 0 to 18",
          `s.yaml: chains.local.tokens.H: ${shapes}`,
          "s.yaml: chains.local.tokens.I.decimal: unknown key; did you mean decimals?"
        ]
      ],
      [
        "an API token with everything wrong",
        apiToken('name: "", role: root, token: short, tenants: [acme, nobody, 7]'),
        [
          "s.yaml: api.tokens[0].name: must have 1 to 64 letters, digits, -, _, . and @, and start with a letter or digit: it says who did it in logs and events",
          "s.yaml: api.tokens[0].role: must be one of viewer, auditor, operator, admin",
          "s.yaml: api.tokens[0].token: must have 16 to 1024 characters, all of them ASCII and no spaces, as it goes into an HTTP header",
          "s.yaml: api.tokens[0].tenants[1]: there is no such tenant; the file has acme",
          "s.yaml: api.tokens[0].tenants[2]: must be a string (in quotes, if it looks like a number)"
        ]
      ],
      [
        "an API token for no tenant",
        apiToken('name: a, role: viewer, token: "${OPS_TOKEN}", tenants: []'),
        [
          "s.yaml: api.tokens[0].tenants: is empty: it needs at least one tenant; leave the key out for all tenants"
        ]
      ],
      [
        "two API tokens with one name and one token",
        fileWith({
          api: '[{ name: a, role: viewer, token: "${OPS_TOKEN}" }, { name: a, role: admin, token: "${OPS_TOKEN}" }]'
        }),
        [
          "s.yaml: api.tokens[1].name: is the same as api.tokens[0].name",
          "s.yaml: api.tokens[1].token: is the same as api.tokens[0].token"
        ]
      ],
      [
        "faults in every section at once",
        `tenants: { acme: { sources: { main: { environment: a, provider: standard, secrets: ["\${NOPE}"] } } } }
chains: { local: { kind: evm, chain_id: 0, rpc: [{ url: "http://h" }], confirmations: 1, tokens: { ETH: natve } } }
api: { tokens: [{ name: a, role: boss, token: "\${OPS_TOKEN}" }] }`,
        [
          "s.yaml: tenants.acme.sources.main.secrets[0]: the environment variable NOPE is not set",
          "s.yaml: chains.local.chain_id: must be a whole number from 1 to 9007199254740991",
          `s.yaml: chains.local.tokens.ETH: ${shapes}`,
          "s.yaml: api.tokens[0].role: must be one of viewer, auditor, operator, admin"
        ]
      ]
    ]
  it.each(cases)("%s: every fault with its path", (_, yaml, lines) => {
    assert.deepStrictEqual(faults(yaml), lines)
  })

  const syntax: ReadonlyArray<readonly [yaml: string, line: string]> = [
    ["a: 1\n\tb: 2", "s.yaml:2: tabs cannot be used for YAML indentation"],
    ["a: 1\nb: 2\na: 3", "s.yaml:3: the key a stands twice in one mapping"],
    ["a: b: c", "s.yaml:1: invalid colon in plain scalar"],
    ["a: 1\nb: [x, y\nc: 2", "s.yaml:2: expected ','"],
    ["a: 1\nb: 'x\n", "s.yaml:2: unterminated quoted YAML scalar"],
    ["a: 1\nb: { token: ${T} }", 's.yaml:2: inside [ ] and { } a "${NAME}" must stand in quotes'],
    ["a: 1\ntoken: *hunter2", "s.yaml:2: a value that starts with * must stand in quotes"],
    ["t: [*hunter2]", "s.yaml:1: a value that starts with * must stand in quotes"],
    [
      't: "hunter\\2"',
      "s.yaml:1: inside double quotes a \\ must be written \\\\; or use single quotes"
    ]
  ]
  it.each(syntax)("%j is a syntax error with its line", (yaml, line) => {
    assert.deepStrictEqual(faults(yaml), [line])
  })
})

const platform = Layer.mergeAll(NodeFileSystem.layer, NodePath.layer)

const configFrom = (variables: EnvRecord) =>
  configLayer.pipe(
    Layer.provide(Settings.layer),
    Layer.provide(Layer.succeed(ProcessEnv, variables)),
    Layer.provide(platform)
  )

describe("SurehookConfig.layer", () => {
  it.effect("reads the file that SUREHOOK_CONFIG names", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = (yield* Path.Path).join(yield* fs.makeTempDirectoryScoped(), "my config.yaml")
      yield* fs.writeFileString(path, whole)
      const config = yield* Effect.provide(
        SurehookConfig,
        configFrom({ ...env, SUREHOOK_CONFIG: path })
      )
      assert.strictEqual(config.sources.size, 1)
      assert.deepStrictEqual(config.origin, { _tag: "File", path })
      assert.strictEqual(
        describeConfig(config),
        `${path}: 1 tenant with sources, 1 source, 2 chains, 2 API tokens
tenant acme
  source main: production, standard, 2 secrets, POST /v1/webhooks/main
chain localchain: evm, chain id 31337, credits at 2 confirmations, RPC eth.example.com, 127.0.0.1:8545
  token ETH: native, 18 decimals
  token USDC: contract ${usdc}, 6 decimals
chain polygon: evm, chain id 137, credits at finalized, RPC 127.0.0.1:8546
  token POL: native, 18 decimals
API token ops: operator of all tenants
API token acme-auditor: auditor of acme`
      )
    }).pipe(Effect.provide(platform))
  )

  it.effect("says so if there is no such file", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        Effect.provide(SurehookConfig, configFrom({ SUREHOOK_CONFIG: "no/such.yaml" }))
      )
      assert.strictEqual(
        error.message,
        "no/such.yaml: there is no such file; SUREHOOK_CONFIG names it, relative to the directory that the service starts in"
      )
    })
  )

  it.effect("says so if it is a directory", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        Effect.provide(SurehookConfig, configFrom({ SUREHOOK_CONFIG: "test" }))
      )
      assert.strictEqual(error.message, "test: it cannot be read as a file")
    })
  )

  /** A working directory with a surehook.yaml of this text, or with none. */
  const startedIn = (text: string | undefined) =>
    Layer.effect(
      FileSystem.FileSystem,
      Effect.map(FileSystem.FileSystem, (fs) => ({
        ...fs,
        exists: (path: string) =>
          path === "surehook.yaml" ? Effect.succeed(text !== undefined) : fs.exists(path),
        readFileString: (path: string) =>
          path === "surehook.yaml" ? Effect.succeed(text ?? "") : fs.readFileString(path)
      }))
    ).pipe(Layer.provide(NodeFileSystem.layer))

  const configIn = (text: string | undefined, variables: EnvRecord) =>
    configLayer.pipe(
      Layer.provide(Settings.layer),
      Layer.provide(Layer.succeed(ProcessEnv, variables)),
      Layer.provide(Layer.merge(startedIn(text), NodePath.layer))
    )

  it.effect("reads surehook.yaml of the working directory by itself", () =>
    Effect.gen(function* () {
      const config = yield* Effect.provide(SurehookConfig, configIn(whole, env))
      assert.deepStrictEqual(config.origin, { _tag: "File", path: "surehook.yaml" })
    })
  )

  it.effect(
    "without any file gives the development config, with secrets of the data directory",
    () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const SUREHOOK_DATA_DIR = yield* fs.makeTempDirectoryScoped()
        const load = Effect.provide(SurehookConfig, configIn(undefined, { SUREHOOK_DATA_DIR }), {
          local: true
        })
        const [first, second] = [yield* load, yield* load]
        assert.strictEqual(first.origin?._tag, "Development")
        assert.deepStrictEqual([...first.sources.keys()], [SourceId.make("dev")])
        assert.deepStrictEqual(
          first.apiTokens.map(({ token }) => Redacted.value(token)),
          second.apiTokens.map(({ token }) => Redacted.value(token))
        )
      }).pipe(Effect.provide(platform))
  )
})
