/** Circle's notifications, signed with ECDSA by Node's own, and the API that has the public keys. */
import { randomUUID, sign } from "node:crypto"
import type { Server } from "node:http"
import { NodeHttpClient } from "@effect/platform-node"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect, Result, type Schema } from "effect"
import { ConfigReader } from "../../../src/config/config-reader.ts"
import { circle } from "../../../src/ingest/providers/circle.ts"
import { keyReply, newKeyPair, startCircleApi, unknownReply } from "./circle-api.ts"
import { type ProviderCase, providerConformance, sourceOf } from "./conformance.ts"
import {
  chainsByName,
  newEvmAddress,
  newEvmHash,
  newSignature,
  newSolanaAddress,
  usdcOf
} from "./fixtures.ts"

const usdcOnEthereum = "b037d751-fb22-5f0d-bae6-47373e7ae3e3"
const etherId = "5797fbd6-3795-519d-84ca-ec4c5f80c3b1"
const mistakenId = "11111111-3795-519d-84ca-ec4c5f80c3b1"

const apiKeys = ["TEST_API_KEY:the-first:0123456789", "TEST_API_KEY:the-second:0123456789"] as const
const pairs = [newKeyPair(), newKeyPair()] as const
/** Signs under the id of the first pair, with a key of its own. */
const impostor = { ...newKeyPair(), id: pairs[0].id }
const wrongSecret = "TEST_API_KEY:of-an-impostor:0123456789"

const pairOf = (apiKey: string) =>
  apiKey === wrongSecret ? impostor : apiKey === apiKeys[1] ? pairs[1] : pairs[0]

/** The port is known when the API runs. */
const options = {
  api_url: "",
  tokens: {
    [usdcOnEthereum.toUpperCase()]: { chain: "ethereum", token: "USDC" },
    [etherId]: { chain: "ethereum", token: "ETH" },
    [mistakenId]: { chain: "ethereum", token: "EURC" }
  }
}

const inbound = (fields: Schema.JsonObject = {}) => ({
  id: randomUUID(),
  blockchain: "ETH",
  tokenId: usdcOnEthereum,
  walletId: randomUUID(),
  sourceAddress: newEvmAddress(),
  destinationAddress: newEvmAddress(),
  transactionType: "INBOUND",
  custodyType: "DEVELOPER",
  state: "COMPLETE",
  amounts: ["1.50"],
  nfts: null,
  txHash: newEvmHash(),
  blockHeight: 9_267_444,
  networkFee: "0.000021000000294",
  operation: "TRANSFER",
  ...fields
})

const envelope = (notification: Schema.Json, notificationType = "transactions.inbound") => ({
  subscriptionId: randomUUID(),
  notificationId: randomUUID(),
  notificationType,
  notification,
  timestamp: "2023-06-29T15:05:33.135665781Z",
  version: 2
})

const notifications: ProviderCase = {
  provider: "circle",
  secrets: apiKeys,
  wrongSecret,
  networks: { ETH: "ethereum", MATIC: "polygon", SOL: "solana" },
  options,
  signsBody: true,
  sign: (body, { secret }) => {
    const { id, privateKey } = pairOf(secret)
    return {
      "X-Circle-Key-Id": id,
      "X-Circle-Signature": sign("sha256", body, privateKey).toString("base64")
    }
  },
  sample: () => {
    const tx_hash = newEvmHash()
    const to_address = newEvmAddress()
    return {
      body: envelope(inbound({ txHash: tx_hash, destinationAddress: to_address })),
      transfers: [
        {
          chain: "ethereum",
          tx_hash,
          token: "USDC",
          amount: "1.5",
          to_address,
          transfer_index: null
        }
      ]
    }
  },
  required: [
    "notificationType",
    "notificationId",
    "notification",
    "notification.blockchain",
    "notification.destinationAddress",
    "notification.tokenId",
    "notification.amounts",
    "notification.state",
    "notification.txHash"
  ]
}

