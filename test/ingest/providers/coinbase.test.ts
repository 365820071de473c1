/** Coinbase CDP, in the shapes that its documentation shows. */
import { createHmac, randomUUID } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Redacted, Result, type Schema } from "effect"
import { ChainName } from "../../../src/domain/chain.ts"
import { coinbase as provider } from "../../../src/ingest/providers/coinbase.ts"
import { coinbaseBody } from "../../../src/ingest/providers/coinbase-body.ts"
import { coinbaseVerifier } from "../../../src/ingest/providers/coinbase-signature.ts"
import { type ProviderCase, providerConformance } from "./conformance.ts"
import { chainsByName, newEvmAddress, newEvmHash, usdcOf } from "./fixtures.ts"

type Fields = Readonly<Record<string, Schema.Json>>
type Headers = Readonly<Record<string, string>>

const to = newEvmAddress()
const from = newEvmAddress()
const hash = newEvmHash()
const transferred: Fields = { from, to, value: "1500000" }

/** `onchain.activity.detected`, as it is documented now. */
const flat = (fields: Fields = {}): Fields => ({
  block_number: 46_218_191,
  contract_address: usdcOf.base,
  event_name: "Transfer",
  event_signature: "Transfer(address,address,uint256)",
  log_index: 29,
  network: "base-mainnet",
  parameters: transferred,
  timestamp: "2026-05-19T21:22:10Z",
  transaction_from: from,
  transaction_hash: hash,
  transaction_to: usdcOf.base,
  ...fields
})

const data = (fields: Fields = {}): Fields => ({
  network: "base-mainnet",
  blockNumber: "12345678",
  blockTimestamp: "2026-06-01T11:59:55Z",
  transactionHash: hash,
  logIndex: "29",
  contractAddress: usdcOf.base,
  eventName: "Transfer",
  ...transferred,
  ...fields
})

/** `wallet.activity.detected` and `wallet.activity.multi`. */
const envelope = (of: Schema.Json, fields: Fields = {}): Fields => ({
  eventId: "123e4567-e89b-12d3-a456-426614174000",
  timestamp: "2026-06-01T12:00:00Z",
  eventType: "wallet.activity.multi",
  data: of,
  ...fields
})

/** The header as an implementation of its own makes it, from the parts that are signed. */
const signature = (
  secret: string,
  at: number | string,
  names: string,
  values: ReadonlyArray<string>,
  body: Buffer
) => {
  const hmac = createHmac("sha256", secret)
  hmac.update(Buffer.concat([Buffer.from(`${[`${at}`, names, ...values].join(".")}.`), body]))
  return hmac.digest("hex")
}

const signed = (
  secret: string,
  at: number,
  body: Buffer,
  type = "onchain.activity.detected"
): Headers => {
  const headers = { "x-event-id": randomUUID(), "x-event-type": type }
  const names = "content-type x-event-id x-event-type"
  const values = ["application/json", headers["x-event-id"], type]
  const v0 = createHmac("sha256", secret).update(`${at}.${body.toString()}`).digest("hex")
  const v1 = signature(secret, at, names, values, body)
  return { ...headers, "x-hook0-signature": `t=${at},v0=${v0},h=${names},v1=${v1}` }
}

const coinbase: ProviderCase = {
  provider: "coinbase",
  secrets: ["a1b2c3d4-e5f6-7890-abcd-ef1234567890", "b1b2c3d4-e5f6-7890-abcd-ef1234567890"],
  wrongSecret: "c1b2c3d4-e5f6-7890-abcd-ef1234567890",
  networks: { "base-mainnet": "base", "solana-mainnet": "solana" },
  toleranceSeconds: 300,
  signsBody: true,
  sign: (body, { at, secret }) => signed(secret, at, body),
  sample: () => {
    const tx_hash = newEvmHash()
    const to_address = newEvmAddress()
    return {
      body: flat({
        transaction_hash: tx_hash,
        contract_address: "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913",
        parameters: { ...transferred, to: to_address }
      }),
      transfers: [
        { chain: "base", tx_hash, token: "USDC", amount: "1.5", to_address, transfer_index: 29 }
      ]
    }
  },
  required: [
    "network",
    "transaction_hash",
    "contract_address",
    "event_name",
    "parameters.from",
    "parameters.to",
    "parameters.value"
  ]
}

providerConformance(coinbase)

const networks = new Map(
  Object.entries(coinbase.networks ?? {}).map(([name, chain]) => [name, ChainName.make(chain)])
)
const decode = (body: Schema.Json, headers: Headers = {}) =>
  coinbaseBody(networks, chainsByName)(body, { headers, body: new Uint8Array(), receivedAt: 0 })

const announced = (body: Schema.Json, headers: Headers = {}) =>
  Result.getOrThrow(decode(body, headers))
