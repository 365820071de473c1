/** QuickNode Streams: bodies in the shapes that streams deliver, signed by an implementation of its own. */
import { createHmac, randomUUID } from "node:crypto"
import { gzipSync } from "node:zlib"
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, type Schema } from "effect"
import { FetchHttpClient } from "effect/http"
import * as fc from "fast-check"
import type { RawWebhook } from "../../../src/ingest/provider.ts"
import { quicknode } from "../../../src/ingest/providers/quicknode.ts"
import {
  countAll,
  jobsOf,
  type ProviderCase,
  post,
  problemOf,
  providerConformance,
  serviceOf,
  sourceOf
} from "./conformance.ts"
import { chainsByName, newEvmAddress, newEvmHash, newSignature, usdcOf } from "./fixtures.ts"
import {
  announced,
  brief,
  decodeWith,
  faultsOf,
  fee,
  rawTransaction,
  reasons,
  someone
} from "./solana-bodies.ts"

const transferTopic = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
const approvalTopic = "0x8c5be1e5ebec7d5bd14f71427d1e84f3dd0314c0f7b2291e5b200ac8c7c3b925"
const multiTransferTopic = "0xc3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62"

const word = (value: bigint | string) =>
  `0x${(typeof value === "string" ? value.slice(2) : value.toString(16)).padStart(64, "0")}`

const log = (fields: Schema.JsonObject = {}) => ({
  address: usdcOf.ethereum,
  blockHash: newEvmHash(),
  blockNumber: "0x126105a",
  data: word(1_500_000n),
  logIndex: "0x1a",
  removed: false,
  topics: [transferTopic, word(newEvmAddress()), word(newEvmAddress())],
  transactionHash: newEvmHash(),
  transactionIndex: "0x4",
  ...fields
})

const transfer = (to: string, units: bigint, fields: Schema.JsonObject = {}) =>
  log({ topics: [transferTopic, word(newEvmAddress()), word(to)], data: word(units), ...fields })

const receipt = (
  logs: ReadonlyArray<Schema.JsonObject>,
  fields: Schema.JsonObject = {}
): Schema.JsonObject => {
  const transactionHash = newEvmHash()
  return {
    blockHash: newEvmHash(),
    blockNumber: "0x126105a",
    contractAddress: null,
    cumulativeGasUsed: "0x12345",
    from: newEvmAddress(),
    gasUsed: "0x5208",
    logs: logs.map((one) => ({ ...one, transactionHash })),
    status: "0x1",
    to: newEvmAddress(),
    transactionHash,
    type: "0x2",
    ...fields
  }
}

const transaction = (fields: Schema.JsonObject = {}): Schema.JsonObject => ({
  blockNumber: "0x126105a",
  from: newEvmAddress(),
  gas: "0x5208",
  hash: newEvmHash(),
  input: "0x",
  nonce: "0x1",
  to: newEvmAddress(),
  transactionIndex: "0x4",
  value: "0x1bc16d674ec80000",
  ...fields
})

const block = (transactions: ReadonlyArray<Schema.Json>): Schema.JsonObject => ({
  hash: newEvmHash(),
  number: "0x126105a",
  parentHash: newEvmHash(),
  gasUsed: "0x5208",
  logsBloom: "0x00",
  transactions: [...transactions],
  withdrawals: []
})

const metadata = (network: string, dataset = "receipts") => ({
  batch_end_range: 19_271_294,
  batch_start_range: 19_271_294,
  dataset,
  network,
  stream_id: "f6ad6459-b5ad-4183-b370-1c1388e47e83"
})

const streamed = (data: Schema.Json, network = "ethereum-mainnet", dataset?: string) => ({
  data,
  metadata: metadata(network, dataset)
})

const sign: ProviderCase["sign"] = (body, { at, secret }) => {
  const nonce = randomUUID()
  const signed = Buffer.concat([Buffer.from(`${nonce}${at}`), body])
  return {
    "x-qn-nonce": nonce,
    "x-qn-timestamp": `${at}`,
    "x-qn-signature": createHmac("sha256", Buffer.from(secret)).update(signed).digest("hex")
  }
}

