/** Alchemy Notify, in the shapes that its documentation shows. */
import { createHmac, randomUUID } from "node:crypto"
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Result, type Schema } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import * as fc from "fast-check"
import { ChainName } from "../../../src/domain/chain.ts"
import { alchemy as provider } from "../../../src/ingest/providers/alchemy.ts"
import { alchemyBody } from "../../../src/ingest/providers/alchemy-body.ts"
import {
  answerOf,
  countAll,
  jobsOf,
  type ProviderCase,
  post,
  providerConformance,
  serviceOf
} from "./conformance.ts"
import { chainsByName, newEvmAddress, newEvmHash, usdcOf } from "./fixtures.ts"

type Fields = Readonly<Record<string, Schema.Json>>

const to = newEvmAddress()
const from = newEvmAddress()
const hash = newEvmHash()

const token = (fields: Fields = {}): Fields => ({
  blockNum: "0x1312d00",
  hash,
  fromAddress: from,
  toAddress: to,
  value: 1.5,
  erc721TokenId: null,
  erc1155Metadata: null,
  asset: "USDC",
  category: "token",
  rawContract: {
    rawValue: `0x${1_500_000n.toString(16).padStart(64, "0")}`,
    address: usdcOf.ethereum,
    decimals: 6
  },
  typeTraceAddress: null,
  log: log(),
  ...fields
})

const log = (fields: Fields = {}): Fields => ({
  address: usdcOf.ethereum,
  topics: [],
  data: "0x",
  blockNumber: "0x1312d00",
  transactionHash: hash,
  transactionIndex: "0x3",
  blockHash: newEvmHash(),
  logIndex: "0x6e",
  removed: false,
  ...fields
})

const native = (fields: Fields = {}): Fields => ({
  blockNum: "0x1312d00",
  hash,
  fromAddress: from,
  toAddress: to,
  value: 0.25,
  asset: "ETH",
  category: "external",
  rawContract: { rawValue: "0x3782dace9d90000", address: null, decimals: 18 },
  ...fields
})

const message = (activity: ReadonlyArray<Schema.Json>, network = "ETH_MAINNET"): Schema.Json => ({
  webhookId: "wh_octjglnywaupz6th",
  id: `whevt_${randomUUID()}`,
  createdAt: "2026-01-23T07:42:26.411977228Z",
  type: "ADDRESS_ACTIVITY",
  event: { network, activity }
})

const signingKey = (text: string) => `whsec_${text.padEnd(24, "x")}`

const alchemy: ProviderCase = {
  provider: "alchemy",
  secrets: [signingKey("first"), signingKey("second")],
  wrongSecret: signingKey("another"),
  networks: { ETH_MAINNET: "ethereum", MATIC_MAINNET: "polygon", SOLANA_MAINNET: "solana" },
  signsBody: true,
  sign: (body, { secret }) => ({
    "x-alchemy-signature": createHmac("sha256", secret).update(body).digest("hex")
  }),
  sample: () => {
    const [first, second] = [newEvmHash(), newEvmHash()]
    const [one, other] = [newEvmAddress(), newEvmAddress()]
    const place = { chain: "ethereum", tx_hash: first, to_address: one }
    return {
      body: message([
        token({ hash: first, toAddress: one.toUpperCase().replace("0X", "0x") }),
        native({ hash: second, toAddress: other }),
        native({
          hash: first,
          toAddress: one,
          category: "internal",
          typeTraceAddress: "CALL_0_1",
          rawContract: { rawValue: "0x1", decimals: 18 }
        })
      ]),
      transfers: [
        { ...place, token: "USDC", amount: "1.5", transfer_index: 110 },
        {
          chain: "ethereum",
          tx_hash: second,
          token: "ETH",
          amount: "0.25",
          to_address: other,
          transfer_index: null
        },
        { ...place, token: "ETH", amount: "0.000000000000000001", transfer_index: null }
      ]
    }
  },
  required: [
    "type",
    "event",
    "event.network",
    "event.activity",
    "event.activity[0].category",
    "event.activity[0].hash",
    "event.activity[0].fromAddress",
    "event.activity[0].toAddress",
    "event.activity[0].rawContract",
    "event.activity[0].rawContract.address",
    "event.activity[0].rawContract.rawValue",
    "event.activity[1].hash",
    "event.activity[2].rawContract.rawValue"
  ]
}

