/** The demo's Starknet: a chain in memory behind a node's front, announced by a provider that only surehook.yaml knows. */
import { createHmac, randomBytes } from "node:crypto"
import { Clock, Effect } from "effect"
import { amountFromUnits } from "../../domain/amount.ts"
import { ChainName } from "../../domain/chain.ts"
import { SourceId } from "../../domain/ids.ts"
import { amountUnits } from "../amount-units.ts"
import type { Call, DemoChain, Payment } from "../demo-chain.ts"
import { familyScenarios } from "../family-scenarios.ts"
import { deadLettered, ignored, type Transaction, type Webhook } from "../scenario.ts"
import { freshAddress, freshHash, makeFakeStarknet } from "./starknet-chain.ts"
import { startStarknetFront } from "./starknet-front.ts"

const name = ChainName.make("starknet")
const chainId = "SN_SEPOLIA"
const decimals = 6

export const startStarknetChain = Effect.gen(function* () {
  const starknet = yield* makeFakeStarknet(chainId)
  const front = yield* startStarknetFront(starknet)
  const [usdc, spoof, depositor] = [freshAddress(), freshAddress(), freshAddress()]
  const secret = randomBytes(32).toString("hex")
  const spoofed = new Set<string>()

  const pay = Effect.fnUntraced(function* (
    amounts: ReadonlyArray<string>,
    how: "well" | "in vain" | "with another contract" = "well"
  ) {
    const contract = how === "with another contract" ? spoof : usdc
    const unsent = amounts.map((amount) => ({
      chain: name,
      token: "USDC",
      amount,
      to_address: freshAddress(),
      isReal: how === "well"
    }))
    const actions = unsent.map(
      ({ amount, to_address }, index) =>
        ({
          contract,
          from: depositor,
          to: to_address,
          units: amountUnits(amount, decimals),
          // Newer contracts and older ones.
          layout: index % 2 === 0 ? "keys" : "data"
        }) as const
    )
    const options = how === "in vain" ? { revertReason: "ERC20: insufficient balance" } : {}
    const tx_hash = yield* starknet.send(actions, options)
    if (how === "with another contract") spoofed.add(tx_hash)
    return unsent.map((one): Payment => ({ ...one, tx_hash }))
  })

  const send = (transaction: Transaction) => {
    switch (transaction._tag) {
      case "Pays":
        return pay([transaction.amount])
      case "Splits":
        return pay(transaction.amounts)
      case "Reverts":
        return pay([transaction.amount], "in vain")
      case "Spoofs":
        return pay([transaction.amount], "with another contract")
    }
  }

  const call = Effect.fnUntraced(function* (webhook: Webhook, payments: ReadonlyArray<Payment>) {
    const at = Math.floor((yield* Clock.currentTimeMillis) / 1000)
    const body = Buffer.from(
      JSON.stringify({
        network: "sepolia",
        transfers: payments.map(({ amount, to_address, tx_hash }) => ({
          hash: tx_hash,
          contract: spoofed.has(tx_hash) ? spoof : usdc,
          value: `${amountUnits(amount, decimals)}`,
          recipient: to_address
        }))
      })
    )
    const key = webhook.signedBy === undefined ? secret : randomBytes(32).toString("hex")
    const signature = createHmac("sha256", key).update(`${at}.`).update(body).digest("hex")
    return {
      body,
      headers: { "x-time": `${at}`, "x-signature": `sha256=${signature}` }
    } satisfies Call
  })

  return {
    kind: "starknet",
    name,
    title: "Starknet (a node's front over a chain in memory), announced by `provider: hmac`",
    sourceId: SourceId.make("custom"),
    source: {
      provider: "hmac",
      secrets: [secret],
      networks: { sepolia: name },
      signature: {
        header: "x-signature",
        algorithm: "sha256",
        encoding: "hex",
        prefix: "sha256=",
        signed: "{timestamp}.{body}"
      },
      timestamp: { header: "x-time", format: "seconds", tolerance: "5m" },
      fields: {
        items: "/transfers",
        network: "/network",
        tx_hash: "./hash",
        token: "./contract",
        amount: "./value",
        amount_unit: "units",
        to_address: "./recipient"
      }
    },
    chain: {
      kind: "starknet",
      chain_id: chainId,
      rpc: [{ url: front.url }],
      // L1 takes hours: a deposit is credited once it is accepted on L2, and watched from there on.
      confirmations: "safe",
      tokens: { USDC: { contract: usdc, decimals } }
    },
    tokens: ["USDC"],
    scenarios: familyScenarios({
      family: "Starknet",
      failed: deadLettered("reverted"),
      spoofed: ignored("token_unknown")
    }),
    send,
    // The sequencer has seen it, and no block holds it.
    include: Effect.void,
    deepen: starknet.mine(1),
    balance: (_, address) =>
      Effect.map(
        starknet.balanceOf(usdc, address),
        (units) => amountFromUnits(units, decimals) ?? "0"
      ),
    invented: () => ({
      chain: name,
      tx_hash: freshHash(),
      token: "USDC",
      amount: "1000",
      to_address: freshAddress(),
      isReal: false
    }),
    call
  } satisfies DemoChain
})