const quicknodeCase: ProviderCase = {
  provider: "quicknode",
  secrets: ["qnsec_the_first_token==", "qnsec_the_second_token=="],
  wrongSecret: "qnsec_the_token_of_another==",
  networks: {
    "ethereum-mainnet": "ethereum",
    "polygon-mainnet": "polygon",
    "solana-mainnet": "solana",
    "aptos-mainnet": "aptos"
  },
  toleranceSeconds: 300,
  signsBody: true,
  sign,
  sample: () => {
    const [owner, wallet] = [newEvmAddress(), newEvmAddress()]
    const native = transaction({ to: wallet })
    const paid = receipt([transfer(owner, 1_500_000n)])
    return {
      body: streamed(
        [{ block: block([native]), receipts: [paid] }],
        "ethereum-mainnet",
        "block_with_receipts"
      ),
      transfers: [
        {
          chain: "ethereum",
          tx_hash: `${native.hash}`,
          token: "ETH",
          amount: "2",
          to_address: wallet,
          transfer_index: null
        },
        {
          chain: "ethereum",
          tx_hash: `${paid.transactionHash}`,
          token: "USDC",
          amount: "1.5",
          to_address: owner,
          transfer_index: 26
        }
      ]
    }
  },
  required: [
    "metadata.network",
    "data[0].block.transactions[0].hash",
    "data[0].block.transactions[0].to",
    "data[0].block.transactions[0].value",
    "data[0].receipts[0].transactionHash",
    "data[0].receipts[0].logs[0].address",
    "data[0].receipts[0].logs[0].topics",
    "data[0].receipts[0].logs[0].data",
    "data[0].receipts[0].logs[0].logIndex"
  ]
}

providerConformance(quicknodeCase)

const decode = (body: Schema.Json | Buffer, networks = quicknodeCase.networks ?? {}) =>
  decodeWith(quicknode, { ...quicknodeCase, networks }, body, {
    headers: { "x-qn-nonce": "a-nonce" }
  })
const decoded = (body: Schema.Json | Buffer) => Effect.map(decode(body), announced)

const places = (told: ReturnType<typeof announced>) =>
  told.transfers.map(({ claim, path }) => [claim.transfer_index, path])

