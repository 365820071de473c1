/** The demo's Solana: litesvm executes real transfers, and Helius' enhanced webhooks announce them. */
import { randomBytes } from "node:crypto"
import { base58 } from "@scure/base"
import { Effect } from "effect"
import { amountFromUnits } from "../../domain/amount.ts"
import { Address, ChainName, TxHash } from "../../domain/chain.ts"
import { SourceId } from "../../domain/ids.ts"
import { amountUnits } from "../amount-units.ts"
import type { DemoChain, Payment } from "../demo-chain.ts"
import { familyScenarios } from "../family-scenarios.ts"
import { ignored, type Transaction } from "../scenario.ts"
import { enhancedBody } from "./helius-body.ts"
import { startLocalSolana } from "./local-solana.ts"

const name = ChainName.make("solana")
const decimals: Readonly<Record<string, number>> = { SOL: 9, USDC: 6 }
const decimalsOf = (token: string): number => decimals[token] ?? 0

export const startSolanaChain = Effect.gen(function* () {
  const solana = yield* startLocalSolana
  const usdc = yield* solana.createMint({ decimals: decimalsOf("USDC") })
  const spoof = yield* solana.createMint({ decimals: decimalsOf("USDC") })
  yield* solana.finalize
  const secret = `demo-${randomBytes(24).toString("base64url")}`
  const mintOf = (token: string) => (token === "SOL" ? "SOL" : usdc)
  /** Transactions whose payments are of another mint than they say. */
  const spoofed = new Set<string>()
  const failed = new Set<string>()

  const pay = Effect.fnUntraced(function* (
    token: string,
    amounts: ReadonlyArray<string>,
    how: "well" | "in vain" | "with another mint" = "well"
  ) {
    const unsent = yield* Effect.forEach(amounts, (amount) =>
      Effect.map(solana.freshAddress, (to_address) => ({ amount, to_address }))
    )
    const tx_hash = yield* solana.pay(
      unsent.map(({ amount, to_address }) => ({
        to: to_address,
        token: how === "with another mint" ? spoof : mintOf(token),
        units: amountUnits(amount, decimalsOf(token))
      })),
      { fails: how === "in vain" }
    )
    if (how === "with another mint") spoofed.add(tx_hash)
    if (how === "in vain") failed.add(tx_hash)
    return unsent.map(
      (one): Payment => ({ chain: name, tx_hash, token, isReal: how === "well", ...one })
    )
  })

  const send = (transaction: Transaction) => {
    switch (transaction._tag) {
      case "Pays":
        return pay(transaction.token, [transaction.amount])
      case "Splits":
        return pay("USDC", transaction.amounts)
      case "Reverts":
        return pay("USDC", [transaction.amount], "in vain")
      case "Spoofs":
        return pay("USDC", [transaction.amount], "with another mint")
    }
  }

  return {
    kind: "solana",
    name,
    title: "Solana (litesvm), announced by Helius",
    sourceId: SourceId.make("helius"),
    source: { provider: "helius", secrets: [secret], networks: { mainnet: name } },
    chain: {
      kind: "solana",
      chain_id: solana.genesisHash,
      rpc: [{ url: solana.url }],
      confirmations: "finalized",
      tokens: { SOL: "native", USDC: { mint: usdc.address, decimals: decimalsOf("USDC") } }
    },
    tokens: ["SOL", "USDC"],
    scenarios: familyScenarios({
      family: "Solana",
      native: "SOL",
      failed: ignored("failed_transaction"),
      spoofed: ignored("token_unknown")
    }),
    send,
    include: solana.confirm,
    deepen: solana.finalize,
    balance: (token, address) =>
      Effect.map(
        solana.balance(mintOf(token), address),
        (units) => amountFromUnits(units, decimalsOf(token)) ?? "0"
      ),
    invented: () => ({
      chain: name,
      tx_hash: TxHash.make(base58.encode(randomBytes(64))),
      token: "USDC",
      amount: "1000",
      to_address: Address.make(base58.encode(randomBytes(32))),
      isReal: false
    }),
    call: (webhook, payments) =>
      Effect.sync(() => ({
        body: new TextEncoder().encode(
          JSON.stringify(
            enhancedBody({
              payer: solana.depositor,
              payments,
              isFailed: payments.some(({ tx_hash }) => failed.has(tx_hash)),
              mintOf: ({ tx_hash, token }) =>
                token === "SOL" ? null : spoofed.has(tx_hash) ? spoof.address : usdc.address,
              units: ({ amount, token }) => amountUnits(amount, decimalsOf(token)),
              decimals: ({ token }) => decimalsOf(token)
            })
          )
        ),
        headers: {
          authorization: webhook.signedBy === undefined ? secret : randomBytes(24).toString("hex")
        }
      }))
  } satisfies DemoChain
})