const faultPaths = (body: Schema.Json, headers: Headers = {}) => {
  const result = decode(body, headers)
  assert(Result.isFailure(result), "the body should be refused")
  return result.failure.map(({ path }) => path)
}
const oneTransfer = (body: Schema.Json, headers: Headers = {}) => {
  const { ignored, transfers } = announced(body, headers)
  assert.deepStrictEqual(ignored, [])
  assert.strictEqual(transfers.length, 1)
  const [transfer] = transfers
  assert(transfer !== undefined)
  return transfer
}
const oneIgnored = (body: Schema.Json, headers: Headers = {}) => {
  const { ignored, transfers } = announced(body, headers)
  assert.deepStrictEqual(transfers, [])
  assert.strictEqual(ignored.length, 1)
  return [ignored[0]?.path, ignored[0]?.reason]
}

describe("Coinbase's events", () => {
  it("make the same claim in each documented shape", () => {
    const { claim, from_address, path, payload, report } = oneTransfer(flat())
    assert.deepStrictEqual(claim, {
      chain: ChainName.make("base"),
      tx_hash: hash,
      token: claim.token,
      amount: claim.amount,
      to_address: to,
      transfer_index: 29
    })
    assert.deepStrictEqual([claim.token, claim.amount], ["USDC", "1.5"])
    assert.deepStrictEqual([from_address, path, report], [from, "", "seen"])
    assert.deepStrictEqual(payload, flat())

    const { network, ...older } = data({ logIndex: 29 })
    const { from: _, to: __, value: ___, ...bare } = data()
    for (const body of [
      envelope(data()),
      envelope(data({ logIndex: 29 })),
      envelope({ ...bare, parameters: transferred }),
      envelope(data(), { eventType: "wallet.activity.detected" }),
      {
        id: "evt_1",
        type: "onchain.activity.detected",
        createdAt: "2025-10-08T13:58:38Z",
        data: { ...older, networkId: network ?? null }
      }
    ]) {
      assert.deepStrictEqual(oneTransfer(body).claim, claim)
    }
  })

  it("give their parameters the names that the contract has", () => {
    for (const parameters of [
      { src: from, dst: to, wad: "1500000" },
      { _from: from, _to: to, _value: "1500000" },
      { sender: from, recipient: to, amount: "1500000" }
    ]) {
      const { claim, from_address } = oneTransfer(flat({ parameters }))
      assert.deepStrictEqual([claim.to_address, claim.amount], [to, "1.5"])
      assert.strictEqual(from_address, from)
    }
  })

  it("are left out if they move no known token, by the contract and not by the name", () => {
    const named = { ...transferred, symbol: "USDC" }
    const spoofed = flat({ contract_address: newEvmAddress(), parameters: named })
    assert.deepStrictEqual(oneIgnored(spoofed), ["", "token_unknown"])
    const zero = envelope(data({ value: "0" }))
    assert.deepStrictEqual(oneIgnored(zero), ["data", "zero_amount"])
    const parameters = { from, to, tokenId: "7" }
    const nft = flat({ contract_address: newEvmAddress(), parameters })
    assert.deepStrictEqual(oneIgnored(nft), ["", "nft"])
    const known = flat({ parameters: { ...transferred, tokenId: "7" } })
    assert.strictEqual(oneTransfer(known).claim.amount, "1.5")
  })

  it("are left out if they are no transfers", () => {
    for (const [name, reason] of [
      ["Approval", "approval"],
      ["ApprovalForAll", "approval"],
      ["TransferSingle", "nft"],
      ["TransferBatch", "nft"],
      ["Swap", "not_a_transfer"],
      ["constructor", "not_a_transfer"]
    ] as const) {
      assert.deepStrictEqual(oneIgnored(flat({ event_name: name })), ["", reason])
      assert.deepStrictEqual(oneIgnored(envelope(data({ eventName: name }))), ["data", reason])
    }
  })

  it("of other types are acknowledged by the type that the signature covers, and by no other", () => {
    const confirmed = { transaction_hash: hash, address: to, network: "base" }
    const type = "wallet.transaction.confirmed"
    const covered = signed(coinbase.secrets[0], 0, Buffer.from(""), type)
    assert.deepStrictEqual(oneIgnored(confirmed, covered), ["", "not_a_transfer"])
    assert.deepStrictEqual(faultPaths(confirmed, { "x-event-type": type }), ["event_name"])
    const order = { eventType: "onramp.transaction.success", data: { orderId: "1" } }
    assert.deepStrictEqual(oneIgnored(order), ["", "not_a_transfer"])
    // The type in the body is what the sender means, should they differ.
    assert.strictEqual(oneTransfer(envelope(data()), covered).claim.to_address, to)
  })

  it("are refused with the path of each field that is wrong", () => {
    const cases: ReadonlyArray<readonly [paths: ReadonlyArray<string>, body: Schema.Json]> = [
      [["network"], flat({ network: "base-sepolia" })],
      [["network"], flat({ network: "solana-mainnet" })],
      [["data.network"], envelope(data({ network: "constructor" }))],
      [["transaction_hash"], flat({ transaction_hash: "0x1" })],
      [["contract_address"], flat({ contract_address: "USDC" })],
      [["log_index"], flat({ log_index: 1.5 })],
      [["log_index"], flat({ log_index: -1 })],
      [["log_index"], flat({ log_index: 2_147_483_648 })],
      [["data.logIndex"], envelope(data({ logIndex: "0x1d" }))],
      [["parameters.value"], flat({ parameters: { ...transferred, value: 1_500_000 } })],
      [["parameters.value"], flat({ parameters: { ...transferred, value: "1.5" } })],
      [["parameters.value"], flat({ parameters: { ...transferred, value: "9".repeat(78) } })],
      [["parameters.dst"], flat({ parameters: { src: from, dst: "bob", wad: "1" } })],
      [["parameters"], flat({ parameters: "from, to, value" })],
      [["parameters.from", "parameters.to", "parameters.value"], flat({ parameters: {} })],
      [["data.from", "data.to"], envelope(data({ from: "alice", to: "bob" }))],
      [["data"], envelope("0x")],
      [["data.eventName"], { eventType: "wallet.activity.multi" }],
      [["eventType"], envelope(data(), { eventType: 7 })],
      [["event_name"], {}],
      [[""], []]
    ]
    for (const [paths, body] of cases) assert.sameMembers([...faultPaths(body)], [...paths])
  })

  it("are taken without a log index, which is null then", () => {
    const { log_index: _, ...without } = flat()
    assert.isNull(oneTransfer(without).claim.transfer_index)
    assert.isNull(oneTransfer(envelope(data({ logIndex: null }))).claim.transfer_index)
  })

  it("are remembered by their id in the body, or by that of a header that is signed", () => {
    const id = "123e4567-e89b-12d3-a456-426614174000"
    const headers = signed(coinbase.secrets[0], 0, Buffer.from(""))
    assert.strictEqual(announced(envelope(data()), headers).message_id, id)
    assert.strictEqual(announced(flat(), headers).message_id, headers["x-event-id"])
    const older = {
      "x-hook0-id": "evt_1",
      "x-hook0-signature": `t=1,h=x-hook0-id,v1=${"0".repeat(64)}`
    }
    assert.strictEqual(announced(flat(), older).message_id, "evt_1")
    assert.isNull(announced(flat(), { "x-event-id": "unsigned" }).message_id)
    assert.isNull(announced(flat(), { ...older, "x-event-id": "2", "x-hook0-id": "" }).message_id)
    const long = envelope(data(), { eventId: "x".repeat(257) })
    assert.isNull(announced(long).message_id)
  })
})

