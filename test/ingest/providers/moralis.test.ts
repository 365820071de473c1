/** Moralis Streams, in the shapes that its documentation shows. */
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Result, type Schema } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { ChainName } from "../../../src/domain/chain.ts"
import { moralis as provider } from "../../../src/ingest/providers/moralis.ts"
import { moralisBody } from "../../../src/ingest/providers/moralis-body.ts"
import {
  answerOf,
  countAll,
  type ProviderCase,
  post,
  problemOf,
  providerConformance,
  serviceOf
} from "./conformance.ts"
import { chainsByName, newEvmAddress, newEvmHash, usdcOf } from "./fixtures.ts"

const mask = (1n << 64n) - 1n
const rotated = (lane: bigint, by: number): bigint =>
  ((lane << BigInt(by)) | (lane >> BigInt(64 - by))) & mask

/** The constants of the rounds come from a shift register: FIPS 202, algorithm 5. */
const roundConstants = (() => {
  let register = 1
  const bit = () => {
    const out = register & 1
    register = register & 0x80 ? (register << 1) ^ 0x171 : register << 1
    return out
  }
  return Array.from({ length: 24 }, () => {
    let constant = 0n
    for (let j = 0; j <= 6; j++) if (bit() === 1) constant |= 1n << BigInt(2 ** j - 1)
    return constant
  })
})()

const permuted = (state: ReadonlyArray<bigint>): Array<bigint> => {
  let a = [...state]
  const at = (lanes: ReadonlyArray<bigint>, x: number, y: number) =>
    lanes[((x + 5) % 5) + 5 * (y % 5)] ?? 0n
  for (const constant of roundConstants) {
    const parity = [0, 1, 2, 3, 4].map((x) =>
      [0, 1, 2, 3, 4].reduce((sum, y) => sum ^ at(a, x, y), 0n)
    )
    a = a.map(
      (lane, i) => lane ^ at(parity, (i % 5) - 1, 0) ^ rotated(at(parity, ((i % 5) + 1) % 5, 0), 1)
    )
    const moved = [...a]
    let [x, y] = [1, 0]
    for (let t = 0; t < 24; t++) {
      const [nextX, nextY] = [y, (2 * x + 3 * y) % 5]
      moved[nextX + 5 * nextY] = rotated(at(a, x, y), (((t + 1) * (t + 2)) / 2) % 64)
      x = nextX
      y = nextY
    }
    a = moved.map((lane, i) => {
      const [column, row] = [i % 5, Math.floor(i / 5)]
      return lane ^ (~at(moved, column + 1, row) & mask & at(moved, column + 2, row))
    })
    a[0] = (a[0] ?? 0n) ^ constant
  }
  return a
}

/** Keccak with the padding from before SHA-3, and nothing of the library that verifies. */
const keccak256 = (message: Buffer): string => {
  const rate = 136
  const padded = Buffer.alloc(Math.floor(message.length / rate + 1) * rate)
  message.copy(padded)
  padded.writeUInt8(padded.readUInt8(message.length) | 0x01, message.length)
  padded.writeUInt8(padded.readUInt8(padded.length - 1) | 0x80, padded.length - 1)
  let state: Array<bigint> = Array.from({ length: 25 }, () => 0n)
  for (let block = 0; block < padded.length; block += rate) {
    state = permuted(
      state.map((lane, i) => (i < rate / 8 ? lane ^ padded.readBigUInt64LE(block + 8 * i) : lane))
    )
  }
  const out = Buffer.alloc(32)
  for (const [i, lane] of state.slice(0, 4).entries()) out.writeBigUInt64LE(lane, 8 * i)
  return out.toString("hex")
}

type Fields = Readonly<Record<string, Schema.Json>>

const to = newEvmAddress()
const from = newEvmAddress()
const hash = newEvmHash()