let server: Server
beforeAll(async () => {
  // Each key is known to the account of one API key.
  const api = await startCircleApi((id, apiKey) =>
    apiKeys.some((one) => one === apiKey) && pairOf(apiKey).id === id
      ? keyReply(pairOf(apiKey))
      : unknownReply
  )
  server = api.server
  options.api_url = api.url
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

providerConformance(notifications)

const receiver = Effect.suspend(() => circle.receiver(sourceOf(notifications), chainsByName)).pipe(
  Effect.provide(NodeHttpClient.layerNodeHttp)
)

const told = (body: Schema.Json) =>
  Effect.map(receiver, ({ decode }) => {
    const read = decode(body, { headers: {}, body: new Uint8Array(), receivedAt: 0 })
    return Result.match(read, {
      onFailure: (faults) => ({ faults, transfer: undefined, ignored: undefined, test: false }),
      onSuccess: ({ ignored, is_test, transfers }) => ({
        faults: undefined,
        transfer: transfers[0],
        ignored: ignored[0],
        test: is_test === true
      })
    })
  })

/** Of texts, whatever their brands. */
const assertEqual = (actual: unknown, expected: unknown) => assert.deepStrictEqual(actual, expected)

describe("a notification of Circle", () => {
  it.effect("tells of deposits on every family of chains, by the token's id or its contract", () =>
    Effect.gen(function* () {
      const hash = newSignature()
      const to = newSolanaAddress()
      const onSolana = inbound({
        blockchain: "SOL",
        tokenId: randomUUID(),
        tokenAddress: usdcOf.solana,
        txHash: hash,
        destinationAddress: to,
        sourceAddress: null
      })
      const solana = yield* told(envelope(onSolana))
      assertEqual(solana.transfer, {
        claim: {
          chain: "solana",
          tx_hash: hash,
          token: "USDC",
          amount: "1.5",
          to_address: to,
          transfer_index: null
        },
        from_address: null,
        report: "confirmed",
        payload: solana.transfer?.payload,
        path: "notification"
      })

      const from = newEvmAddress()
      const checksummed = from.toUpperCase().replace("0X", "0x")
      const ether = yield* told(
        envelope(
          inbound({ tokenId: etherId.toUpperCase(), tokenAddress: "", sourceAddress: checksummed })
        )
      )
      assertEqual([ether.transfer?.claim.token, ether.transfer?.from_address], ["ETH", from])
    })
  )

  it.effect("says what became of the transfer, and a state that is new to us is a first word", () =>
    Effect.gen(function* () {
      const states = {
        INITIATED: "seen",
        QUEUED: "seen",
        CLEARED: "seen",
        SENT: "seen",
        STUCK: "seen",
        CONFIRMED: "seen",
        COMPLETE: "confirmed",
        COMPLETED: "confirmed",
        FAILED: "dropped",
        DENIED: "dropped",
        CANCELLED: "dropped",
        CANCELED: "dropped",
        constructor: "seen",
        TOMORROWS: "seen"
      }
      for (const [state, report] of Object.entries(states)) {
        const { transfer } = yield* told(envelope(inbound({ state })))
        assert.strictEqual(transfer?.report, report, state)
      }
    })
  )

  it.effect("that is no deposit is named as what it is", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<readonly [Schema.Json, string, string]> = [
        [envelope(inbound(), "transactions.outbound"), "outgoing", "notificationType"],
        [
          envelope(inbound({ transactionType: "OUTBOUND" })),
          "outgoing",
          "notification.transactionType"
        ],
        [envelope({ id: "x" }, "challenges.initialize"), "not_a_transfer", "notificationType"],
        [
          envelope({ id: "x" }, "modularWallet.userOperation"),
          "not_a_transfer",
          "notificationType"
        ],
        [envelope(inbound({ nfts: [{ tokenId: "1" }] })), "nft", "notification.nfts"],
        [envelope(inbound({ amounts: ["0.00"] })), "zero_amount", "notification.amounts"],
        [envelope(inbound({ tokenId: randomUUID() })), "token_unknown", "notification.tokenId"],
        [
          envelope(inbound({ tokenAddress: usdcOf.polygon })),
          "token_unknown",
          "notification.tokenAddress"
        ],
        [
          envelope(inbound({ state: "SENT", txHash: null })),
          "not_a_transfer",
          "notification.txHash"
        ],
        [
          envelope(inbound({ state: "QUEUED", txHash: "" })),
          "not_a_transfer",
          "notification.txHash"
        ],
        [
          envelope(inbound({ state: "FAILED", txHash: null })),
          "failed_transaction",
          "notification.state"
        ],
        [
          envelope(inbound({ state: "DENIED", txHash: "" })),
          "failed_transaction",
          "notification.state"
        ]
      ]
      for (const [body, reason, path] of cases) {
        const { ignored, transfer } = yield* told(body)
        assert.isUndefined(transfer)
        assertEqual([ignored?.reason, ignored?.path], [reason, path])
      }
      const hint = (yield* told(envelope(inbound({ tokenId: randomUUID() })))).ignored?.detail
      assert.match(hint ?? "", /not in `tokens` of this source in surehook\.yaml: add it there/)
    })
  )

  it.effect("that is wrong is refused with the path of each fault", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<readonly [Schema.JsonObject, string, RegExp]> = [
        [{ blockchain: "ETH-SEPOLIA" }, "notification.blockchain", /is not among the networks/],
        [{ blockchain: "__proto__" }, "notification.blockchain", /is not among the networks/],
        [{ txHash: "0x1" }, "notification.txHash", /must be 0x and 64 hex digits/],
        [{ txHash: null }, "notification.txHash", /is missing/],
        [{ destinationAddress: "bob" }, "notification.destinationAddress", /must be 0x and 40/],
        [{ tokenId: null }, "notification.tokenId", /is missing/],
        [
          { tokenId: mistakenId },
          "notification.tokenId",
          /for EURC on ethereum, which is no token of/
        ],
        [
          { blockchain: "MATIC", tokenId: usdcOnEthereum },
          "notification.tokenId",
          /for USDC on ethereum, which is no token of polygon: correct it there/
        ],
        [{ amounts: [] }, "notification.amounts", /must hold one amount, and holds 0/],
        [{ amounts: ["1", "1"] }, "notification.amounts", /must hold one amount, and holds 2/],
        [{ amounts: [1.5] }, "notification.amounts[0]", /must be a string/],
        [{ amounts: ["1e3"] }, "notification.amounts[0]", /must be a decimal number as a string/],
        [{ amounts: ["-1"] }, "notification.amounts[0]", /must be a decimal number as a string/],
        [{ amounts: [`0.${"0".repeat(18)}1`] }, "notification.amounts[0]", /at most 18 digits/],
        [{ state: 1 }, "notification.state", /must be a string/]
      ]
      for (const [fields, path, message] of cases) {
        const { faults } = yield* told(envelope(inbound(fields)))
        assert.deepStrictEqual(
          faults?.map((fault) => fault.path),
          [path]
        )
        assert.match(faults?.[0]?.message ?? "", message)
      }
      const all = yield* told(
        envelope(inbound({ txHash: "x", amounts: [], destinationAddress: "y" }))
      )
      assert.strictEqual(all.faults?.length, 3)
    })
  )

  it.effect("has an id to be remembered by, if it is not too long; a test is only a test", () =>
    Effect.gen(function* () {
      const { decode } = yield* receiver
      const webhook = { headers: {}, body: new Uint8Array(), receivedAt: 0 }
      const messageId = (notificationId: string) =>
        Result.getOrThrow(decode({ ...envelope(inbound()), notificationId }, webhook)).message_id
      assert.strictEqual(messageId("b3f2761f"), "b3f2761f")
      assert.isNull(messageId("b".repeat(257)))
      assert.isNull(messageId(""))
      const test = yield* told(envelope({ hello: "world" }, "webhooks.test"))
      assert.deepStrictEqual([test.test, test.transfer, test.ignored], [true, undefined, undefined])
    })
  )
})