describe("a stream of an EVM chain", () => {
  it.effect("is read in each documented shape, and all say the same", () =>
    Effect.gen(function* () {
      const owner = newEvmAddress()
      const paid = receipt([transfer(owner, 7n)])
      const [entry] = Array.isArray(paid.logs) ? paid.logs : []
      const body = entry ?? null
      const shapes: ReadonlyArray<readonly [Schema.Json, string]> = [
        [streamed([[paid]]), "data[0][0].logs[0]"],
        [streamed([paid]), "data[0].logs[0]"],
        [streamed([[body]], undefined, "logs"), "data[0][0]"],
        [streamed({ receipts: [paid] }), "data.receipts[0].logs[0]"],
        [streamed({ matchingReceipts: [paid] }), "data.matchingReceipts[0].logs[0]"],
        [streamed([{ block: block([]), receipts: [paid] }]), "data[0].receipts[0].logs[0]"],
        [{ receipts: [paid], metadata: metadata("ethereum-mainnet") }, "receipts[0].logs[0]"],
        [{ logs: [body], metadata: metadata("ethereum-mainnet") }, "logs[0]"]
      ]
      for (const [shape, path] of shapes) {
        const told = yield* decoded(shape)
        assert.deepStrictEqual(
          brief(told).map(({ amount, to }) => [amount, to]),
          [["0.000007", owner]],
          path
        )
        assert.strictEqual(told.transfers[0]?.claim.tx_hash, paid.transactionHash)
        assert.deepStrictEqual(places(told), [[26, path]])
        assert.strictEqual(told.message_id, "a-nonce")
      }
      const bare: ReadonlyArray<Schema.Json> = [[paid], [[paid]], [body]]
      for (const shape of bare) {
        const told = announced(yield* decode(shape, { "ethereum-mainnet": "ethereum" }))
        assert.strictEqual(brief(told)[0]?.to, owner)
      }
    })
  )

  it.effect("names who sent a token and who sent the native coin", () =>
    Effect.gen(function* () {
      const [from, payer] = [newEvmAddress(), newEvmAddress()]
      const paid = receipt([log({ topics: [transferTopic, word(from), word(newEvmAddress())] })])
      const told = yield* decoded(streamed([block([transaction({ from: payer })]), [paid]]))
      assert.deepStrictEqual(
        brief(told).map((one) => one.from),
        [payer, from]
      )
    })
  )

  it.effect("tells of both where a filter has merged a transaction with its receipt", () =>
    Effect.gen(function* () {
      const [owner, payee] = [newEvmAddress(), newEvmAddress()]
      const paid = receipt([transfer(owner, 7n)])
      const merged = { ...transaction({ to: payee }), ...paid, to: payee, hash: newEvmHash() }
      const told = yield* decoded(streamed([merged]))
      assert.deepStrictEqual(
        told.transfers.map(({ claim }) => claim.to_address),
        [owner, payee]
      )
    })
  )

  it.effect("is credited for no receipt or transaction that failed", () =>
    Effect.gen(function* () {
      const sent = transaction()
      const failed = receipt([transfer(newEvmAddress(), 5n)], {
        status: "0x0",
        transactionHash: `${sent.hash}`.toUpperCase().replace("0X", "0x")
      })
      // Whichever of the two comes first in the body.
      for (const data of [
        [block([sent]), [failed]],
        [[failed], block([sent])]
      ]) {
        const told = yield* decoded(streamed(data))
        assert.deepStrictEqual(brief(told), [])
        assert.deepStrictEqual(reasons(told), ["failed_transaction", "failed_transaction"])
      }
    })
  )

  it.effect("reports a log that a reorganisation removed", () =>
    Effect.gen(function* () {
      const told = yield* decoded(
        streamed([receipt([transfer(newEvmAddress(), 5n, { removed: true })]), receipt([log()])])
      )
      assert.deepStrictEqual(
        told.transfers.map(({ report }) => report),
        ["removed", "seen"]
      )
    })
  )

  it.effect("names what is no deposit, each with its reason", () =>
    Effect.gen(function* () {
      const [from, to] = [word(newEvmAddress()), word(newEvmAddress())]
      const told = yield* decoded(
        streamed([
          receipt([
            log({ topics: [approvalTopic, from, to] }),
            log({ topics: [transferTopic, from, to, word(7n)], data: "0x" }),
            log({ topics: [multiTransferTopic, from, from, to] }),
            log({ address: newEvmAddress() }),
            log({ data: word(0n) }),
            log({ topics: [word(1n)] }),
            log({ topics: [] }),
            log({ topics: [transferTopic], data: "0x" }),
            log({ data: `${word(1n)}00` }),
            log({ topics: [transferTopic, from, `0x01${to.slice(4)}`] })
          ]),
          transaction({ value: "0x0" }),
          transaction({ value: "0x0", input: "0xa9059cbb" }),
          transaction({ to: null })
        ])
      )
      assert.deepStrictEqual(brief(told), [])
      assert.deepStrictEqual(reasons(told), [
        "approval",
        "nft",
        "nft",
        "token_unknown",
        "zero_amount",
        "not_a_transfer",
        "not_a_transfer",
        "not_a_transfer",
        "not_a_transfer",
        "not_a_transfer",
        "zero_amount",
        "not_a_transfer",
        "not_a_transfer"
      ])
    })
  )

  it.effect("keeps every unit of an amount, and refuses what does not fit", () =>
    Effect.gen(function* () {
      const units = 123_456_789_012_345_678_901_234n
      const told = yield* decoded(streamed([receipt([transfer(newEvmAddress(), units)])]))
      assert.strictEqual(brief(told)[0]?.amount, "123456789012345678.901234")
      const native = yield* decoded(streamed([transaction({ value: "0xde0b6b3a7640001" })]))
      assert.strictEqual(brief(native)[0]?.amount, "1.000000000000000001")

      const [fault] = faultsOf(
        yield* decode(streamed([receipt([transfer(newEvmAddress(), 2n ** 256n - 1n)])]))
      )
      assert.strictEqual(fault?.path, "data[0].logs[0].data")
      assert.include(fault?.message, "check the token's decimals under ")
    })
  )

  it.effect("refuses numbers that are not in hex, and an index that no column holds", () =>
    Effect.gen(function* () {
      const wrong: ReadonlyArray<readonly [Schema.JsonObject, string]> = [
        [receipt([log({ logIndex: "26" })]), "data[0].logs[0].logIndex"],
        [receipt([log({ logIndex: "0x80000000" })]), "data[0].logs[0].logIndex"],
        [receipt([log()], { transactionHash: "0x12" }), "data[0].transactionHash"],
        [transaction({ value: "2000000000000000000" }), "data[0].value"],
        [transaction({ value: 2e18 }), "data[0].value"],
        [transaction({ to: "0x12" }), "data[0].to"],
        [{ ...log(), data: null }, "data[0].data"]
      ]
      for (const [item, path] of wrong) {
        const faults = faultsOf(yield* decode(streamed([item])))
        assert.deepStrictEqual(
          faults.map((fault) => fault.path),
          [path]
        )
      }
    })
  )

  it.effect(
    "is refused where its filter returns a shape of its own, which would lose deposits",
    () =>
      Effect.gen(function* () {
        const own: ReadonlyArray<readonly [Schema.Json, string]> = [
          [streamed([{ to: newEvmAddress(), amount: "5" }]), "data[0]"],
          [streamed(["0x12"]), "data[0]"],
          [streamed({ transfers: [receipt([log()])] }), "data"],
          [streamed([block([newEvmHash()])]), "data[0].transactions[0]"],
          [{ metadata: metadata("ethereum-mainnet") }, ""]
        ]
        for (const [body, path] of own) {
          const [fault] = faultsOf(yield* decode(body))
          assert.strictEqual(fault?.path, path)
          assert.include(fault?.message, "filter")
        }
      })
  )
})

