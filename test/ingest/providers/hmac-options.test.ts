/** What surehook.yaml may say of a source of the provider hmac, and what it is told if it is wrong. */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { ConfigReader } from "../../../src/config/config-reader.ts"
import { decodeConfig } from "../../../src/config/decode-config.ts"
import { parseYaml } from "../../../src/config/yaml-text.ts"
import { HmacOptions } from "../../../src/ingest/providers/hmac-options.ts"
import { providers } from "../../../src/ingest/registry.ts"

const signature = { header: "x-signature", algorithm: "sha256", encoding: "hex" }
const fields = {
  network: { value: "mainnet" },
  tx_hash: "/hash",
  token: "/contract",
  amount: "/amount",
  amount_unit: "units",
  to_address: "/to"
}

interface Change {
  readonly signature?: object
  readonly fields?: object
  readonly rest?: object
}

/** Each fault as surehook.yaml's reader words it, under its path. */
const faultsOf = (change: Change): ReadonlyArray<string> => {
  const options = {
    signature: { ...signature, ...change.signature },
    fields: { ...fields, ...change.fields },
    ...change.rest
  }
  const reader = new ConfigReader()
  reader.fields(HmacOptions, [], options, Object.keys(HmacOptions.fields))
  return reader.problems.map(({ message, path }) => `${path.join(".")}: ${message}`)
}

const evmChain = {
  kind: "evm",
  chain_id: 1,
  rpc: [{ url: "http://127.0.0.1:9" }],
  confirmations: 1,
  tokens: { ETH: "native" }
}

const signed = (template: string) => ({ signed: template })
const timestamp = { header: "x-time", format: "seconds" }

describe("a secret of a source of the provider hmac", () => {
  it("must be what secret_encoding says that it is", () => {
    const rules = providers.get("hmac") ?? assert.fail("there is no provider hmac")
    const secretOf = (text: string, secret_encoding: string) =>
      rules.secret(text, {
        environment: "a",
        signature: { ...signature, secret_encoding },
        fields
      })
    for (const [text, encoding] of [
      ["any words, of 16 characters", "utf8"],
      ["ab".repeat(16), "hex"],
      ["ab".repeat(16), "base64"]
    ] as const) {
      assert.deepStrictEqual(secretOf(text, encoding), Result.succeed(text))
    }
    for (const [text, encoding] of [
      ["any words, of 16 characters", "hex"],
      ["any words, of 16 characters", "base64"],
      ["short", "utf8"]
    ] as const) {
      const refused = secretOf(text, encoding)
      if (Result.isSuccess(refused)) return assert.fail(`${text} is taken for ${encoding}`)
      assert.notInclude(refused.failure, text)
    }
  })
})

