/** The demo's Aptos: a ledger in memory behind a fullnode's front, announced by Circle's webhooks. */
import { randomUUID } from "node:crypto"
import { Effect } from "effect"
import { type Amount, amountFromUnits } from "../../domain/amount.ts"
import { Address, ChainName, TxHash } from "../../domain/chain.ts"
import { SourceId } from "../../domain/ids.ts"
import { amountUnits } from "../amount-units.ts"
import type { DemoChain, Payment } from "../demo-chain.ts"
import { familyScenarios } from "../family-scenarios.ts"
import { deadLettered, type Transaction } from "../scenario.ts"
import { startAptosFront } from "./aptos-front.ts"
import { type AptosTransfer, fresh, freshAptosAddress, makeAptosLedger } from "./aptos-ledger.ts"
import { startCircle } from "./circle.ts"

const name = ChainName.make("aptos")
const decimals: Readonly<Record<string, number>> = { APT: 8, USDC: 6 }
const decimalsOf = (token: string): number => decimals[token] ?? 0
const aptMetadata = Address.make(`0x${"a".padStart(64, "0")}`)

export const startAptosChain = Effect.gen(function* () {
  const ledger = makeAptosLedger()
  const front = yield* startAptosFront(ledger)
  const [usdc, spoof, depositor] = [freshAptosAddress(), freshAptosAddress(), freshAptosAddress()]
  const tokenIds: Readonly<Record<string, string>> = { APT: randomUUID(), USDC: randomUUID() }
  const circle = yield* startCircle("APTOS")

  /** What the ledger has moved, for it keeps no balances itself. */
  const held = new Map<string, bigint>()
  const waiting: Array<Effect.Effect<void>> = []

  const transfer = (metadata: Address, payment: Omit<Payment, "tx_hash">): AptosTransfer => ({
    _tag: "FungibleAsset",
    metadata,
    from: depositor,
    to: payment.to_address,
    units: amountUnits(payment.amount, decimalsOf(payment.token))
  })

  const payment = (token: string, amount: string, isReal: boolean): Omit<Payment, "tx_hash"> => ({
    chain: name,
    token,
    amount,
    to_address: freshAptosAddress(),
    isReal
  })

  const pay = Effect.fnUntraced(function* (token: string, amounts: ReadonlyArray<string>) {
    const unsent = amounts.map((amount) => payment(token, amount, true))
    const metadata = token === "APT" ? aptMetadata : usdc
    const tx_hash = yield* ledger.pend(unsent.map((one) => transfer(metadata, one)))
    waiting.push(
      Effect.andThen(
        ledger.land(tx_hash),
        Effect.sync(() => {
          for (const one of unsent) {
            held.set(`${token} ${one.to_address}`, amountUnits(one.amount, decimalsOf(token)))
          }
        })
      )
    )
    return unsent.map((one): Payment => ({ ...one, tx_hash }))
  })

  const payInVain = Effect.fnUntraced(function* (
    amount: string,
    metadata: Address,
    failure?: string
  ) {
    const unpaid = payment("USDC", amount, false)
    const options = failure === undefined ? {} : { failure }
    const tx_hash = yield* ledger.commit([transfer(metadata, unpaid)], options)
    return [{ ...unpaid, tx_hash }]
  })

  const send = (transaction: Transaction) => {
    switch (transaction._tag) {
      case "Pays":
        return pay(transaction.token, [transaction.amount])
      case "Splits":
        return pay("USDC", transaction.amounts)
      case "Reverts":
        return payInVain(transaction.amount, usdc, "EINSUFFICIENT_BALANCE(0x10004)")
      case "Spoofs":
        return payInVain(transaction.amount, spoof)
    }
  }

  return {
    kind: "aptos",
    name,
    title: "Aptos (a fullnode's front over a ledger in memory), announced by Circle",
    sourceId: SourceId.make("circle"),
    source: {
      provider: "circle",
      secrets: [circle.apiKey],
      api_url: circle.url,
      networks: { APTOS: name },
      tokens: Object.fromEntries(
        Object.entries(tokenIds).map(([token, id]) => [id, { chain: name, token }])
      )
    },
    chain: {
      kind: "aptos",
      chain_id: ledger.chainId,
      rpc: [{ url: front.url }],
      confirmations: "finalized",
      tokens: { APT: "native", USDC: { contract: usdc, decimals: decimalsOf("USDC") } }
    },
    tokens: ["APT", "USDC"],
    scenarios: familyScenarios({
      family: "Aptos",
      native: "APT",
      // A notification of Circle tells of one payment.
      isOneByOne: true,
      failed: deadLettered("reverted"),
      spoofed: deadLettered("USDC")
    }),
    send,
    // A transaction is pending, or committed and final: nothing lies between.
    include: Effect.void,
    deepen: Effect.suspend(() => Effect.all(waiting.splice(0), { discard: true })),
    balance: (token, address): Effect.Effect<Amount | "0"> =>
      Effect.sync(
        () => amountFromUnits(held.get(`${token} ${address}`) ?? 0n, decimalsOf(token)) ?? "0"
      ),
    invented: () => ({ ...payment("USDC", "1000", false), tx_hash: TxHash.make(fresh()) }),
    call: (webhook, [told]) => circle.call(webhook, told, tokenIds)
  } satisfies DemoChain
})
