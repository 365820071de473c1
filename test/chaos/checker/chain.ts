/** Reads every transfer of the canonical chain from its blocks and receipts, by plain JSON-RPC. */
import { Effect, Schema } from "effect"
import { attoOfUnits } from "./amounts.ts"
import type { ChainTransfer } from "./facts.ts"

export interface WatchedChain {
  readonly url: string
  /** Blocks, its own included, after which a transfer counts. */
  readonly confirmations: number
  readonly native: { readonly token: string; readonly decimals: number }
  readonly contracts: ReadonlyArray<{
    readonly token: string
    readonly contract: string
    readonly decimals: number
  }>
}

/** The ABI's signature hash of `Transfer(address,address,uint256)`, as explorers show it. */
const transferTopic = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
const blocksPerRequest = 50

const Block = Schema.Struct({
  transactions: Schema.Array(
    Schema.Struct({
      hash: Schema.String,
      from: Schema.String,
      to: Schema.NullOr(Schema.String),
      value: Schema.String
    })
  )
})
const Receipts = Schema.Array(
  Schema.Struct({
    transactionHash: Schema.String,
    status: Schema.String,
    logs: Schema.Array(
      Schema.Struct({
        address: Schema.String,
        topics: Schema.Array(Schema.String),
        data: Schema.String,
        logIndex: Schema.String
      })
    )
  })
)
const Answer = Schema.Struct({ id: Schema.Int, result: Schema.Unknown })
const Answers = Schema.Array(Answer)

interface Call {
  readonly method: string
  readonly params: ReadonlyArray<unknown>
}

/** The results, in the calls' order. */
const ask = (url: string, calls: ReadonlyArray<Call>) =>
  Effect.promise(async (signal) => {
    const body = calls.map((call, id) => ({ jsonrpc: "2.0", id, ...call }))
    const headers = { "content-type": "application/json" }
    const init = { method: "POST", headers, body: JSON.stringify(body), signal }
    const answer: unknown = await (await fetch(url, init)).json()
    return answer
  }).pipe(
    Effect.flatMap(Schema.decodeUnknownEffect(Answers)),
    Effect.map((answers) => answers.toSorted((a, b) => a.id - b.id).map(({ result }) => result))
  )

const hex = (height: number): string => `0x${height.toString(16)}`
const addressOf = (word: string): string => `0x${word.slice(26)}`.toLowerCase()

const transfersOf = (
  { contracts, native }: WatchedChain,
  block: typeof Block.Type,
  receipts: typeof Receipts.Type
): ReadonlyArray<ChainTransfer> => {
  const receiptOf = new Map(receipts.map((receipt) => [receipt.transactionHash, receipt]))
  return block.transactions.flatMap(({ from, hash, to, value }) => {
    const receipt = receiptOf.get(hash)
    if (receipt === undefined || receipt.status !== "0x1") return []
    const own: ReadonlyArray<ChainTransfer> =
      to === null || BigInt(value) === 0n
        ? []
        : [
            {
              tx_hash: hash,
              index: "native",
              log_index: null,
              token: native.token,
              from: from.toLowerCase(),
              to: to.toLowerCase(),
              atto: attoOfUnits(BigInt(value), native.decimals)
            }
          ]
    const logged = receipt.logs.flatMap(({ address, data, logIndex, topics }, position) => {
      const token = contracts.find(({ contract }) => contract === address.toLowerCase())
      const [topic, sender, recipient] = topics
      if (token === undefined || topic !== transferTopic || topics.length !== 3) return []
      return [
        {
          tx_hash: hash,
          index: `log:${position}`,
          log_index: Number(logIndex),
          token: token.token,
          from: addressOf(sender ?? ""),
          to: addressOf(recipient ?? ""),
          atto: attoOfUnits(BigInt(data), token.decimals)
        }
      ]
    })
    return [...own, ...logged]
  })
}

/** The confirmed transfers of the configured tokens. */
export const readChain = Effect.fnUntraced(function* (chain: WatchedChain) {
  const [head] = yield* ask(chain.url, [{ method: "eth_blockNumber", params: [] }])
  const last = Number(head) - chain.confirmations + 1
  const transfers: Array<ChainTransfer> = []
  for (let first = 0; first <= last; first += blocksPerRequest) {
    const heights = Array.from(
      { length: Math.min(blocksPerRequest, last - first + 1) },
      (_, index) => hex(first + index)
    )
    const results = yield* ask(chain.url, [
      ...heights.map((height) => ({ method: "eth_getBlockByNumber", params: [height, true] })),
      ...heights.map((height) => ({ method: "eth_getBlockReceipts", params: [height] }))
    ])
    for (const index of heights.keys()) {
      const block = yield* Schema.decodeUnknownEffect(Block)(results[index])
      const receipts = yield* Schema.decodeUnknownEffect(Receipts)(results[heights.length + index])
      transfers.push(...transfersOf(chain, block, receipts))
    }
  }
  return transfers
})
