import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Layer, Redacted } from "effect"
import { TestConsole } from "effect/testing"
import { decodeConfig } from "../../src/config/decode-config.ts"
import { defaultSettings, Settings } from "../../src/config/settings.ts"
import { SurehookConfig } from "../../src/config/surehook-config.ts"
import { providers } from "../../src/ingest/registry.ts"
import {
  knownSecrets,
  type LoggingOptions,
  layer,
  loggingLayer,
  makeRedactor
} from "../../src/telemetry/logging.ts"

const key = Buffer.from(Array.from({ length: 32 }, (_, index) => index * 7)).toString("base64")
const rpcKey = "0123456789abcdef0123456789abcdef"
const password = 'p@ss "w\\ord/1'

const databaseUrl = Redacted.make(
  `postgres://surehook:${encodeURIComponent(password)}@db.example.com:5432/surehook`
)

const config = Effect.fromResult(
  decodeConfig(
    {
      tenants: {
        acme: {
          sources: {
            main: { environment: "a", provider: "standard", secrets: [`whsec_${key}`] }
          }
        }
      },
      chains: {
        ethereum: {
          kind: "evm",
          chain_id: 1,
          rpc: [
            { url: `https://eth.example.com:443/v3/${rpcKey}?auth=query-secret-123` },
            {
              url: "https://rpc.example.com/v1",
              headers: { "x-api-key": "Bearer header-key-123" }
            },
            { url: "http://127.0.0.1:8545" }
          ],
          confirmations: 1,
          tokens: { ETH: "native" }
        }
      },
      api: { tokens: [{ name: "ops", role: "admin", token: 'to"ken-0123456789' }] }
    },
    {},
    providers
  )
)

const secretsOf = Effect.map(config, (decoded) => knownSecrets({ databaseUrl }, decoded))

const logged = <A>(effect: Effect.Effect<A>, options: Partial<LoggingOptions> = {}) =>
  Effect.gen(function* () {
    yield* Effect.provide(
      effect,
      loggingLayer({ format: "json", level: "Info", redact: (text) => text, ...options })
    )
    return (yield* TestConsole.logLines).map(String)
  }).pipe(Effect.provide(Layer.fresh(TestConsole.layer)))

