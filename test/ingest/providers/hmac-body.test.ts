/** Reading transfers from a body by the map of fields in the options, without a service. */
import { assert, describe, it } from "@effect/vitest"
import { Predicate, Result, Schema } from "effect"
import * as fc from "fast-check"
import type { ChainConfig } from "../../../src/config/chain-config.ts"
import { ChainName } from "../../../src/domain/chain.ts"
import type { TransferClaim } from "../../../src/domain/transfer.ts"
import type { FieldFault } from "../../../src/ingest/problem.ts"
import type { Announcement } from "../../../src/ingest/provider.ts"
import { hmacDecoder } from "../../../src/ingest/providers/hmac-body.ts"
import { HmacOptions } from "../../../src/ingest/providers/hmac-options.ts"
import { follow, parsePointer, pointerProblem } from "../../../src/ingest/providers/hmac-pointer.ts"
import { chainsByName, newEvmAddress, newEvmHash, usdcOf } from "./fixtures.ts"

const networks = new Map(
  ["ethereum", "solana", "starknet"].map((name) => [name, ChainName.make(name)])
)

const fields = {
  network: "/network",
  tx_hash: "/hash",
  token: "/token",
  amount: "/amount",
  amount_unit: "units",
  to_address: "/to"
}

const optionsOf = (change: object = {}, rest: object = {}) =>
  Schema.decodeUnknownSync(HmacOptions)({
    signature: { header: "x-signature", algorithm: "sha256", encoding: "hex" },
    fields: { ...fields, ...change },
    ...rest
  })

const decode = (
  options: HmacOptions,
  body: Schema.Json,
  id?: string,
  chains: ReadonlyMap<ChainName, ChainConfig> = chainsByName
) => hmacDecoder(options, networks, chains)(body, id)

const sample = (change: Schema.JsonObject = {}): Schema.JsonObject => ({
  network: "ethereum",
  hash: newEvmHash(),
  token: usdcOf.ethereum,
  amount: "1500000",
  to: newEvmAddress(),
  ...change
})

const told = (read: Result.Result<Announcement, ReadonlyArray<FieldFault>>): Announcement =>
  Result.getOrThrowWith(read, (faults) => new Error(JSON.stringify(faults)))

/** The first transfer's claim, or the reason for which it is ignored, or its faults. */
const outcome = (options: HmacOptions, body: Schema.Json): unknown => {
  const read = decode(options, body)
  if (Result.isFailure(read)) return read.failure
  const [transfer] = read.success.transfers
  return transfer?.claim ?? read.success.ignored[0]?.reason
}

/** This member of the claim, or what there is instead of a claim. */
const claimed = (member: keyof TransferClaim, options: HmacOptions, body: Schema.Json): unknown => {
  const made = outcome(options, body)
  return Predicate.hasProperty(made, member) ? made[member] : made
}

const amountOf = (unit: "units" | "tokens", amount: Schema.Json, token: string = usdcOf.ethereum) =>
  claimed("amount", optionsOf({ amount_unit: unit }), sample({ amount, token }))

describe("a JSON Pointer", () => {
  it("finds what RFC 6901 says that it finds", () => {
    const value = {
      foo: ["bar", "baz"],
      "": 0,
      "a/b": 1,
      "c%d": 2,
      "m~n": 8,
      "~1": 9,
      deep: { list: [{ x: null }] }
    }
    const cases: ReadonlyArray<readonly [string, Schema.Json | undefined]> = [
      ["", value],
      ["/foo", ["bar", "baz"]],
      ["/foo/0", "bar"],
      ["/", 0],
      ["/a~1b", 1],
      ["/c%d", 2],
      ["/m~0n", 8],
      ["/~01", 9],
      ["/deep/list/0/x", null],
      ["/foo/2", undefined],
      ["/foo/-", undefined],
      ["/foo/00", undefined],
      ["/foo/01", undefined],
      ["/foo/1e0", undefined],
      ["/foo/length", undefined],
      ["/foo/0/length", undefined],
      ["/constructor", undefined],
      ["/__proto__", undefined],
      ["/deep/toString", undefined],
      ["/missing/below", undefined]
    ]
    for (const [text, expected] of cases) {
      assert.isUndefined(pointerProblem(text))
      const found = follow(parsePointer(text).tokens, { keys: [], value })
      assert.deepStrictEqual(found.value, expected, text)
    }
  })

  it("never crashes, whatever it and the body are", () => {
    const token = fc.oneof(
      fc.string(),
      fc.constantFrom("0", "__proto__", "length", "~0", "~1", "a")
    )
    const pointer = fc.oneof(
      fc.string(),
      fc.array(token).map((tokens) => tokens.map((text) => `/${text}`).join("")),
      fc.array(token).map((tokens) => `.${tokens.map((text) => `/${text}`).join("")}`)
    )
    fc.assert(
      fc.property(pointer, fc.jsonValue(), (text, json) => {
        if (pointerProblem(text) !== undefined) return
        const value = Schema.decodeUnknownSync(Schema.Json)(json)
        const { tokens } = parsePointer(text)
        const found = follow(tokens, { keys: [], value })
        assert.strictEqual(found.keys.length, tokens.length)
      })
    )
  })
})

