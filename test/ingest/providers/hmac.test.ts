/**
 * Two providers that no code knows, each described by options alone: one that sends lists and signs
 * id, time and body, and one that sends single transfers and signs the body.
 */
import { createHmac, randomUUID } from "node:crypto"
import { assert, layer } from "@effect/vitest"
import { Effect, type Schema } from "effect"
import {
  answerOf,
  jobsOf,
  type ProviderCase,
  post,
  problemOf,
  providerConformance,
  serviceOf
} from "./conformance.ts"
import { newEvmAddress, newEvmHash, newSignature, newSolanaAddress, usdcOf } from "./fixtures.ts"

const listing: ProviderCase = {
  provider: "hmac",
  secrets: ["the first secret of acme", "the second secret of acme"],
  wrongSecret: "a secret of somebody else",
  toleranceSeconds: 120,
  signsBody: true,
  networks: { mainnet: "ethereum", "137": "polygon" },
  options: {
    signature: {
      header: "X-Acme-Signature",
      algorithm: "sha256",
      encoding: "hex",
      prefix: "sha256=",
      signed: "{id}.{timestamp}.{body}"
    },
    timestamp: { header: "X-Acme-Time", format: "milliseconds", tolerance: "2m" },
    message_id: { header: "X-Acme-Id" },
    event: { pointer: "/type", deposits: ["deposit"], test: ["ping"] },
    fields: {
      items: "/data/transfers",
      network: "/data/network",
      tx_hash: "./hash",
      token: { pointer: "./contract", native: [null, ""] },
      amount: "./amount",
      amount_unit: "units",
      to_address: "./to",
      from_address: "./from",
      transfer_index: "./log_index",
      status: { pointer: "./status", confirmed: ["final"], removed: ["orphaned"], failed: ["bad"] }
    }
  },
  sign: (body, { at, secret }) => {
    const id = randomUUID()
    const time = `${at * 1000 + 17}`
    const hmac = createHmac("sha256", secret)
    const hex = hmac.update(`${id}.${time}.${body.toString("utf8")}`).digest("hex")
    return { "x-acme-id": id, "x-acme-time": time, "x-acme-signature": `sha256=${hex}` }
  },
  sample: () => {
    const hash = newEvmHash()
    const [to, from] = [newEvmAddress(), newEvmAddress()]
    const common = { chain: "ethereum", tx_hash: hash, to_address: to }
    return {
      body: {
        type: "deposit",
        data: {
          network: "mainnet",
          transfers: [
            {
              hash,
              contract: usdcOf.ethereum.toUpperCase().replace("0X", "0x"),
              amount: "1500000",
              to,
              from,
              log_index: 12,
              status: "new"
            },
            { hash, contract: null, amount: "0xde0b6b3a7640000", to, from, status: "final" }
          ]
        }
      },
      transfers: [
        { ...common, token: "USDC", amount: "1.5", transfer_index: 12 },
        { ...common, token: "ETH", amount: "1", transfer_index: null }
      ]
    }
  },
  required: [
    "type",
    "data.network",
    "data.transfers",
    "data.transfers[0].hash",
    "data.transfers[1].amount",
    "data.transfers[0].to",
    "data.transfers[0].status"
  ]
}

