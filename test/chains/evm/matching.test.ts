import { assert, describe, it } from "@effect/vitest"
import { tokenTransfers } from "../../../src/chains/evm/transfers.ts"
import { Address } from "../../../src/domain/chain.ts"

const transferTopic = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
const approvalTopic = "0x8c5be1e5ebec7d5bd14f71427d1e84f3dd0314c0f7b2291e5b200ac8c7c3b925"
const contract = Address.make(`0x${"c".repeat(40)}`)
const word = (digit: string) => `0x${"0".repeat(24)}${digit.repeat(40)}`
const five = `0x${"5".padStart(64, "0")}`
const log = (topics: ReadonlyArray<string>, data: string, logIndex = 7) => ({
  address: contract,
  topics,
  data,
  logIndex
})
const erc20 = [transferTopic, word("1"), word("2")]

describe("a log", () => {
  const cases: ReadonlyArray<readonly [string, ReturnType<typeof log>, transfers: number]> = [
    ["is a transfer with two addresses and an amount", log(erc20, five), 1],
    ["is none with its number as a topic, as of an NFT", log([...erc20, five], "0x"), 0],
    ["is none with a fourth topic beside an amount", log([...erc20, five], five), 0],
    ["is none with its addresses as data", log([transferTopic], `${five}${five.slice(2)}`), 0],
    ["is none with more data than an amount", log(erc20, `${five}00`), 0],
    ["is none without an amount", log(erc20, "0x"), 0],
    [
      "is none with more than an address in a topic",
      log([transferTopic, word("1"), five.replace("0x0", "0xf")], five),
      0
    ],
    ["is none of another event", log([approvalTopic, word("1"), word("2")], five), 0],
    ["is none without topics", log([], five), 0]
  ]
  it.each(cases)("%s", (_, one, transfers) => {
    assert.strictEqual(tokenTransfers([one]).length, transfers)
  })

  it("counts among its transaction's own, in the order of the block, whatever they are", () => {
    const transfers = tokenTransfers([
      log(erc20, five, 12),
      log([approvalTopic, word("1"), word("2")], five, 11),
      log(erc20, five, 10)
    ])
    assert.deepStrictEqual(
      transfers.map(({ index, log_index }) => [index, log_index]),
      [
        ["log:0", 10],
        ["log:2", 12]
      ]
    )
  })
})
