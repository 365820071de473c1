// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the file under test has such references
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as fc from "fast-check"
import { parseConfig } from "../../src/config/config-file.ts"
import { decodeConfig } from "../../src/config/decode-config.ts"
import { decodeSettings } from "../../src/config/settings.ts"
import { providers } from "../../src/ingest/registry.ts"

/** A text that stands in no message by chance, with characters that mean something to YAML, URLs and `${}`. */
const secretText = fc
  .tuple(
    fc.stringMatching(/^[0-9a-f]{12}$/),
    fc.constantFrom(
      "",
      "${",
      "$${",
      "'",
      '"',
      ": ",
      " #",
      "*",
      "&",
      "\n",
      "\\q",
      "]",
      "}",
      "%zz",
      "="
    )
  )
  .map(([core, sign]) => ({ core: `Zq${core}`, text: `${sign}Zq${core}${sign}` }))

const env = {
  MAIN_SECRET: `whsec_${Buffer.alloc(24, 7).toString("base64")}`,
  OPS_TOKEN: "ops-token-0123456789"
}

const valid = () => ({
  tenants: {
    acme: {
      sources: {
        main: { environment: "production", provider: "standard", secrets: ["${MAIN_SECRET}"] }
      }
    }
  },
  chains: {
    localchain: {
      kind: "evm",
      chain_id: 31337,
      rpc: [{ url: "http://127.0.0.1:8545" }],
      confirmations: 2,
      tokens: { ETH: "native", USDC: { contract: `0x${"a".repeat(40)}`, decimals: 6 } }
    }
  },
  api: { tokens: [{ name: "ops", role: "operator", token: "${OPS_TOKEN}", tenants: ["acme"] }] }
})

/** Puts `secret` in the place of the nth value of the document, counted depth first. */
const replaceNth = (document: unknown, target: number, secret: unknown): unknown => {
  let index = -1
  const visit = (value: unknown): unknown => {
    index += 1
    if (index === target) return secret
    if (Array.isArray(value)) return value.map(visit)
    if (typeof value !== "object" || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, visit(item)]))
  }
  return visit(document)
}

const shapes = (text: string): fc.Arbitrary<unknown> =>
  fc.constantFrom<unknown>(
    text,
    [text],
    { key: text },
    `http://user:${text}@h/${text}`,
    `ftp://${text}`,
    `whsec_${text}`,
    "${LEAK}",
    "x${LEAK}${NOPE}",
    { contract: text, decimals: text },
    { native: text }
  )

describe("no error message holds a secret's value", () => {
  it("whatever value of the config a secret stands in for", () => {
    let refused = 0
    fc.assert(
      fc.property(
        secretText.chain((secret) => fc.tuple(fc.constant(secret), shapes(secret.text))),
        fc.nat(32),
        ([{ core, text }, value], target) => {
          const document = replaceNth(valid(), target, value)
          const decoded = decodeConfig(document, { ...env, LEAK: text }, providers)
          if (Result.isSuccess(decoded)) return
          refused += 1
          const lines = decoded.failure.join("\n")
          assert.notInclude(lines, core)
          assert.isAbove(lines.length, 0)
        }
      ),
      { numRuns: 2_000 }
    )
    assert.isAbove(refused, 1_000)
  })

  it("whatever it breaks in the file's syntax", () => {
    const places = [
      (text: string) => `tenants:\n  acme: ${text}\n`,
      (text: string) => `api:\n  tokens:\n    - { token: ${text}, name: "${text}"}, role: 1 }\n`,
      (text: string) => `{ "${text}: x": 1, "${text}: x": 2 }\n`,
      (text: string) => `tenants: { acme: ${text} }\n`,
      (text: string) => `tenants: [${text}\n`,
      (text: string) => `tenants: "${text}"\n`,
      (text: string) => `tenants: '${text}'\nchains: '${text}\n`,
      (text: string) => `tenants: |\n  ${text}\n${text}\n`
    ]
    fc.assert(
      fc.property(secretText, fc.constantFrom(...places), ({ core, text }, place) => {
        const parsed = parseConfig(place(text), "s.yaml", {}, providers)
        if (Result.isFailure(parsed)) assert.notInclude(parsed.failure.message, core)
      }),
      { numRuns: 2_000 }
    )
  })

  it("in a wrong DATABASE_URL", () => {
    fc.assert(
      fc.property(
        secretText,
        fc.constantFrom("mysql://u:", "", "postgres//u:"),
        ({ core, text }, start) => {
          const decoded = decodeSettings({ DATABASE_URL: `${start}${text}`, PORT: "x" })
          if (Result.isSuccess(decoded)) return assert.fail("accepted")
          assert.notInclude(decoded.failure.message, core)
        }
      )
    )
  })
})