describe("JSON logs", () => {
  it.effect("stand one on a line, with annotations at the top", () =>
    Effect.gen(function* () {
      const lines = yield* logged(
        Effect.logInfo("deposit credited").pipe(
          Effect.annotateLogs({ job_id: "j1", tx_hash: "0xab", chain: "localchain", attempt: 2 })
        )
      )
      assert.deepStrictEqual(lines, [
        '{"timestamp":"1970-01-01T00:00:00.000Z","level":"INFO","message":"deposit credited","job_id":"j1","tx_hash":"0xab","chain":"localchain","attempt":2}'
      ])
    })
  )

  it.effect("hold the cause and the error type of a failure, still on one line", () =>
    Effect.gen(function* () {
      const cause = Cause.fail(new Error("connection refused\nby 127.0.0.1"))
      const [line = ""] = yield* logged(
        Effect.logError("attempt failed", cause).pipe(
          Effect.annotateLogs({ error_type: "rpc_failure" })
        )
      )
      assert.notInclude(line, "\n")
      const entry: unknown = JSON.parse(line)
      assert.containsSubset(entry, { level: "ERROR", error_type: "rpc_failure" })
      assert.match(line, /"cause":"Error: connection refused\\nby 127.0.0.1/)
    })
  )

  it.effect("join several messages, and survive big integers and redacted values", () =>
    Effect.gen(function* () {
      const lines = yield* logged(
        Effect.log("seen", { amount: 5n, secret: Redacted.make("hunter2") }, 3)
      )
      assert.deepStrictEqual(lines, [
        '{"timestamp":"1970-01-01T00:00:00.000Z","level":"INFO","message":"seen {\\"amount\\":\\"5n\\",\\"secret\\":\\"<redacted>\\"} 3"}'
      ])
    })
  )

  it.effect("an annotation never takes the place of one of our own fields", () =>
    Effect.gen(function* () {
      const lines = yield* logged(Effect.log("a").pipe(Effect.annotateLogs({ message: "b" })))
      assert.deepStrictEqual(lines, [
        '{"timestamp":"1970-01-01T00:00:00.000Z","level":"INFO","message":"a","annotation_message":"b"}'
      ])
    })
  )

  it.effect("below LOG_LEVEL are not written", () =>
    Effect.gen(function* () {
      const both = Effect.andThen(Effect.logInfo("info"), Effect.logWarning("warn"))
      const lines = yield* logged(both, { level: "Warn" })
      assert.strictEqual(lines.length, 1)
      assert.include(lines[0], '"message":"warn"')
    })
  )
})

describe("logs on a terminal", () => {
  it.effect("are one readable line, with the cause below", () =>
    Effect.gen(function* () {
      const lines = yield* logged(
        Effect.logWarning("attempt failed", Cause.fail("timeout")).pipe(
          Effect.annotateLogs({ job_id: "j1", attempt: 2 })
        ),
        { format: "pretty" }
      )
      const plain = lines
        .join("\n")
        .replaceAll("\u001b", "")
        .replace(/\[\d+m/g, "")
      const [first, second] = plain.split("\n")
      assert.strictEqual(first, "00:00:00.000 WARN  attempt failed  job_id=j1 attempt=2")
      assert.match(second ?? "", /^ {2}.*timeout/)
    })
  )
})

describe("redaction", () => {
  it.effect("is part of the layer that the service runs with", () =>
    Effect.gen(function* () {
      const decoded = yield* config
      yield* Effect.logInfo(`GET /v3/${rpcKey}`).pipe(
        Effect.provide(layer),
        Effect.provideService(Settings, { ...defaultSettings, databaseUrl }),
        Effect.provideService(SurehookConfig, decoded)
      )
      const lines = yield* TestConsole.logLines
      assert.strictEqual(lines.length, 1)
      assert.include(String(lines[0]), "GET /v3/<redacted>")
    }).pipe(Effect.provide(TestConsole.layer))
  )

  const leaks = [
    `whsec_${key}`,
    key,
    'to"ken-0123456789',
    rpcKey,
    "query-secret-123",
    "header-key-123",
    password,
    encodeURIComponent(password)
  ]

  it.effect.each(["json", "pretty"] as const)(
    "no secret of the config stands in a %s line, wherever it was put",
    (format) =>
      Effect.gen(function* () {
        const redact = makeRedactor(yield* secretsOf)
        for (const leak of leaks) {
          const lines = yield* logged(
            Effect.logError(`saw ${leak}.`, { nested: [leak] }, Cause.die(new Error(leak))).pipe(
              Effect.annotateLogs({ header: `Bearer ${leak}`, deep: { leak } })
            ),
            { format, redact }
          )
          const text = lines.join("\n")
          assert.include(text, "<redacted>")
          assert.notInclude(text, leak)
          assert.notInclude(text, JSON.stringify(leak).slice(1, -1))
        }
      })
  )

  it.effect("leaves the host of a URL, so that the log still says which endpoint", () =>
    Effect.gen(function* () {
      const redact = makeRedactor(yield* secretsOf)
      assert.strictEqual(
        redact(`GET https://eth.example.com/v3/${rpcKey}?auth=query-secret-123 failed`),
        "GET https://eth.example.com<redacted> failed"
      )
      assert.strictEqual(
        redact(Redacted.value(databaseUrl)),
        "postgres://surehook:<redacted>@db.example.com:5432/surehook"
      )
    })
  )

  it.effect("leaves ordinary words that a URL shares with the rest of the log", () =>
    Effect.gen(function* () {
      const decoded = yield* config
      const url = Redacted.make("postgres://postgres:postgres@127.0.0.1/postgres")
      const redact = makeRedactor(knownSecrets({ databaseUrl: url }, decoded))
      const line = "POST /v1/webhooks/main wrote to postgres at http://127.0.0.1:8545/"
      assert.strictEqual(redact(line), line)
      assert.strictEqual(redact("https://rpc.example.com/v1"), "https://rpc.example.com<redacted>")
      assert.strictEqual(
        redact(Redacted.value(url)),
        "postgres://postgres:<redacted>@127.0.0.1/postgres"
      )
    })
  )

  it("takes the longest of two secrets that begin alike, and characters that mean something in a pattern", () => {
    const redact = makeRedactor(["a.b*c(d", "a.b*c(d+e]f"])
    assert.strictEqual(redact("x a.b*c(d+e]f y a.b*c(d z"), "x <redacted> y <redacted> z")
    assert.strictEqual(redact("x aXb*c(d"), "x aXb*c(d")
  })

  it("does nothing without secrets", () => {
    const redact = makeRedactor(knownSecrets(defaultSettings, emptyConfig))
    assert.strictEqual(redact("anything"), "anything")
  })
})

const emptyConfig = { sources: new Map(), chains: new Map(), apiTokens: [] }