describe("the signature of a notification", () => {
  const body = Buffer.from("{}")
  const right = () => notifications.sign(body, { secret: apiKeys[0], at: 0 })

  const verdict = (headers: Readonly<Record<string, string>>) =>
    Effect.flatMap(receiver, ({ verify }) =>
      verify({
        headers: Object.fromEntries(
          Object.entries({ ...right(), ...headers }).map(([name, value]) => [
            name.toLowerCase(),
            value
          ])
        ),
        body,
        receivedAt: 0
      }).pipe(Effect.match({ onFailure: ({ detail }) => detail, onSuccess: () => "taken" }))
    )

  it.effect(
    "is looked at before Circle is asked: a key's id that is no UUID never becomes a URL",
    () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* verdict({}), "taken")
        assert.strictEqual(
          yield* verdict({ "x-circle-key-id": pairs[0].id.toUpperCase() }),
          "taken"
        )
        for (const id of [
          "",
          "1",
          `${pairs[0].id}/..`,
          `../${pairs[0].id}`,
          `${pairs[0].id}?a`,
          `${pairs[0].id}\n`
        ]) {
          assert.strictEqual(
            yield* verdict({ "x-circle-key-id": id }),
            "X-Circle-Key-Id must be a UUID"
          )
        }
        const der = Buffer.from(right()["X-Circle-Signature"] ?? "", "base64")
        const malformed = [
          "",
          "§§§",
          "AAAA",
          Buffer.alloc(64, 7).toString("base64"),
          der.subarray(0, -1).toString("base64"),
          Buffer.concat([der, Buffer.alloc(1)]).toString("base64"),
          "MAAA".repeat(100)
        ]
        for (const signature of malformed) {
          assert.match(
            yield* verdict({ "x-circle-signature": signature }),
            /must be the base64 of an ECDSA/
          )
        }
      })
  )

  it.effect("fits one key and one body; DER with nonsense inside fits nothing", () =>
    Effect.gen(function* () {
      const others = [
        sign("sha256", Buffer.from("{ }"), pairs[0].privateKey),
        sign("sha256", body, pairs[1].privateKey),
        sign("sha512", body, pairs[0].privateKey),
        Buffer.from("3006020100020100", "hex"),
        Buffer.from("3006020101020101", "hex"),
        Buffer.from(`3044${"00".repeat(68)}`, "hex")
      ]
      for (const signature of others) {
        const detail = yield* verdict({ "x-circle-signature": signature.toString("base64") })
        assert.match(detail, /^the signature does not fit/)
      }
      const unknown = yield* verdict({ "x-circle-key-id": randomUUID() })
      assert.strictEqual(unknown, "Circle has no key of the id in X-Circle-Key-Id")
    })
  )
})