providerConformance(alchemy)

const networks = new Map(
  Object.entries(alchemy.networks ?? {}).map(([name, chain]) => [name, ChainName.make(chain)])
)
const decode = (body: Schema.Json) =>
  alchemyBody(networks, chainsByName)(body, { headers: {}, body: new Uint8Array(), receivedAt: 0 })

const announced = (body: Schema.Json) => Result.getOrThrow(decode(body))
const faults = (body: Schema.Json) => {
  const result = decode(body)
  assert(Result.isFailure(result), "the body should be refused")
  return result.failure
}
const oneTransfer = (body: Schema.Json) => {
  const { ignored, transfers } = announced(body)
  assert.deepStrictEqual(ignored, [])
  assert.strictEqual(transfers.length, 1)
  const [transfer] = transfers
  assert(transfer !== undefined)
  return transfer
}
const oneIgnored = (body: Schema.Json) => {
  const { ignored, transfers } = announced(body)
  assert.deepStrictEqual(transfers, [])
  assert.strictEqual(ignored.length, 1)
  assert.isNotEmpty(ignored[0]?.detail)
  return { path: ignored[0]?.path, reason: ignored[0]?.reason }
}

describe("Alchemy's address activity", () => {
  it("is signed with the webhook's signing key as it is, which is too long to be guessed", () => {
    const [text] = alchemy.secrets
    assert.deepStrictEqual(provider.secret(text, {}), Result.succeed(text))
    assert.isTrue(Result.isFailure(provider.secret("x".repeat(15), {})))
  })

  it("never reads the float, nor the decimals that the body gives", () => {
    const claims = [
      token({ value: 999_999.123 }),
      token({ value: null }),
      token({
        rawContract: { rawValue: "0x16e360", address: usdcOf.ethereum, decimals: 2 }
      })
    ].map((activity) => oneTransfer(message([activity])).claim.amount)
    assert.deepStrictEqual(claims, ["1.5", "1.5", "1.5"])
  })

  it("keeps each amount exact to the last unit", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 10n ** 36n - 1n }), (units) => {
        const rawContract = { rawValue: `0x${units.toString(16)}`, address: null, decimals: 18 }
        const { amount } = oneTransfer(message([native({ rawContract })])).claim
        const [whole, fraction = ""] = amount.split(".")
        assert.strictEqual(BigInt(`${whole}${fraction.padEnd(18, "0")}`), units)
      })
    )
  })

  it("knows a token by its contract, whatever symbol a spoofed one has", () => {
    const rawContract = { rawValue: "0x16e360", address: newEvmAddress(), decimals: 6 }
    const ignored = oneIgnored(message([token({ asset: "USDC", rawContract })]))
    assert.deepStrictEqual(ignored, { path: "event.activity[0]", reason: "token_unknown" })
    const renamed = oneTransfer(message([token({ asset: "SCAM", category: "erc20" })]))
    assert.strictEqual(renamed.claim.token, "USDC")
  })

  it("takes the token of the network that the call names", () => {
    const { ignored } = announced(message([token()], "MATIC_MAINNET"))
    assert.strictEqual(ignored[0]?.reason, "token_unknown")
    const rawContract = { rawValue: "0x1", address: usdcOf.polygon, decimals: 6 }
    const { claim } = oneTransfer(message([token({ rawContract })], "MATIC_MAINNET"))
    assert.strictEqual(claim.chain, "polygon")
  })

  it("leaves NFTs out, also those that go as tokens", () => {
    const rawContract = { rawValue: "0x", address: newEvmAddress() }
    const erc1155Metadata = [{ tokenId: "0x1", value: "0x5" }]
    const nfts = [
      token({ category: "erc721", rawContract, erc721TokenId: "0x1" }),
      token({ category: "token", rawContract, erc721TokenId: "0x1" }),
      token({ category: "erc1155", rawContract, erc1155Metadata }),
      token({ category: "token", rawContract, erc1155Metadata }),
      { category: "specialnft" }
    ]
    for (const nft of nfts) {
      assert.deepStrictEqual(oneIgnored(message([nft])), {
        path: "event.activity[0]",
        reason: "nft"
      })
    }
  })

  it("takes no transfer of a known token for one of an NFT, whatever stands beside it", () => {
    for (const hint of [{ erc721TokenId: "0x1" }, { erc1155Metadata: [] }]) {
      assert.strictEqual(oneTransfer(message([token(hint)])).claim.amount, "1.5")
    }
  })

  it("leaves out what moves nothing, and what makes a contract", () => {
    for (const rawValue of ["0x", "0x0", `0x${"0".repeat(64)}`]) {
      const rawContract = { rawValue, address: null }
      assert.strictEqual(oneIgnored(message([native({ rawContract })])).reason, "zero_amount")
    }
    for (const activity of [native({ toAddress: null }), token({ toAddress: null })]) {
      assert.strictEqual(oneIgnored(message([activity])).reason, "not_a_transfer")
    }
  })

  it("says of a transfer that a reorganisation took away that it is removed", () => {
    const reports = [
      token({ log: log({ removed: true }) }),
      token({ removed: true }),
      native({ removed: true }),
      token({ removed: false }),
      token({ removed: null, log: log({ removed: null }) })
    ].map((activity) => oneTransfer(message([activity])).report)
    assert.deepStrictEqual(reports, ["removed", "removed", "removed", "seen", "seen"])
    const claims = [true, false].map(
      (removed) => oneTransfer(message([token({ log: log({ removed }) })])).claim
    )
    assert.deepStrictEqual(claims[0], claims[1])
  })

  it("takes the log's index for tokens, and none for native transfers", () => {
    const indexes = [
      token({ log: log({ logIndex: "0x0" }) }),
      token({ log: log({ logIndex: "0x7fffffff" }) }),
      token({ log: null }),
      native({ log: log() })
    ].map((activity) => oneTransfer(message([activity])).claim.transfer_index)
    assert.deepStrictEqual(indexes, [0, 2_147_483_647, null, null])
  })

  it("names the sender in canonical form, so that outgoing transfers are known", () => {
    const fromAddress = `0x${"AB".repeat(20)}`
    const { claim, from_address } = oneTransfer(message([token({ fromAddress })]))
    assert.strictEqual(from_address, `0x${"ab".repeat(20)}`)
    assert.strictEqual(claim.to_address, to)
  })

  it("keeps with each transfer its own part of the body", () => {
    const [one, other] = [token(), native()]
    const { transfers } = announced(message([one, other]))
    assert.deepStrictEqual(
      transfers.map(({ payload }) => payload),
      [
        { network: "ETH_MAINNET", activity: one },
        { network: "ETH_MAINNET", activity: other }
      ]
    )
  })

  it("refuses the whole call for one activity that it cannot read, so that none is lost", () => {
    const cases: ReadonlyArray<readonly [path: string, activity: Fields]> = [
      ["category", token({ category: "erc9999" })],
      ["hash", token({ hash: "0x12" })],
      ["toAddress", token({ toAddress: "" })],
      ["fromAddress", token({ fromAddress: "bob" })],
      ["rawContract.address", token({ rawContract: { rawValue: "0x1", address: "USDC" } })],
      ["rawContract.rawValue", native({ rawContract: { rawValue: "1500000" } })],
      ["rawContract.rawValue", native({ rawContract: { rawValue: 1.5 } })],
      ["rawContract.rawValue", native({ rawContract: { rawValue: "-0x1" } })],
      ["rawContract.rawValue", native({ rawContract: { rawValue: `0x1${"0".repeat(64)}` } })],
      ["log.logIndex", token({ log: log({ logIndex: "110" }) })],
      ["log.logIndex", token({ log: log({ logIndex: "0x80000000" }) })],
      ["log.removed", token({ log: log({ removed: "true" }) })],
      ["removed", token({ removed: "true" })]
    ]
    for (const [path, activity] of cases) {
      const found = faults(message([token(), activity]))
      assert.deepStrictEqual(
        found.map((fault) => fault.path),
        [`event.activity[1].${path}`]
      )
    }
  })

  it("names every field of an activity that is wrong", () => {
    const wrong = token({ hash: "0x1", toAddress: "0x2", log: log({ logIndex: "x" }) })
    assert.sameMembers(
      faults(message([wrong])).map(({ path }) => path),
      ["hash", "toAddress", "log.logIndex"].map((path) => `event.activity[0].${path}`)
    )
  })

  it("lets no spam token hold up the deposit beside it, however odd it is", () => {
    const spam = {
      category: "token",
      rawContract: { address: newEvmAddress(), rawValue: null },
      toAddress: 7,
      log: "?"
    }
    const { ignored, transfers } = announced(message([spam, token()]))
    assert.deepStrictEqual(
      ignored.map(({ path, reason }) => [path, reason]),
      [["event.activity[0]", "token_unknown"]]
    )
    assert.deepStrictEqual(
      transfers.map(({ path }) => path),
      ["event.activity[1]"]
    )
  })

  it("refuses an amount that fits no column, because the token's decimals are wrong then", () => {
    for (const units of [10n ** 36n, 2n ** 256n - 1n]) {
      const rawContract = { rawValue: `0x${units.toString(16)}`, address: null }
      const [fault] = faults(message([native({ rawContract })]))
      assert.strictEqual(fault?.path, "event.activity[0].rawContract.rawValue")
      assert.match(fault?.message ?? "", /check the token's decimals under ethereum/)
    }
  })

  it("refuses a network that surehook.yaml does not map, and says which it has", () => {
    const [fault, ...others] = faults(message([token()], "BASE_MAINNET"))
    assert.deepStrictEqual(others, [])
    assert.strictEqual(fault?.path, "event.network")
    assert.match(fault?.message ?? "", /ETH_MAINNET, MATIC_MAINNET/)
    assert.strictEqual(faults(message([], "constructor"))[0]?.path, "event.network")
  })

  it("refuses a network that is mapped to a chain of another family", () => {
    const [fault] = faults(message([token()], "SOLANA_MAINNET"))
    assert.strictEqual(fault?.path, "event.network")
    assert.match(fault?.message ?? "", /no EVM chain/)
  })

  it("names at most a hundred faults of a body with a hundred thousand", () => {
    assert.strictEqual(faults(message(Array.from({ length: 100_000 }, () => ({})))).length, 100)
  })

  it("remembers the message by its id, unless it has none that can be kept", () => {
    const withId = (id: Schema.Json) => announced({ ...Object(message([])), id }).message_id
    assert.strictEqual(withId("whevt_1"), "whevt_1")
    assert.strictEqual(withId("x".repeat(256)), "x".repeat(256))
    for (const id of ["x".repeat(257), "", 7, null]) assert.isNull(withId(id))
  })
})