const erc20 = (fields: Fields = {}): Fields => ({
  transactionHash: hash,
  logIndex: "132",
  contract: usdcOf.ethereum,
  from,
  to,
  value: "1500000",
  tokenName: "USD Coin",
  tokenSymbol: "USDC",
  tokenDecimals: "6",
  valueWithDecimals: "1.5",
  ...fields
})

const transaction = (fields: Fields = {}): Fields => ({
  hash,
  gas: "21000",
  nonce: "1",
  input: "0x",
  fromAddress: from,
  toAddress: to,
  value: "250000000000000000",
  type: "2",
  receiptStatus: "1",
  ...fields
})

const internal = (fields: Fields = {}): Fields => ({
  from,
  to,
  value: "1",
  gas: "117885",
  transactionHash: hash,
  ...fields
})

const block = (fields: Fields = {}): Fields => ({
  confirmed: false,
  chainId: "0x1",
  abi: [],
  streamId: "c28d9e2e-ae9d-4fe6-9fc0-5fcde2dcdd17",
  tag: "deposits",
  retries: 0,
  block: { number: "15988759", hash: newEvmHash(), timestamp: "1668676247" },
  logs: [],
  txs: [],
  txsInternal: [],
  erc20Transfers: [],
  erc20Approvals: [],
  nftApprovals: { ERC1155: [], ERC721: [] },
  nftTransfers: [],
  ...fields
})

const testCall: Schema.Json = {
  abi: {},
  block: { hash: "", number: "", timestamp: "" },
  txs: [],
  txsInternal: [],
  logs: [],
  chainId: "",
  tag: "",
  streamId: "",
  confirmed: true,
  retries: 0,
  erc20Approvals: [],
  erc20Transfers: [],
  nftApprovals: [],
  nftTransfers: []
}

const moralis: ProviderCase = {
  provider: "moralis",
  secrets: ["4f1c9a5e-first-streams-secret", "77aa0b1d-second-streams-secret"],
  wrongSecret: "the-api-key-is-not-the-streams-secret",
  networks: { "0x1": "ethereum", "137": "polygon", "0x2105": "base", "0x5": "solana" },
  signsBody: true,
  sign: (body, { secret }) => ({
    "x-signature": `0x${keccak256(Buffer.concat([body, Buffer.from(secret)]))}`
  }),
  sample: () => {
    const [first, second] = [newEvmHash(), newEvmHash()]
    const [one, other] = [newEvmAddress(), newEvmAddress()]
    const place = { chain: "ethereum", to_address: other, transfer_index: null, token: "ETH" }
    return {
      body: block({
        logs: [{ logIndex: "132", transactionHash: first, address: usdcOf.ethereum }],
        erc20Transfers: [erc20({ transactionHash: first, to: one })],
        txs: [transaction({ hash: second, toAddress: other })],
        txsInternal: [internal({ transactionHash: second, to: other })]
      }),
      transfers: [
        {
          chain: "ethereum",
          tx_hash: first,
          token: "USDC",
          amount: "1.5",
          to_address: one,
          transfer_index: 132
        },
        { ...place, tx_hash: second, amount: "0.25" },
        { ...place, tx_hash: second, amount: "0.000000000000000001" }
      ]
    }
  },
  required: [
    "chainId",
    "confirmed",
    "erc20Transfers",
    "txs",
    ...["transactionHash", "contract", "from", "to", "value"].map(
      (key) => `erc20Transfers[0].${key}`
    ),
    ...["hash", "fromAddress", "toAddress", "value"].map((key) => `txs[0].${key}`),
    ...["transactionHash", "from", "to", "value"].map((key) => `txsInternal[0].${key}`)
  ]
}

providerConformance(moralis)

const networks = new Map(
  Object.entries(moralis.networks ?? {}).map(([name, chain]) => [name, ChainName.make(chain)])
)
const decode = (body: Schema.Json) =>
  moralisBody(networks, chainsByName)(body, { headers: {}, body: new Uint8Array(), receivedAt: 0 })

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
const reasons = (body: Schema.Json) => {
  const { ignored, transfers } = announced(body)
  assert.deepStrictEqual(transfers, [])
  return ignored.map(({ path, reason }) => [path, reason])
}