describe("the fields of a transfer", () => {
  it("are taken from the item with ./ and from the body with /", () => {
    const { hash, to, token } = sample()
    const options = optionsOf({
      items: "/list",
      tx_hash: "./hash",
      amount: "./v/0",
      token: "/token"
    })
    const body = {
      network: "ethereum",
      token: token ?? null,
      to: to ?? null,
      hash: "not this one",
      amount: "nor this",
      list: [
        { hash: hash ?? null, v: ["1"] },
        { hash: hash ?? null, v: ["2"] }
      ]
    }
    const { transfers } = told(decode(options, body))
    assert.deepStrictEqual(
      transfers.map(({ claim, path }) => [claim.tx_hash, claim.amount, claim.to_address, path]),
      [
        [hash, "0.000001", to, "list[0]"],
        [hash, "0.000002", to, "list[1]"]
      ]
    )
    assert.deepStrictEqual(transfers[1]?.payload, {
      item: { hash: hash ?? null, v: ["2"] },
      "/network": "ethereum",
      "/token": token ?? null,
      "/to": to ?? null
    })
  })

  it("may be a constant network or token, and the whole body or item", () => {
    const { hash, to } = sample()
    const constant = { network: { value: "ethereum" }, token: { value: "native" } }
    const options = optionsOf({
      ...constant,
      items: "",
      tx_hash: ".",
      to_address: "./0",
      amount: ""
    })
    assert.deepStrictEqual(outcome(options, [hash ?? null]), [
      { path: "", message: "must be a string" },
      { path: "[0].0", message: "is missing" }
    ])
    const whole = optionsOf({ ...constant, tx_hash: "" })
    assert.deepStrictEqual(outcome(whole, hash ?? null), [
      { path: "amount", message: "is missing" },
      { path: "to", message: "is missing" }
    ])
    const anyToken = sample({ to: to ?? null, token: 1, network: 2 })
    assert.strictEqual(claimed("token", optionsOf(constant), anyToken), "ETH")
    assert.strictEqual(claimed("chain", optionsOf(constant), anyToken), "ethereum")
  })

  it("name networks by a text or a number, and tell of those that surehook.yaml does not map", () => {
    const mainnet = new Map([["1", ChainName.make("ethereum")]])
    const read = hmacDecoder(optionsOf(), mainnet, chainsByName)(sample({ network: 1 }), undefined)
    assert.strictEqual(told(read).transfers[0]?.claim.chain, "ethereum")
    for (const network of ["mars", "__proto__", "", 1.5, null, { a: 1 }]) {
      const read = decode(optionsOf(), sample({ network }))
      assert.deepStrictEqual(Result.isFailure(read) && read.failure.map(({ path }) => path), [
        "network"
      ])
    }
  })

  it("say which token it is by its contract or the words for native, and never by a symbol", () => {
    const words = optionsOf({ token: { pointer: "/token", native: ["0xEeee", null] } })
    const cases: ReadonlyArray<readonly [HmacOptions, Schema.Json | undefined, string]> = [
      [optionsOf(), usdcOf.ethereum, "USDC"],
      [optionsOf(), usdcOf.ethereum.toUpperCase().replace("0X", "0x"), "USDC"],
      [optionsOf(), "native", "ETH"],
      [optionsOf(), "USDC", "token_unknown"],
      [optionsOf(), "ETH", "token_unknown"],
      [optionsOf(), usdcOf.polygon, "token_unknown"],
      [optionsOf(), "", "token_unknown"],
      [words, "0xEeee", "ETH"],
      [words, null, "ETH"],
      [words, undefined, "ETH"],
      [words, "native", "token_unknown"],
      [optionsOf({ token: { value: usdcOf.ethereum } }), "anything", "USDC"]
    ]
    for (const [options, token, expected] of cases) {
      const { token: _, ...rest } = sample()
      const body = token === undefined ? rest : { ...rest, token }
      assert.deepStrictEqual(claimed("token", options, body), expected)
    }
    assert.isArray(outcome(optionsOf(), sample({ token: null })))
  })

  it("have an index only where the chain's logs or events have one", () => {
    const options = optionsOf({ transfer_index: "/index" })
    const index = (value: Schema.Json, change: Schema.JsonObject = {}) =>
      claimed("transfer_index", options, sample({ index: value, ...change }))
    assert.deepStrictEqual(
      [7, "7", "0x1f", 0, null, ""].map((value) => index(value)),
      [7, 7, 31, 0, null, null]
    )
    assert.isNull(index(7, { token: "native" }))
    for (const wrong of [-1, 1.5, "1.5", "x", 2_147_483_648, true, [1]]) {
      assert.deepStrictEqual(index(wrong), [
        {
          path: "index",
          message:
            Array.isArray(wrong) || wrong === 1.5
              ? "must be a text or a whole number"
              : "must be a whole number from 0 to 2147483647"
        }
      ])
    }
  })

  it("tell who sent it, if the map says where", () => {
    const from = newEvmAddress()
    const options = optionsOf({ from_address: "/from" })
    const senders = [from.toUpperCase().replace("0X", "0x"), null, ""].map(
      (given) => told(decode(options, sample({ from: given }))).transfers[0]?.from_address
    )
    assert.deepStrictEqual(senders, [from, null, null])
    assert.isArray(outcome(options, sample({ from: "bob" })))
    assert.isNull(told(decode(optionsOf(), sample({ from }))).transfers[0]?.from_address)
  })

  it("report what became of it by the lists of its status", () => {
    const status = { pointer: "/s", confirmed: [2, "ok"], removed: ["gone"], dropped: [false] }
    const options = optionsOf({ status: { ...status, failed: ["bad"] } })
    const reports = ["ok", 2, "2", "gone", false, "anything"].map(
      (s) => told(decode(options, sample({ s }))).transfers[0]?.report
    )
    assert.deepStrictEqual(reports, [
      "confirmed",
      "confirmed",
      "confirmed",
      "removed",
      "dropped",
      "seen"
    ])
    // What failed need not have the rest.
    assert.strictEqual(outcome(options, { s: "bad" }), "failed_transaction")
    assert.isArray(outcome(options, sample()))
  })

  it("are all named at once if they are wrong, and no more than a hundred", () => {
    const wrong = { network: "ethereum", hash: 1, token: 2, amount: 3.5, to: "bob" }
    assert.deepStrictEqual(outcome(optionsOf(), wrong), [
      { path: "token", message: "must be a string" },
      { path: "hash", message: "must be a string" },
      { path: "to", message: "must be 0x and 40 hex digits" }
    ])
    const options = optionsOf({ items: "", tx_hash: "./hash", network: { value: "ethereum" } })
    const faults = decode(options, Array<number>(1_000).fill(1))
    assert.strictEqual(Result.isFailure(faults) ? faults.failure.length : 0, 100)
    const tooMany = decode(options, Array<number>(1_001).fill(1))
    assert.deepStrictEqual(Result.isFailure(tooMany) && tooMany.failure, [
      { path: "", message: "holds 1001 items, and 1000 are allowed: send them in several calls" }
    ])
  })
})