describe("Alchemy's other webhooks", () => {
  const transaction = (fields: Fields = {}): Fields => ({
    hash,
    from,
    to,
    value: "0x3782dace9d90000",
    blockNumber: "0x1312d00",
    ...fields
  })
  const about = (type: string, of: Schema.Json): Schema.Json => ({
    webhookId: "wh_1",
    id: "whevt_2",
    type,
    event: { appId: "app", network: "ETH_MAINNET", transaction: of }
  })

  it("say that a known native transfer was mined or dropped", () => {
    const { claim: known } = oneTransfer(message([native()]))
    for (const [type, report] of [
      ["MINED_TRANSACTION", "confirmed"],
      ["DROPPED_TRANSACTION", "dropped"]
    ] as const) {
      const told = oneTransfer(about(type, transaction()))
      assert.deepStrictEqual(told.claim, known)
      assert.strictEqual(told.report, report)
      assert.strictEqual(told.from_address, from)
      assert.strictEqual(told.path, "event.transaction")
      assert.deepStrictEqual(told.payload, { network: "ETH_MAINNET", transaction: transaction() })
      const { from: _, ...unsigned } = transaction()
      assert.isNull(oneTransfer(about(type, unsigned)).from_address)
    }
  })

  it("say nothing of a transaction that moves no native coin, or makes a contract", () => {
    const call = oneIgnored(about("DROPPED_TRANSACTION", transaction({ value: "0x0" })))
    assert.deepStrictEqual(call, { path: "event.transaction", reason: "zero_amount" })
    const creation = oneIgnored(about("MINED_TRANSACTION", transaction({ to: null })))
    assert.strictEqual(creation.reason, "not_a_transfer")
  })

  it("are refused with the path of what is wrong in them", () => {
    const cases: ReadonlyArray<readonly [string, Schema.Json]> = [
      ["event.transaction.hash", about("DROPPED_TRANSACTION", transaction({ hash: "0x1" }))],
      ["event.transaction.value", about("MINED_TRANSACTION", transaction({ value: 1 }))],
      ["event.transaction", about("MINED_TRANSACTION", null)],
      ["event", { type: "DROPPED_TRANSACTION" }]
    ]
    for (const [path, body] of cases) assert.strictEqual(faults(body)[0]?.path, path)
  })

  it("are acknowledged if they are of a type that tells of no transfers", () => {
    const graphql = { id: "whevt_3", type: "GRAPHQL", event: { data: { block: { logs: [] } } } }
    assert.deepStrictEqual(oneIgnored(graphql), { path: "", reason: "not_a_transfer" })
    assert.strictEqual(oneIgnored({ type: "NFT_ACTIVITY" }).reason, "nft")
    assert.strictEqual(oneIgnored({ type: "constructor" }).reason, "not_a_transfer")
  })
})