/** A secret that is hex, a base64 signature in the middle of a header, and amounts in tokens. */
const single: ProviderCase = {
  provider: "hmac",
  secrets: ["00112233445566778899aabbccddeeff", "ffeeddccbbaa99887766554433221100"],
  wrongSecret: "00000000000000000000000000000000",
  toleranceSeconds: 300,
  signsBody: true,
  networks: { solana: "solana" },
  options: {
    signature: {
      header: "x-signature",
      algorithm: "sha512",
      encoding: "base64",
      prefix: "v1=",
      separator: ",",
      signed: "{timestamp}.{body}",
      secret_encoding: "hex"
    },
    timestamp: { header: "x-signature", prefix: "t=", separator: ",", format: "seconds" },
    message_id: { pointer: "/id" },
    fields: {
      network: { value: "solana" },
      tx_hash: "/tx~1info/0",
      token: "/mint",
      amount: "/amount",
      amount_unit: "tokens",
      to_address: "/to"
    }
  },
  sign: (body, { at, secret }) => {
    const hmac = createHmac("sha512", Buffer.from(secret, "hex"))
    const signed = hmac.update(`${at}.`).update(body).digest("base64")
    return { "x-signature": `t=${at}, v0=AAAA, v1=${signed}` }
  },
  sample: () => {
    const hash = newSignature()
    const to = newSolanaAddress()
    return {
      body: {
        id: randomUUID(),
        "tx/info": [hash, 7],
        mint: usdcOf.solana,
        amount: "01.50",
        to
      },
      transfers: [
        {
          chain: "solana",
          tx_hash: hash,
          token: "USDC",
          amount: "1.5",
          to_address: to,
          transfer_index: null
        }
      ]
    }
  },
  required: ["id", "tx/info", "mint", "amount", "to"],
  faultPath: (required) => (required === "tx/info" ? "tx/info.0" : required)
}

providerConformance(listing)
providerConformance(single)

layer(serviceOf(listing), { excludeTestServices: true })("a source of the provider hmac", (it) => {
  const call = (transfers: Schema.Json, type = "deposit") =>
    post(listing, { type, data: { network: "mainnet", transfers } })

  const transfer = (fields: Schema.JsonObject = {}) => ({
    hash: newEvmHash(),
    contract: usdcOf.ethereum,
    amount: "5",
    to: newEvmAddress(),
    status: "new",
    ...fields
  })

  it.effect("answers its provider's test call, and what is no deposit, with 200 and no job", () =>
    Effect.gen(function* () {
      const ping = yield* post(listing, { type: "ping" })
      assert.deepStrictEqual([ping.status, answerOf(ping.json).status], [200, "test"])

      const other = answerOf((yield* call([transfer()], "withdrawal")).json)
      assert.strictEqual(other.status, "ignored")
      assert.deepStrictEqual(
        other.ignored?.map(({ path, reason }) => [path, reason]),
        [["type", "not_a_transfer"]]
      )

      const spam = transfer({ contract: newEvmAddress() })
      const answer = yield* call([
        spam,
        transfer({ amount: "0" }),
        transfer({ status: "bad" }),
        transfer({ status: "orphaned" })
      ])
      assert.deepStrictEqual(
        answerOf(answer.json).ignored?.map(({ path, reason }) => [path, reason]),
        [
          ["data.transfers[0]", "token_unknown"],
          ["data.transfers[1]", "zero_amount"],
          ["data.transfers[2]", "failed_transaction"],
          ["data.transfers[3]", "removed_unknown"]
        ]
      )
      assert.deepStrictEqual(yield* jobsOf(spam.hash), [])
    })
  )

  it.effect("appends what is said later of a known transfer to its job", () =>
    Effect.gen(function* () {
      const one = transfer()
      const reports = []
      for (const status of ["new", "final", "orphaned"]) {
        yield* call([{ ...one, status }])
        const [job, ...others] = yield* jobsOf(one.hash)
        assert.deepStrictEqual(others, [])
        reports.push(job?.provider_report)
      }
      assert.deepStrictEqual(reports, ["seen", "confirmed", "removed"])
    })
  )

  it.effect("takes all transfers of a call, or none if one of them is wrong", () =>
    Effect.gen(function* () {
      const good = transfer()
      const answer = yield* call([good, transfer({ to: "bob" })])
      assert.strictEqual(answer.status, 422)
      assert.deepStrictEqual(
        problemOf(answer.json).errors?.map(({ path }) => path),
        ["data.transfers[1].to"]
      )
      assert.deepStrictEqual(yield* jobsOf(good.hash), [])
    })
  )
})