describe("the options of a source of the provider hmac", () => {
  it("may say little or much", () => {
    for (const change of [
      {},
      { signature: { prefix: "v1=", separator: ",", secret_encoding: "hex" } },
      { signature: signed("{header:X-Nonce}{body}") },
      { signature: signed("{timestamp}.{body}"), rest: { timestamp } },
      { signature: signed("{header:X-TIME}.{body}"), rest: { timestamp } },
      { signature: signed("{id}{body}"), rest: { message_id: { header: "x-id" } } },
      { rest: { message_id: { pointer: "/id" } } },
      { rest: { event: { pointer: "/type", deposits: ["a", 1, true], test: ["ping"] } } },
      { fields: { items: "", tx_hash: "./hash", amount: "." } },
      { fields: { token: { pointer: "/c", native: [null, "", "0x0"] }, network: "/net~1work" } },
      { fields: { token: { value: "native" }, from_address: "/from", transfer_index: "/i" } },
      { fields: { status: { pointer: "/s", confirmed: [1], failed: ["no"] } } }
    ]) {
      assert.deepStrictEqual(faultsOf(change), [], JSON.stringify(change))
    }
  })

  it("are told of each mistake where it stands, and how to mend it", () => {
    const cases: ReadonlyArray<readonly [Change, ...ReadonlyArray<string>]> = [
      [
        { signature: { prefx: "sha256=" } },
        "signature.prefx: unknown key; there are header, algorithm, encoding, prefix, separator, signed, secret_encoding"
      ],
      [{ signature: { header: "x signature" } }, "signature.header: must be the name of a header"],
      [{ signature: { header: undefined } }, "signature.header: must be the name of a header"],
      [
        { signature: { algorithm: "md5" } },
        "signature.algorithm: must be one of sha256, sha512, sha1"
      ],
      [{ signature: { encoding: "utf8" } }, "signature.encoding: must be one of hex, base64"],
      [{ signature: { prefix: "" } }, "signature.prefix: must have 1 to 256 characters"],
      [{ signature: { separator: ", " } }, "signature.separator: must be one character"],
      [{ signature: signed("{timestamp}") }, "signature.signed: must have {body} exactly once"],
      [{ signature: signed("{body}{body}") }, "signature.signed: must have {body} exactly once"],
      [{ signature: signed("{time}{body}") }, "signature.signed: has a { or } that is not"],
      [{ signature: signed("{header:a b}{body}") }, "signature.signed: has a { or } that is not"],
      [{ signature: signed("{{body}") }, "signature.signed: has a { or } that is not"],
      [{ signature: signed("{timestamp}.{body}") }, "timestamp: is missing: {timestamp} is signed"],
      [{ signature: signed("{id}.{body}") }, "message_id: must be { header: … }: {id} is signed"],
      [
        { signature: signed("{id}.{body}"), rest: { message_id: { pointer: "/id" } } },
        "message_id: must be { header: … }: {id} is signed"
      ],
      [{ rest: { timestamp } }, "timestamp: is not signed, so that who replays a call"],
      [{ rest: { message_id: { header: "x-id" } } }, "message_id: is not signed, so that who"],
      [{ rest: { message_id: {} } }, "message_id: must have either header or pointer"],
      [
        { rest: { message_id: { header: "a", pointer: "/a" } } },
        "message_id: must have either header or pointer"
      ],
      [{ rest: { message_id: { pointer: "./id" } } }, "message_id.pointer: must start with /"],
      [
        { rest: { timestamp: { ...timestamp, format: "unix" } } },
        "timestamp.format: must be one of seconds, milliseconds, iso8601"
      ],
      ...["5", "0s", "2h", "61m", "3601s", "5 m", "-5m", "1.5h"].map(
        (tolerance): readonly [Change, string] => [
          { rest: { timestamp: { ...timestamp, tolerance } } },
          "timestamp.tolerance: must be a duration from 1s to 1h"
        ]
      ),
      [
        { rest: { event: { pointer: "/type", deposits: [] } } },
        "event.deposits: must be a list of 1 to 100 values"
      ],
      [{ rest: { event: { pointer: "/type" } } }, "event.deposits: is missing"],
      [{ fields: { tx_hash: "hash" } }, "fields.tx_hash: must be a JSON Pointer"],
      [{ fields: { tx_hash: "$.hash" } }, "fields.tx_hash: must be a JSON Pointer"],
      [{ fields: { tx_hash: "/a~2" } }, "fields.tx_hash: has a ~ that is not ~0"],
      [{ fields: { tx_hash: "/a~" } }, "fields.tx_hash: has a ~ that is not ~0"],
      [{ fields: { tx_hash: `/${"a".repeat(256)}` } }, "fields.tx_hash: must have at most 256"],
      [{ fields: { tx_hash: ["hash"] } }, "fields.tx_hash: must be a JSON Pointer"],
      [
        { fields: { network: 1 } },
        "fields.network: must be a JSON Pointer, such as /network, or {"
      ],
      [{ fields: { network: { vlue: "x" } } }, "fields.network.vlue: unknown key; there are value"],
      [
        { fields: { token: { pointer: "/a", value: "0x" } } },
        "fields.token: must have either pointer (and native beside it) or value"
      ],
      [{ fields: { token: {} } }, "fields.token: must have either pointer"],
      [
        { fields: { token: { value: "a", native: [""] } } },
        "fields.token: must have either pointer"
      ],
      [{ fields: { token: { pointer: "/a", native: [0] } } }, "fields.token.native.0: "],
      [{ fields: { amount_unit: "wei" } }, "fields.amount_unit: must be one of units, tokens"],
      [
        { fields: { tx_hash: "./hash", status: { pointer: "./s", failed: ["x"] } } },
        "fields.tx_hash: starts with a point",
        "fields.status.pointer: starts with a point"
      ],
      [{ fields: { items: "/list" } }, "fields.items: no field is taken from the list's items"],
      [{ fields: { items: "./list", tx_hash: "./hash" } }, "fields.items: must start with /"],
      [
        { fields: { status: { pointer: "/s" } } },
        "fields.status: must have at least one of confirmed, removed, dropped, failed"
      ],
      [
        { fields: { status: { pointer: "/s", confirmed: [1], failed: ["1"] } } },
        "fields.status: has one value in two places"
      ],
      [{ fields: { amonut: "/a" } }, "fields.amonut: unknown key; there are items, network,"]
    ]
    for (const [change, ...expected] of cases) {
      const faults = faultsOf(change)
      assert.strictEqual(faults.length, expected.length, faults.join("\n"))
      faults.forEach((fault, index) => {
        assert.isTrue(fault.startsWith(expected[index] ?? "\0"), `${fault} / ${expected[index]}`)
      })
    }
  })

  it("are taken as hmac.ts explains them", () => {
    const file = new URL("../../../src/ingest/providers/hmac.ts", import.meta.url)
    const lines = readFileSync(file, "utf8").matchAll(/^ \* {5}( *\S.*)$/gm)
    const example = Result.getOrThrow(parseYaml([...lines].map(([, line]) => line).join("\n")))
    const chains = { ethereum: evmChain }
    const decoded = decodeConfig(
      { tenants: { acme: example }, chains },
      { ACME_PAY_SECRET: "a secret of sixteen characters" },
      providers
    )
    assert.deepStrictEqual(Result.isFailure(decoded) && decoded.failure, false)
  })

  it("that are missing altogether are named", () => {
    const reader = new ConfigReader()
    reader.fields(HmacOptions, ["sources"], {}, Object.keys(HmacOptions.fields))
    assert.deepStrictEqual(
      reader.problems.map(({ message, path }) => `${path.join(".")}: ${message}`),
      ["sources.signature: is missing", "sources.fields: is missing"]
    )
  })
})