describe("Coinbase's signature", () => {
  it("is keyed with the subscription's secret as it is, which is too long to be guessed", () => {
    const [text] = coinbase.secrets
    assert.deepStrictEqual(provider.secret(text, {}), Result.succeed(text))
    assert.isTrue(Result.isFailure(provider.secret("x".repeat(15), {})))
  })

  const [secret] = coinbase.secrets
  const verify = coinbaseVerifier(coinbase.secrets.map((text) => Redacted.make(text)))
  const body = Buffer.from('{"network":"base-mainnet"}')
  const at = 1_780_000_000

  /** The refusal's code and detail, or undefined if the call is taken. */
  const refusal = (headers: Readonly<Record<string, string | undefined>>) =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(verify({ headers, body, receivedAt: at * 1000 }))
      if (Exit.isSuccess(exit)) return undefined
      const problem = yield* Effect.flip(exit)
      return `${problem.code}: ${problem.detail}`
    })
  const headerOf = (names: string, values: ReadonlyArray<string>, t: number | string = at) =>
    `t=${t},h=${names},v1=${signature(secret, t, names, values, body)}`

  it.effect("takes its parts in any order, with others beside them", () =>
    Effect.gen(function* () {
      const v1 = signature(secret, at, "x-b x-a", ["2", "1"], body)
      for (const header of [
        `t=${at},h=x-b x-a,v1=${v1}`,
        `v1=${v1}, h=x-b x-a, t=${at}`,
        `v2=new,v0=${"0".repeat(64)},t=${at},h=x-b x-a,v1=${v1.toUpperCase()},`
      ]) {
        const headers = { "x-a": "1", "x-b": "2", "x-hook0-signature": header }
        assert.isUndefined(yield* refusal(headers), header)
      }
    })
  )

  it.effect("takes names of headers in any case, signed as they stand there", () =>
    Effect.gen(function* () {
      const header = headerOf("X-Event-Id", ["1"])
      assert.isUndefined(yield* refusal({ "x-event-id": "1", "x-hook0-signature": header }))
    })
  )

  it.effect("covers the bytes of a header that is no ASCII", () =>
    Effect.gen(function* () {
      // A server gives each byte of a header as one character.
      const value = Buffer.from("ü").toString("latin1")
      const header = headerOf("x-a", ["ü"])
      assert.isUndefined(yield* refusal({ "x-a": value, "x-hook0-signature": header }))
    })
  )

  it.effect("does not fit if a covered header, its order, the time or the names were changed", () =>
    Effect.gen(function* () {
      const header = headerOf("x-a x-b", ["1", "2"])
      const headers = { "x-a": "1", "x-b": "2", "x-hook0-signature": header }
      assert.isUndefined(yield* refusal(headers))
      for (const changed of [
        { ...headers, "x-a": "2" },
        { ...headers, "x-a": "2", "x-b": "1" },
        { ...headers, "x-hook0-signature": header.replace("x-a x-b", "x-b x-a") },
        { ...headers, "x-hook0-signature": header.replace("h=x-a x-b", "h=x-a") },
        { ...headers, "x-hook0-signature": header.replace(`t=${at}`, `t=${at + 1}`) }
      ]) {
        assert.match((yield* refusal(changed)) ?? "", /^signature_invalid: .* does not fit/)
      }
    })
  )

  it.effect("is not replaced by a v0, which leaves the headers unproved", () =>
    Effect.gen(function* () {
      const v0 = createHmac("sha256", secret).update(`${at}.${body}`).digest("hex")
      for (const header of [`t=${at},v0=${v0}`, `t=${at},v0=${v0},h=x-event-id`]) {
        const found = yield* refusal({ "x-event-id": "1", "x-hook0-signature": header })
        assert.match(found ?? "", /v0 alone does not prove the headers/)
      }
      const wrong = `t=${at},v0=${v0},h=x-a,v1=${"0".repeat(64)}`
      assert.match(
        (yield* refusal({ "x-a": "1", "x-hook0-signature": wrong })) ?? "",
        /does not fit/
      )
    })
  )

  it.effect("is refused, and not guessed at, if it can be read in two ways or not at all", () =>
    Effect.gen(function* () {
      const good = headerOf("x-a", ["1"])
      const zeros = "0".repeat(64)
      const cases: ReadonlyArray<readonly [RegExp, string | undefined]> = [
        [/missing x-hook0-signature/, undefined],
        [/must look like/, ""],
        [/more than one v1/, `${good},v1=${zeros}`],
        [/more than one v1/, `v1=${zeros},${good}`],
        [/more than one t/, `${good},t=${at}`],
        [/more than one h/, `${good}, ${good.replace(/t=\d+,/, "")}`],
        [/64 hex digits/, `t=${at},h=x-a,v1=abc`],
        [/names of headers/, `t=${at},h=,v1=${zeros}`],
        [/names of headers/, `t=${at},h=x-a  x-b,v1=${zeros}`],
        [/names of headers/, `t=${at},h=${"x".repeat(65)},v1=${zeros}`],
        [/a header twice/, `t=${at},h=x-a X-A,v1=${zeros}`],
        [/more than 16 headers/, `t=${at},h=${"x ".repeat(17).trim()},v1=${zeros}`],
        [/longer than 2048/, `${good},${"x".repeat(2048)}`],
        [/missing x-b, which the signature covers/, headerOf("x-a x-b", ["1", ""])],
        [/missing constructor/, headerOf("constructor", [`${Object}`])],
        [/missing __proto__/, headerOf("__proto__", [""])]
      ]
      for (const [detail, header] of cases) {
        const found = (yield* refusal({ "x-a": "1", "x-hook0-signature": header })) ?? ""
        assert.match(found, detail)
        assert.match(found, /^signature_invalid/)
      }
    })
  )

  it.effect("is refused with a time that is no number of seconds", () =>
    Effect.gen(function* () {
      for (const t of ["", "now", "-1", "1e9", `${at}.5`, `${at}000`, " "]) {
        const header = headerOf("x-a", ["1"], t)
        const found = yield* refusal({ "x-a": "1", "x-hook0-signature": header })
        assert.match(found ?? "", /^timestamp_invalid: .*whole number/, t)
      }
    })
  )

  it.effect("is taken up to five minutes away, and not a second longer", () =>
    Effect.gen(function* () {
      const ageOf = (age: number) =>
        refusal({ "x-a": "1", "x-hook0-signature": headerOf("x-a", ["1"], at - age) })
      for (const age of [0, 300, -300]) assert.isUndefined(yield* ageOf(age))
      assert.match((yield* ageOf(301)) ?? "", /^timestamp_invalid: .*301 s in the past/)
      assert.match((yield* ageOf(-301)) ?? "", /^timestamp_invalid: .*301 s in the future/)
    })
  )
})