describe("an amount", () => {
  it("in units is exact: digits, hex digits, or a number that lost none", () => {
    for (const [amount, expected] of [
      ["1500000", "1.5"],
      ["0001", "0.000001"],
      ["0x16e360", "1.5"],
      [1_500_000, "1.5"],
      [9_007_199_254_740_991, "9007199254.740991"],
      ["999999999999999999999999", "999999999999999999.999999"]
    ] as const) {
      assert.strictEqual(amountOf("units", amount), expected)
    }
    assert.strictEqual(amountOf("units", "1", "native"), "0.000000000000000001")
    for (const zero of ["0", "000", "0x0", 0])
      assert.strictEqual(amountOf("units", zero), "zero_amount")
  })

  it("in units that could be wrong is refused, and the refusal says why", () => {
    const unsafe = /is a JSON number above 2\^53, which loses digits when it is read/
    const rule = /must be a whole number of the token's smallest unit/
    const tooLarge = /does not fit/
    for (const [amount, message] of [
      [9_007_199_254_740_992, unsafe],
      [1e30, unsafe],
      [1.5, rule],
      [-1, rule],
      ["-1", rule],
      ["1.5", rule],
      ["1e6", rule],
      ["", rule],
      [" 1", rule],
      ["0x", rule],
      ["1".repeat(79), rule],
      [`0x${"f".repeat(65)}`, rule],
      ["1".repeat(78), tooLarge],
      [null, /must be a string/],
      [true, /must be a string/]
    ] as const) {
      const faults = amountOf("units", amount)
      assert.isTrue(Array.isArray(faults), `${amount}`)
      assert.match(JSON.stringify(faults), message)
    }
  })

  it("in tokens is a decimal string, and never a number", () => {
    assert.strictEqual(amountOf("tokens", "01.50"), "1.5")
    for (const zero of ["0", "0.000"]) assert.strictEqual(amountOf("tokens", zero), "zero_amount")
    for (const wrong of [1.5, 1, "-1", "1e3", "1,5", "", ".", null, `0.${"0".repeat(18)}1`]) {
      assert.isArray(amountOf("tokens", wrong), `${wrong}`)
    }
  })
})