describe("Moralis' signature", () => {
  it("is made with the streams secret as it is, which is too long to be guessed", () => {
    const [text] = moralis.secrets
    assert.deepStrictEqual(provider.secret(text, {}), Result.succeed(text))
    assert.isTrue(Result.isFailure(provider.secret("x".repeat(15), {})))
  })

  it("is checked by tests with a keccak-256 of their own that is right", () => {
    assert.strictEqual(
      keccak256(Buffer.alloc(0)),
      "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    )
    assert.strictEqual(
      keccak256(Buffer.from("Transfer(address,address,uint256)")),
      "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
    )
  })
})

describe("Moralis' streams", () => {
  it("make a call of empty lists when a stream is created, which is a test and no deposit", () => {
    const expected = { message_id: null, transfers: [], ignored: [], is_test: true }
    assert.deepStrictEqual(announced(testCall), expected)
    const typed = { ...Object(testCall), nftApprovals: { ERC721: [], ERC1155: [] } }
    assert.deepStrictEqual(announced(typed), expected)
  })

  it("make no test of a call that has a chain or a transfer", () => {
    assert.isUndefined(announced(block()).is_test)
    for (const list of ["erc20Transfers", "txs", "txsInternal", "nftTransfers", "erc20Approvals"]) {
      const [fault] = faults({ ...Object(testCall), [list]: [{}] })
      assert.strictEqual(fault?.path, "chainId", list)
    }
    const approvals = { ERC721: [{}], ERC1155: [] }
    assert.strictEqual(faults({ ...Object(testCall), nftApprovals: approvals })[0]?.path, "chainId")
  })

  it("call a block that is new seen, and one that is deep confirmed, of the same claim", () => {
    for (const list of [
      { erc20Transfers: [erc20()] },
      { txs: [transaction()] },
      { txsInternal: [internal()] }
    ]) {
      const seen = oneTransfer(block({ ...list, confirmed: false }))
      const confirmed = oneTransfer(block({ ...list, confirmed: true }))
      assert.deepStrictEqual([seen.report, confirmed.report], ["seen", "confirmed"])
      assert.deepStrictEqual(seen.claim, confirmed.claim)
    }
  })

  it("name a chain by its id, in hex or not, whichever the file has", () => {
    const chainOf = (chainId: string) =>
      oneTransfer(block({ chainId, txs: [transaction()] })).claim.chain
    assert.deepStrictEqual(["0x1", "1", "0x01", "0X1"].map(chainOf), Array(4).fill("ethereum"))
    assert.deepStrictEqual(["0x89", "137"].map(chainOf), ["polygon", "polygon"])
    assert.deepStrictEqual(["0x2105", "8453"].map(chainOf), ["base", "base"])
  })

  it("are refused if they name a chain that surehook.yaml does not map, or no EVM chain", () => {
    for (const chainId of ["0xa", "10", "", "ethereum", "0x", "constructor", "1.0"]) {
      const [fault, ...others] = faults(block({ chainId, txs: [transaction()] }))
      assert.deepStrictEqual(others, [])
      assert.strictEqual(fault?.path, "chainId")
      assert.match(fault?.message ?? "", /0x1, 0x2105|137, 0x1/)
    }
    assert.match(faults(block({ chainId: "0x5" }))[0]?.message ?? "", /no EVM chain/)
  })

  it("never have their amounts read from what was computed with decimals", () => {
    const odd = { valueWithDecimals: "9999", tokenDecimals: "2", tokenSymbol: "SCAM" }
    const { claim } = oneTransfer(block({ erc20Transfers: [erc20(odd)] }))
    assert.deepStrictEqual([claim.amount, claim.token], ["1.5", "USDC"])
  })

  it("have spoofed tokens left out, which hold up nothing however odd they are", () => {
    const spoofed = { contract: newEvmAddress(), value: null, to: 7, tokenSymbol: "USDC" }
    const { ignored, transfers } = announced(block({ erc20Transfers: [spoofed, erc20()] }))
    assert.deepStrictEqual(
      ignored.map(({ path, reason }) => [path, reason]),
      [["erc20Transfers[0]", "token_unknown"]]
    )
    assert.deepStrictEqual(
      transfers.map(({ path }) => path),
      ["erc20Transfers[1]"]
    )
  })

  it("have left out what failed, moved nothing, or made a contract", () => {
    assert.deepStrictEqual(
      reasons(
        block({
          txs: [
            transaction({ receiptStatus: "0" }),
            transaction({ value: "0" }),
            transaction({ toAddress: null })
          ],
          txsInternal: [internal({ value: "0" }), internal({ to: null })],
          erc20Transfers: [erc20({ value: "0" })]
        })
      ),
      [
        ["erc20Transfers[0]", "zero_amount"],
        ["txs[0]", "failed_transaction"],
        ["txs[1]", "zero_amount"],
        ["txs[2]", "not_a_transfer"],
        ["txsInternal[0]", "zero_amount"],
        ["txsInternal[1]", "not_a_transfer"]
      ]
    )
    assert.strictEqual(
      oneTransfer(block({ txs: [transaction({ receiptStatus: null })] })).path,
      "txs[0]"
    )
  })

  it("have NFTs and approvals left out by name, and raw logs without a word", () => {
    assert.deepStrictEqual(
      reasons(
        block({
          logs: [{ logIndex: "1" }],
          nftTransfers: [{ tokenId: "1", contract: usdcOf.ethereum }],
          erc20Approvals: [{ value: "115792089237316195423570985008687907853269984665640564" }],
          nftApprovals: { ERC721: [{}], ERC1155: [{}] }
        })
      ),
      [
        ["nftTransfers[0]", "nft"],
        ["erc20Approvals[0]", "approval"],
        ["nftApprovals.ERC721[0]", "approval"],
        ["nftApprovals.ERC1155[0]", "approval"]
      ]
    )
    const { txsInternal: _, nftTransfers: __, nftApprovals: ___, ...bare } = block()
    assert.deepStrictEqual(reasons(bare), [])
  })

  it("are refused whole for one entry that cannot be read, by its path", () => {
    const cases: ReadonlyArray<readonly [path: string, fields: Fields]> = [
      ["erc20Transfers[0].contract", { erc20Transfers: [erc20({ contract: "USDC" })] }],
      ["erc20Transfers[0].transactionHash", { erc20Transfers: [erc20({ transactionHash: "0x" })] }],
      ["erc20Transfers[0].value", { erc20Transfers: [erc20({ value: 1_500_000 })] }],
      ["erc20Transfers[0].value", { erc20Transfers: [erc20({ value: "1.5" })] }],
      ["erc20Transfers[0].value", { erc20Transfers: [erc20({ value: "-1" })] }],
      ["erc20Transfers[0].value", { erc20Transfers: [erc20({ value: "0x16e360" })] }],
      ["erc20Transfers[0].value", { erc20Transfers: [erc20({ value: "9".repeat(78) })] }],
      ["erc20Transfers[0].value", { erc20Transfers: [erc20({ value: "9".repeat(79) })] }],
      ["erc20Transfers[0].logIndex", { erc20Transfers: [erc20({ logIndex: "2147483648" })] }],
      ["erc20Transfers[0].to", { erc20Transfers: [erc20({ to: "bob" })] }],
      ["txs[0].toAddress", { txs: [transaction({ toAddress: "" })] }],
      ["txs[0].receiptStatus", { txs: [transaction({ receiptStatus: 0 })] }],
      ["txsInternal[0].from", { txsInternal: [internal({ from: "0x12" })] }],
      ["txs", { txs: {} }],
      ["confirmed", { confirmed: "true" }]
    ]
    for (const [path, fields] of cases) {
      assert.deepStrictEqual(
        faults(block({ txsInternal: [internal()], ...fields })).map((fault) => fault.path),
        [path]
      )
    }
  })

  it("are taken without a log index, which is null then", () => {
    const { logIndex: _, ...without } = erc20()
    for (const entry of [without, erc20({ logIndex: null })]) {
      assert.isNull(oneTransfer(block({ erc20Transfers: [entry] })).claim.transfer_index)
    }
  })

  it("keep with each transfer its own entry, and not the block's others", () => {
    const entry = erc20()
    const body = block({ erc20Transfers: [entry], txs: [transaction()], confirmed: true })
    assert.deepStrictEqual(announced(body).transfers[0]?.payload, {
      chainId: "0x1",
      confirmed: true,
      erc20Transfers: [entry]
    })
    assert.strictEqual(announced(body).transfers[0]?.from_address, from)
  })
})

layer(serviceOf(moralis), { excludeTestServices: true })("A stream of Moralis", (it) => {
  it.effect("starts, because its test call gets a 200 and makes nothing", () =>
    Effect.gen(function* () {
      const before = yield* countAll
      const answer = yield* post(moralis, testCall)
      assert.strictEqual(answer.status, 200, answer.text)
      assert.strictEqual(answerOf(answer.json).status, "test")
      assert.deepStrictEqual(yield* countAll, before)
      const unsigned = yield* post(moralis, testCall, { secret: moralis.wrongSecret })
      assert.strictEqual(unsigned.status, 401)
    })
  )

  it.effect("confirms a transfer as an event of its job, and its late first word is no news", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient
      const transactionHash = newEvmHash()
      const told = (confirmed: boolean) =>
        block({ confirmed, erc20Transfers: [erc20({ transactionHash })] })
      const seen = answerOf((yield* post(moralis, told(false))).json)
      const confirmed = answerOf((yield* post(moralis, told(true))).json)
      const late = answerOf((yield* post(moralis, told(false))).json)
      assert.deepStrictEqual(
        [seen, confirmed, late].map(({ job_id, status }) => [job_id, status]),
        ["accepted", "duplicate", "duplicate"].map((status) => [seen.job_id, status])
      )
      const events = yield* sql`
        SELECT type, data->>'report' AS report FROM deposit_events
        WHERE job_id = ${seen.job_id ?? ""} ORDER BY sequence`
      assert.deepStrictEqual(events, [
        { type: "deposit.received", report: "seen" },
        { type: "provider.reported", report: "confirmed" }
      ])
    })
  )

  it.effect("is told what a signature must look like", () =>
    Effect.gen(function* () {
      for (const given of [
        "",
        "0x",
        "a".repeat(64),
        `0x${"a".repeat(63)}`,
        `0x${"g".repeat(64)}`
      ]) {
        const answer = yield* post(moralis, testCall, { headers: { "x-signature": given } })
        assert.strictEqual(answer.status, 401)
        assert.match(problemOf(answer.json).detail, /0x and 64 hex digits/)
      }
    })
  )
})

describe("a call of Moralis with frames that carry no value", () => {
  it("tells of the deposits beside them", () => {
    const [hash, to] = [newEvmHash(), newEvmAddress()]
    const told = announced(
      block({
        txs: [{ ...transaction({ hash }), value: null }],
        txsInternal: [
          { ...internal({ transactionHash: hash, to }), from: null },
          { ...internal({ transactionHash: hash, to }), value: null }
        ]
      })
    )
    assert.deepStrictEqual(
      told.transfers.map(({ claim, from_address }) => [claim.to_address, from_address]),
      [[to, null]]
    )
    assert.deepStrictEqual(
      told.ignored.map(({ path, reason }) => [path, reason]),
      [
        ["txs[0]", "not_a_transfer"],
        ["txsInternal[1]", "not_a_transfer"]
      ]
    )
  })
})
