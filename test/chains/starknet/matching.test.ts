import { assert, describe, it } from "@effect/vitest"
import { hash, uint256 } from "starknet"
import {
  matchToken,
  tokenTransfers,
  transferSelector
} from "../../../src/chains/starknet/matching.ts"
import { freshHash } from "../../../src/demo/starknet/starknet-chain.ts"
import { claimOf, depositAddress, depositor, usdcContract } from "../../support/starknet.ts"

const [from, to] = [depositor, depositAddress]
const event = (keys: ReadonlyArray<string>, data: ReadonlyArray<string>) => ({
  from_address: usdcContract,
  keys,
  data
})
const newer = event([transferSelector, from, to], ["0x5", "0x0"])
const older = event([transferSelector], [from, to, "0x5", "0x0"])
const overHalf = `0x1${"0".repeat(32)}`
const underHalf = `0x${"f".repeat(32)}`

describe("an event", () => {
  it("is a transfer by the selector that starknet.js computes", () => {
    assert.strictEqual(transferSelector, hash.getSelectorFromName("Transfer"))
  })

  const cases: ReadonlyArray<readonly [string, ReturnType<typeof event>, transfers: number]> = [
    ["is a transfer with its parties in the keys", newer, 1],
    ["is a transfer with its parties in the data", older, 1],
    [
      "is none with its number in the keys, as of an NFT",
      event([...newer.keys, "0x5", "0x0"], []),
      0
    ],
    ["is none with one party in the keys", event([transferSelector, from], [to, "0x5", "0x0"]), 0],
    ["is none with parties in keys and data", event(newer.keys, older.data), 0],
    ["is none with a third party in the keys", event([...newer.keys, "0x9"], newer.data), 0],
    ["is none with an amount of one felt", event(newer.keys, ["0x5"]), 0],
    ["is none with an amount of three felts", event(newer.keys, ["0x5", "0x0", "0x0"]), 0],
    [
      "is none with more data than parties and amount",
      event(older.keys, [...older.data, "0x0"]),
      0
    ],
    ["is none with a low half of more than 128 bits", event(newer.keys, [overHalf, "0x0"]), 0],
    ["is none with a high half of more than 128 bits", event(newer.keys, ["0x5", overHalf]), 0],
    ["is one with the largest amount", event(newer.keys, [underHalf, underHalf]), 1],
    ["is none of another selector", event(["0x134", from, to], newer.data), 0],
    [
      "is none with the selector in the second key",
      event(["0x1", transferSelector], older.data),
      0
    ],
    ["is none without keys", event([], older.data), 0],
    ["is none without anything", event([], []), 0]
  ]
  it.each(cases)("%s", (_, one, transfers) => {
    assert.strictEqual(tokenTransfers([one]).length, transfers)
  })

  it("tells the same in both layouts", () => {
    assert.deepStrictEqual(tokenTransfers([newer]), tokenTransfers([older]))
    assert.deepInclude(tokenTransfers([newer])[0], { from, to, units: 5n, contract: usdcContract })
  })

  it("has the amount that starknet.js reads from its halves", () => {
    for (const [low, high] of [
      ["0x0", "0x1"],
      [underHalf, "0x0"],
      ["0x7b", "0x1c8"],
      [underHalf, underHalf]
    ] as const) {
      const [transfer] = tokenTransfers([event(newer.keys, [low, high])])
      assert.strictEqual(transfer?.units, uint256.uint256ToBN({ low, high }))
    }
  })

  it("counts among all events of its receipt, whatever they are", () => {
    const transfers = tokenTransfers([event(["0x1"], []), newer, event([], []), older])
    assert.deepStrictEqual(
      transfers.map(({ index }) => index),
      [1, 3]
    )
  })
})

describe("a claim that no event fits", () => {
  const token = { _tag: "Contract", contract: usdcContract, decimals: 6 } as const
  const claim = claimOf({ tx_hash: freshHash() })

  it("says so when there is no transfer at all", () => {
    const match = matchToken(claim, token, [event(["0x1"], [])])
    assert.deepInclude(match, { reason: "the transaction holds no ERC-20 transfer" })
  })

  it("shows the nearest miss: the right token to the right recipient before all others", () => {
    const foreign = { ...newer, from_address: "0xbad" }
    const elsewhere = event([transferSelector, from, "0xe"], newer.data)
    const reasonOf = (events: Parameters<typeof matchToken>[2]) => {
      const match = matchToken(claim, token, events)
      return match._tag === "Missing" ? match.reason : assert.fail("it matched")
    }
    assert.match(reasonOf([elsewhere, foreign, newer, newer]), /nearest is event 2, and 1 more/)
    assert.match(reasonOf([elsewhere, foreign]), /nearest is event 1: it was emitted by 0xbad/)
    assert.match(reasonOf([elsewhere]), /nearest is event 0: it went to 0xe/)
  })

  it("leaves evidence of a bounded size, however many transfers there are", () => {
    const match = matchToken(
      claim,
      token,
      Array.from({ length: 500 }, () => newer)
    )
    assert.strictEqual(match._tag, "Missing")
    if (match._tag !== "Missing") return
    assert.strictEqual(match.found.transfer_count, 500)
    assert.isBelow(JSON.stringify(match.found).length, 3000)
  })
})
