/** The chain of a run: an anvil that mines at the harness's pace, with tokens and depositors on it. */
import { Effect, Schema, Semaphore } from "effect"
import { type AnvilTransaction, startAnvil } from "../../src/demo/anvil.ts"
import { announce, mint, splitToken, transfer } from "../../src/demo/calls.ts"
import { Address, type TxHash } from "../../src/domain/chain.ts"
import type { PlannedTransaction } from "./plan.ts"

export const chainName = "localchain"
export const confirmations = 2
export const tokenDecimals = 6
export const etherDecimals = 18
const blockMillis = 400
/** Anvil says that what lies 64 blocks deep is final. */
const blocksUntilFinal = 70
const supply = 10n ** 15n
/** Of anvil's ten accounts; the last one has no tokens, so that what it sends reverts. */
export const senderCount = 6

const Receipt = Schema.NullOr(
  Schema.Struct({
    logs: Schema.Array(
      Schema.Struct({ logIndex: Schema.String, topics: Schema.Array(Schema.String) })
    )
  })
)
const Block = Schema.Struct({
  transactions: Schema.Array(Schema.Struct({ hash: Schema.String, from: Schema.String }))
})
const decodeReceipt = Schema.decodeUnknownEffect(Receipt)
const decodeBlock = Schema.decodeUnknownEffect(Block)
const decodeText = Schema.decodeUnknownEffect(Schema.String)

export const startLocalChain = Effect.gen(function* () {
  const anvil = yield* startAnvil()
  const usdc = yield* anvil.deploy("Token", { symbol: "USDC", decimals: tokenDecimals })
  const spoof = yield* anvil.deploy("SpoofToken")
  const splitter = yield* anvil.deploy("Splitter")
  const senders = anvil.accounts.slice(0, senderCount)
  const pauper = anvil.accounts.at(-1) ?? anvil.accounts[1]
  for (const owner of [...senders, splitter]) {
    yield* anvil.send({ from: anvil.accounts[0], to: usdc, data: mint(owner, supply) })
  }
  yield* anvil.mine(1)
  yield* anvil.setAutomine(false)

  /** What stands before is not reorganised: tokens, and who holds them. */
  const begunAt = yield* anvil.blockNumber
  // Sending, mining and reorganising do not mix.
  const turn = Semaphore.makeUnsafe(1)
  let isStalled = false

  const transactionOf = ({ kind, payments, sender }: PlannedTransaction): AnvilTransaction => {
    const from = senders[sender] ?? anvil.accounts[0]
    const pairs = payments.map(({ to, units }) => [Address.make(to), units] as const)
    const [to, units] = pairs[0] ?? [from, 0n]
    switch (kind) {
      case "native":
        return { from, to, wei: units }
      case "split":
        return { from, to: splitter, data: splitToken(usdc, pairs) }
      case "reverts":
        return { from: pauper, to: usdc, data: transfer(to, units) }
      case "spoof":
        return { from, to: spoof, data: announce(from, to, units) }
      default:
        return { from, to: usdc, data: transfer(to, units) }
    }
  }

  const send = (planned: PlannedTransaction) =>
    turn.withPermit(Effect.orDie(anvil.send(transactionOf(planned))))
  const mine = (blocks: number) => turn.withPermit(Effect.orDie(anvil.mine(blocks)))

  /** What stands in the newest blocks, as it was signed, with its place among them. */
  const signedSince = Effect.fnUntraced(function* (first: number, last: number) {
    const found: Array<{ readonly from: string; readonly raw: string; readonly block: number }> = []
    for (let height = first; height <= last; height++) {
      const answer = yield* anvil.rpc("eth_getBlockByNumber", [`0x${height.toString(16)}`, true])
      for (const { from, hash } of (yield* decodeBlock(answer)).transactions) {
        const raw = yield* anvil.rpc("eth_getRawTransactionByHash", [hash])
        found.push({ from: from.toLowerCase(), raw: yield* decodeText(raw), block: height - first })
      }
    }
    return found
  })

  const reorg = (wantedDepth: number, dropsSender: number | null) =>
    turn.withPermit(
      Effect.gen(function* () {
        // Nothing may wait in the mempool for a transaction that is dropped.
        yield* anvil.mine(1)
        const head = yield* anvil.blockNumber
        const depth = Math.min(wantedDepth, head - begunAt - 1)
        if (depth < 1) return
        const dropped = dropsSender === null ? undefined : senders[dropsSender]
        const signed = yield* signedSince(head - depth, head)
        const kept = signed
          .filter(({ from }) => from !== dropped)
          // One block later than before, so that heights and log indices change too.
          .map(({ block, raw }) => [raw, Math.min(block + 1, depth)])
        yield* anvil.rpc("anvil_reorg", [depth + 1, kept])
      }).pipe(Effect.orDie)
    )

  return {
    url: anvil.url,
    usdc,
    send,
    mine,
    reorg,
    mineAtPace: Effect.forever(
      Effect.suspend(() => (isStalled ? Effect.void : mine(1))).pipe(
        Effect.andThen(Effect.sleep(blockMillis))
      )
    ),
    setStalled: (to: boolean) =>
      Effect.sync(() => {
        isStalled = to
      }),
    mineUntilAllIsFinal: mine(blocksUntilFinal),
    /** The block's log index of a transaction's n-th log; undefined as long as it is not mined. */
    logIndex: (hash: TxHash, position: number) =>
      anvil.rpc("eth_getTransactionReceipt", [hash]).pipe(
        Effect.flatMap(decodeReceipt),
        Effect.map((receipt) => receipt?.logs[position]?.logIndex),
        Effect.map((index) => (index === undefined ? undefined : Number(index))),
        Effect.orDie
      )
  }
})

export type LocalChain = Effect.Success<typeof startLocalChain>