layer(serviceOf(alchemy), { excludeTestServices: true })("A reorganisation at Alchemy", (it) => {
  const activity = (tx_hash: string, removed: boolean) =>
    message([token({ hash: tx_hash, log: log({ removed }) })])

  it.effect("is an event of the job that is known, once however often it is sent", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient
      const tx_hash = newEvmHash()
      const seen = answerOf((yield* post(alchemy, activity(tx_hash, false))).json)
      assert.strictEqual(seen.status, "accepted")
      const removal = activity(tx_hash, true)
      for (const _ of [1, 2]) {
        const removed = answerOf((yield* post(alchemy, removal)).json)
        assert.deepStrictEqual([removed.status, removed.job_id], ["duplicate", seen.job_id])
      }
      assert.strictEqual((yield* jobsOf(tx_hash)).length, 1)
      const events = yield* sql`
        SELECT type, data->>'report' AS report FROM deposit_events
        WHERE job_id = ${seen.job_id ?? ""} ORDER BY sequence`
      assert.deepStrictEqual(events, [
        { type: "deposit.received", report: "seen" },
        { type: "provider.reported", report: "removed" }
      ])
    })
  )

  it.effect("makes no job of a transfer that nobody knows", () =>
    Effect.gen(function* () {
      const before = yield* countAll
      const answer = answerOf((yield* post(alchemy, activity(newEvmHash(), true))).json)
      assert.deepStrictEqual([answer.status, answer.jobs], ["ignored", []])
      assert.strictEqual(answer.ignored?.[0]?.reason, "removed_unknown")
      assert.deepStrictEqual(yield* countAll, before)
    })
  )
})