describe("a stream of Solana", () => {
  const oneSol = 1_000_000_000
  const paid = () => {
    const [payer, source, account, owner] = [someone(), someone(), someone(), someone()]
    const tx_hash = newSignature()
    const item = rawTransaction({
      signature: tx_hash,
      accounts: [
        [payer, oneSol, oneSol - fee],
        [source, 5, 5],
        [account, 5, 5]
      ],
      tokens: [
        { account: source, owner: payer, mint: usdcOf.solana, before: "7", after: "0" },
        { account, owner, mint: usdcOf.solana, before: "1", after: "8" }
      ]
    })
    return { item, owner, payer, tx_hash }
  }

  it.effect("is claims of the differences by owner, alone or in blocks", () =>
    Effect.gen(function* () {
      const { item, owner, payer, tx_hash } = paid()
      const { slot: _, ...inBlock } = item
      const shapes: ReadonlyArray<Schema.Json> = [
        streamed([[item]], "solana-mainnet"),
        streamed([item], "solana-mainnet"),
        streamed(
          [{ blockHeight: 1, blockTime: 2, parentSlot: 3, transactions: [inBlock] }],
          "solana-mainnet",
          "block"
        )
      ]
      for (const shape of shapes) {
        const told = yield* decoded(shape)
        assert.deepStrictEqual(brief(told), [
          { token: "USDC", amount: "0.000007", to: owner, from: payer }
        ])
        assert.strictEqual(told.transfers[0]?.claim.tx_hash, tx_hash)
        assert.strictEqual(told.transfers[0]?.claim.transfer_index, null)
      }
    })
  )

  it.effect("names a missing field by its path", () =>
    Effect.gen(function* () {
      const { item } = paid()
      const { err: _, ...meta } = item.meta
      const faults = faultsOf(yield* decode(streamed([[{ ...item, meta }]], "solana-mainnet")))
      assert.deepStrictEqual(faults, [{ path: "data[0][0].meta.err", message: "is missing" }])
    })
  )

  it.effect("is not read as a chain of another family", () =>
    Effect.gen(function* () {
      const bodies = [streamed([paid().item]), streamed([receipt([log()])], "solana-mainnet")]
      for (const body of bodies) {
        const [fault] = faultsOf(yield* decode(body))
        assert.strictEqual(fault?.path, "data[0]")
      }
    })
  )

  it.effect("survives whatever is streamed: no crash, and nothing of it is a claim", () =>
    Effect.gen(function* () {
      const any = fc.oneof(
        fc.jsonValue(),
        fc.record({ transaction: fc.jsonValue(), meta: fc.jsonValue() })
      )
      for (const json of fc.sample(any, 200)) {
        for (const network of ["solana-mainnet", "ethereum-mainnet"]) {
          const result = yield* decode(
            Buffer.from(JSON.stringify({ data: [json], metadata: metadata(network) }))
          )
          if (result._tag === "Success") assert.deepStrictEqual(result.success.transfers, [])
        }
      }
      const { item } = paid()
      const parts = fc.dictionary(fc.constantFrom(...Object.keys(item.meta)), fc.jsonValue())
      for (const changed of fc.sample(parts, 200)) {
        const mangled = { ...item, meta: { ...item.meta, ...changed } }
        yield* decode(
          Buffer.from(JSON.stringify({ data: [mangled], metadata: metadata("solana-mainnet") }))
        )
      }
    })
  )
})

