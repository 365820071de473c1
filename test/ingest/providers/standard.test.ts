/** Standard Webhooks with our own body, as every provider must behave. */
import { createHmac, randomUUID } from "node:crypto"
import { type ProviderCase, providerConformance } from "./conformance.ts"
import { newEvmAddress, newEvmHash } from "./fixtures.ts"

const secretOf = (text: string) => `whsec_${Buffer.from(text.padEnd(32, ".")).toString("base64")}`

const standard: ProviderCase = {
  provider: "standard",
  secrets: [secretOf("the first"), secretOf("the second")],
  wrongSecret: secretOf("another's"),
  toleranceSeconds: 300,
  signsBody: true,
  sign: (body, { at, secret }) => {
    const id = `msg_${randomUUID()}`
    const key = Buffer.from(secret.slice("whsec_".length), "base64")
    const signed = createHmac("sha256", key).update(`${id}.${at}.`).update(body).digest("base64")
    return {
      "webhook-id": id,
      "webhook-timestamp": `${at}`,
      "webhook-signature": `v1,${signed}`
    }
  },
  sample: () => {
    const tx_hash = newEvmHash()
    const to_address = newEvmAddress()
    const claim = { chain: "ethereum", tx_hash, token: "USDC", amount: "1.5", to_address }
    return {
      body: { ...claim, amount: "1.50", transfer_index: 7 },
      transfers: [{ ...claim, transfer_index: 7 }]
    }
  },
  required: ["chain", "tx_hash", "token", "amount", "to_address"]
}

providerConformance(standard)