describe("the options of a source of the provider circle", () => {
  const faultsOf = (given: Readonly<Record<string, unknown>>) => {
    const reader = new ConfigReader()
    reader.fields(circle.options, [], given, Object.keys(circle.options.fields))
    return reader.problems.map(({ message, path }) => `${path.join(".")}: ${message}`)
  }

  it("may be left out, or say where the API is and which tokens Circle's ids mean", () => {
    for (const given of [
      {},
      { api_url: "http://127.0.0.1:8080/circle", tokens: {} },
      { tokens: { [usdcOnEthereum]: { chain: "ethereum", token: "USDC" } } }
    ]) {
      assert.deepStrictEqual(faultsOf(given), [])
    }
  })

  it("are told of each mistake where it stands", () => {
    const url = "api_url: must be a URL that starts with https:// or http://, without a user"
    for (const [given, ...expected] of [
      [{ api_url: "api.circle.com" }, url],
      [{ api_url: "ftp://api.circle.com" }, url],
      [{ api_url: "https://user:password@api.circle.com" }, url],
      [{ api_url: "https://api.circle.com?key=1" }, url],
      [{ tokens: ["x"] }, "tokens: must map ids of Circle's tokens"],
      [
        { tokens: { USDC: { chain: "a", token: "b" } } },
        "tokens.USDC: must stand under Circle's id"
      ],
      [{ tokens: { [etherId]: { chain: "ethereum" } } }, `tokens.${etherId}.token: is missing`],
      [{ tokens: { [etherId]: "USDC" } }, `tokens.${etherId}: `]
    ] as const) {
      const faults = faultsOf(given)
      assert.strictEqual(faults.length, expected.length, faults.join("\n"))
      faults.forEach((fault, index) => {
        assert.isTrue(fault.startsWith(expected[index] ?? "\0"), fault)
      })
    }
  })
})