describe("the network of a stream", () => {
  it.effect("is that of its metadata, and one that surehook.yaml does not map is refused", () =>
    Effect.gen(function* () {
      const item = receipt([log({ address: usdcOf.polygon })])
      const told = yield* decoded(streamed([item], "polygon-mainnet"))
      assert.strictEqual(told.transfers[0]?.claim.chain, "polygon")

      for (const network of ["base-mainnet", "aptos-mainnet", 7]) {
        const body = { data: [item], metadata: { network } }
        const [fault] = faultsOf(yield* decode(body))
        assert.strictEqual(fault?.path, "metadata.network")
      }
      // The only network of a source is no excuse for a body of another.
      const [fault] = faultsOf(
        yield* decode(streamed([item], "polygon-mainnet"), { "ethereum-mainnet": "ethereum" })
      )
      assert.strictEqual(fault?.path, "metadata.network")
    })
  )

  it.effect("is the only one of its source where the filter left it out, and never a guess", () =>
    Effect.gen(function* () {
      const body = [receipt([log()])]
      const told = announced(yield* decode(body, { "ethereum-mainnet": "ethereum" }))
      assert.strictEqual(told.transfers[0]?.claim.chain, "ethereum")
      const [fault] = faultsOf(yield* decode(body))
      assert.strictEqual(fault?.path, "metadata.network")
    })
  )

  it.effect("with nothing in the body is a test call", () =>
    Effect.gen(function* () {
      for (const data of [[], [[]], null]) {
        const told = yield* decoded(streamed(data))
        assert.isTrue(told.is_test)
        assert.deepStrictEqual(told.transfers, [])
      }
      assert.isUndefined((yield* decoded(streamed([block([])]))).is_test)
      // Without metadata, and whatever networks the source has.
      for (const body of [[], { data: [] }]) {
        assert.isTrue(announced(yield* decode(body)).is_test)
      }
    })
  )
})

