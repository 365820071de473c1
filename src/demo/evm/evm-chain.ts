/**
 * The demo's EVM chain: an anvil with a token on it, behind a front that can fail. Its deposits are
 * announced by Standard Webhooks.
 */
import { randomBytes } from "node:crypto"
import { Effect, Schema } from "effect"
import { parseUnits } from "viem/utils"
import { amountFromUnits } from "../../domain/amount.ts"
import { Address, ChainName, TxHash } from "../../domain/chain.ts"
import { SourceId } from "../../domain/ids.ts"
import { type AnvilError, type AnvilTransaction, startAnvil } from "../anvil.ts"
import { announce, balanceOf, mint, splitToken, transfer } from "../calls.ts"
import type { DemoChain, Payment } from "../demo-chain.ts"
import { startRpcFront } from "../rpc-front.ts"
import type { Transaction } from "../scenario.ts"
import { evmScenarios } from "./evm-scenarios.ts"
import { makeStandardCalls } from "./standard-calls.ts"

const name = ChainName.make("localchain")
const decimals: Readonly<Record<string, number>> = { ETH: 18, USDC: 6 }
const decimalsOf = (token: string): number => decimals[token] ?? 0

/** Blocks, its own included, before a deposit is credited. */
const confirmations = 2

/** An address that nobody used before. */
const freshAddress = (): Address => Address.make(`0x${randomBytes(20).toString("hex")}`)

/** A payment that was never made. */
const invented = (): Payment => ({
  chain: name,
  tx_hash: TxHash.make(`0x${randomBytes(32).toString("hex")}`),
  token: "USDC",
  amount: "1000",
  to_address: freshAddress(),
  isReal: false
})

const units = ({ token, amount }: Pick<Payment, "token" | "amount">): bigint =>
  parseUnits(amount, decimalsOf(token))

const supply = units({ token: "USDC", amount: "1000000" })

const Quantity = Schema.String.pipe(Schema.check(Schema.isPattern(/^0x[0-9a-f]+$/)))
const Receipt = Schema.Struct({ logs: Schema.Array(Schema.Struct({ logIndex: Quantity })) })

export const startEvmChain = Effect.gen(function* () {
  const anvil = yield* startAnvil()
  const front = yield* startRpcFront(anvil.url)
  const usdc = yield* anvil.deploy("Token", { symbol: "USDC", decimals: decimalsOf("USDC") })
  const spoof = yield* anvil.deploy("SpoofToken")
  const splitter = yield* anvil.deploy("Splitter")
  const [depositor, pauper] = anvil.accounts
  yield* anvil.send({ from: depositor, to: usdc, data: mint(depositor, supply) })
  yield* anvil.send({ from: depositor, to: usdc, data: mint(splitter, supply) })
  yield* anvil.mine(1)
  // From here on the demo says when there is a block.
  yield* anvil.setAutomine(false)

  type Unsent = Omit<Payment, "tx_hash">

  const payment = (token: string, amount: string, isReal: boolean): Unsent => ({
    chain: name,
    token,
    amount,
    to_address: freshAddress(),
    isReal
  })

  const put = (payments: ReadonlyArray<Unsent>, transaction: AnvilTransaction) =>
    Effect.map(
      anvil.send(transaction),
      (tx_hash): ReadonlyArray<Payment> => payments.map((unsent) => ({ tx_hash, ...unsent }))
    )

  /** Puts it into the mempool, each payment to a fresh address. */
  const send = (transaction: Transaction): Effect.Effect<ReadonlyArray<Payment>, AnvilError> => {
    switch (transaction._tag) {
      case "Pays": {
        const paid = payment(transaction.token, transaction.amount, true)
        const call =
          paid.token === "ETH"
            ? { to: paid.to_address, wei: units(paid) }
            : { to: usdc, data: transfer(paid.to_address, units(paid)) }
        return put([paid], { from: depositor, ...call })
      }
      case "Splits": {
        const paid = transaction.amounts.map((amount) => payment("USDC", amount, true))
        const pairs = paid.map((one) => [one.to_address, units(one)] as const)
        return put(paid, { from: depositor, to: splitter, data: splitToken(usdc, pairs) })
      }
      case "Reverts": {
        const unpaid = payment("USDC", transaction.amount, false)
        // Whoever has no tokens cannot send any.
        const data = transfer(unpaid.to_address, units(unpaid))
        return put([unpaid], { from: pauper, to: usdc, data })
      }
      case "Spoofs": {
        const unpaid = payment("USDC", transaction.amount, false)
        const data = announce(depositor, unpaid.to_address, units(unpaid))
        return put([unpaid], { from: depositor, to: spoof, data })
      }
    }
  }

  const quantity = (method: string, params: ReadonlyArray<Schema.Json>) =>
    anvil.rpc(method, params).pipe(
      Effect.flatMap(Schema.decodeUnknownEffect(Quantity)),
      Effect.map((text) => BigInt(text)),
      Effect.orDie
    )

  /** What the chain itself says that an address holds, in whole tokens. */
  const balance: DemoChain["balance"] = (token, address) =>
    (token === "ETH"
      ? quantity("eth_getBalance", [address, "latest"])
      : quantity("eth_call", [{ to: usdc, data: balanceOf(address) }, "latest"])
    ).pipe(Effect.map((held) => amountFromUnits(held, decimalsOf(token)) ?? "0"))

  /** The log index of a transaction's first log, as a provider gives it. */
  const firstLogIndex = (hash: TxHash): Effect.Effect<number, AnvilError> =>
    anvil.rpc("eth_getTransactionReceipt", [hash]).pipe(
      Effect.flatMap((receipt) => Effect.orDie(Schema.decodeUnknownEffect(Receipt)(receipt))),
      Effect.map(({ logs }) => Number(logs[0]?.logIndex ?? 0))
    )

  const webhooks = makeStandardCalls(firstLogIndex)
  return {
    kind: "evm",
    name,
    title: "EVM (anvil), announced by Standard Webhooks",
    sourceId: SourceId.make("main"),
    source: { provider: "standard", secrets: [webhooks.secret] },
    chain: {
      kind: "evm",
      chain_id: anvil.chainId,
      rpc: [{ url: front.url }],
      confirmations,
      tokens: { ETH: "native", USDC: { contract: usdc, decimals: decimalsOf("USDC") } }
    },
    tokens: ["ETH", "USDC"],
    scenarios: evmScenarios,
    send,
    include: anvil.mine(1),
    deepen: anvil.mine(confirmations - 1),
    balance,
    invented,
    call: webhooks.call,
    front
  } satisfies DemoChain
})