describe("a message", () => {
  it("has the id of its header or its body, if that is of a length to remember", () => {
    const byHeader = optionsOf({}, { message_id: { header: "x-id" }, signature: signedId })
    const byBody = optionsOf({}, { message_id: { pointer: "/id" } })
    const ids = [
      decode(byHeader, sample(), "a"),
      decode(byHeader, sample(), "a".repeat(257)),
      decode(byBody, sample({ id: "b" }), undefined),
      decode(byBody, sample({ id: 7 })),
      decode(byBody, sample({ id: "b".repeat(257) })),
      decode(optionsOf(), sample({ id: "b" }))
    ].map((read) => told(read).message_id)
    assert.deepStrictEqual(ids, ["a", null, "b", "7", null, null])
    assert.isArray(outcome(byBody, sample()))
  })

  it("never crashes the decoder, whatever its body is", () => {
    const key = fc.constantFrom("network", "hash", "token", "amount", "to", "list", "s", "index")
    const value = fc.oneof(
      fc.constantFrom("ethereum", "solana", "starknet", "native", usdcOf.ethereum, "0x1", "1.5"),
      fc.jsonValue(),
      fc.double(),
      fc.bigInt().map(String)
    )
    const object = fc.dictionary(key, value)
    const options = [
      optionsOf({ status: { pointer: "/s", failed: ["no"] }, transfer_index: "/index" }),
      optionsOf({ items: "/list", tx_hash: "./hash", amount: "./amount", amount_unit: "tokens" }),
      optionsOf({ items: "", tx_hash: ".", from_address: "./to" })
    ]
    fc.assert(
      fc.property(
        fc.constantFrom(...options),
        fc.oneof(object, fc.jsonValue(), fc.record({ list: fc.array(object) }), fc.array(object)),
        (one, json) => {
          const body: unknown = JSON.parse(JSON.stringify(json))
          const read = decode(one, Schema.decodeUnknownSync(Schema.Json)(body))
          if (Result.isFailure(read)) assert.isAbove(read.failure.length, 0)
        }
      ),
      { numRuns: 500 }
    )
  })
})

const signedId = {
  header: "x-signature",
  algorithm: "sha256",
  encoding: "hex",
  signed: "{id}.{body}"
}