describe("the signature of a stream", () => {
  const at = 1_764_000_000
  const verify = (webhook: Partial<RawWebhook>) =>
    Effect.gen(function* () {
      const receiver = yield* quicknode.receiver(sourceOf(quicknodeCase), chainsByName)
      const body = new Uint8Array(Buffer.from("[]"))
      return yield* receiver.verify({ headers: {}, body, receivedAt: at * 1000, ...webhook })
    }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer), Effect.result)
  const signed = (nonce: string, timestamp: string, body = "[]") => ({
    "x-qn-nonce": nonce,
    "x-qn-timestamp": timestamp,
    "x-qn-signature": createHmac("sha256", quicknodeCase.secrets[0])
      .update(nonce + timestamp + body)
      .digest("hex")
  })

  it.effect("cannot be kept while a digit moves from the nonce into the timestamp", () =>
    Effect.gen(function* () {
      const headers = signed("nonce-0", `${at}`)
      assert.strictEqual((yield* verify({ headers }))._tag, "Success")
      const moved = { ...headers, "x-qn-nonce": "nonce-", "x-qn-timestamp": `0${at}` }
      const result = yield* verify({ headers: moved })
      assert.strictEqual(result._tag === "Failure" && result.failure.code, "timestamp_invalid")
    })
  )

  it.effect("is refused if any part of it is no such thing", () =>
    Effect.gen(function* () {
      const good = signed("nonce", `${at}`)
      const wrong: ReadonlyArray<Readonly<Record<string, string>>> = [
        signed("", `${at}`),
        signed("nonce", `${at}000`),
        signed("nonce", `${at}.5`),
        { ...good, "x-qn-signature": "" },
        { ...good, "x-qn-signature": good["x-qn-signature"].slice(2) },
        { ...good, "x-qn-signature": `${good["x-qn-signature"]}00` },
        { ...good, "x-qn-signature": "g".repeat(64) },
        { ...good, "x-qn-nonce": "another" }
      ]
      for (const headers of wrong) {
        assert.strictEqual((yield* verify({ headers }))._tag, "Failure", JSON.stringify(headers))
      }
      const upper = { ...good, "x-qn-signature": good["x-qn-signature"].toUpperCase() }
      assert.strictEqual((yield* verify({ headers: upper }))._tag, "Success")
    })
  )

  it.effect("carries a nonce that is remembered, unless it is longer than an id may be", () =>
    Effect.gen(function* () {
      const ids = yield* Effect.forEach(["n".repeat(256), "n".repeat(257)], (nonce) =>
        decodeWith(quicknode, quicknodeCase, streamed([]), { headers: { "x-qn-nonce": nonce } })
      )
      assert.deepStrictEqual(
        ids.map((told) => announced(told).message_id),
        ["n".repeat(256), null]
      )
    })
  )
})

layer(serviceOf(quicknodeCase), { excludeTestServices: true })("a gzipped stream", (it) => {
  const gzip = { "content-encoding": "gzip" }

  it.effect("is verified over what it was before compression", () =>
    Effect.gen(function* () {
      const { body, transfers } = quicknodeCase.sample()
      const bytes = Buffer.from(JSON.stringify(body))
      const answer = yield* post(quicknodeCase, bytes, { sent: gzipSync(bytes), headers: gzip })
      assert.strictEqual(answer.status, 200, answer.text)
      const [first] = transfers
      assert.strictEqual((yield* jobsOf(first?.tx_hash ?? "")).length, 1)

      const before = yield* countAll
      const compressed = gzipSync(Buffer.from(JSON.stringify(quicknodeCase.sample().body)))
      const wrong = yield* post(quicknodeCase, compressed, { headers: gzip })
      assert.strictEqual(wrong.status, 401, wrong.text)
      assert.deepStrictEqual(yield* countAll, before)
    })
  )

  it.effect("that unfolds without end, is cut off, or is no gzip, is refused", () =>
    Effect.gen(function* () {
      const bomb = Buffer.alloc(9 * 1_048_576, " ")
      const bytes = Buffer.from(JSON.stringify(quicknodeCase.sample().body))
      const folded = gzipSync(bytes)
      const sent = [
        { signed: bomb, sent: gzipSync(bomb), status: 413, code: "body_too_large" },
        { signed: bytes, sent: folded.subarray(0, -9), status: 400, code: "malformed" },
        { signed: bytes, sent: bytes, status: 400, code: "malformed" }
      ]
      const before = yield* countAll
      for (const { code, sent: body, signed, status } of sent) {
        const answer = yield* post(quicknodeCase, signed, { sent: body, headers: gzip })
        assert.strictEqual(answer.status, status, answer.text)
        assert.strictEqual(problemOf(answer.json).code, code)
      }
      assert.deepStrictEqual(yield* countAll, before)
    })
  )
})
