/**
 * Circle's part in the demo: it signs notifications with a key of its own, and gives the public one to
 * who has an API key. https://developers.circle.com/api-reference/verify-webhook-signatures
 */
import { generateKeyPairSync, randomBytes, randomUUID, sign } from "node:crypto"
import { createServer } from "node:http"
import { Effect } from "effect"
import type { Call, Payment } from "../demo-chain.ts"
import { listen } from "../listening.ts"
import type { Webhook } from "../scenario.ts"

const newKey = () => generateKeyPairSync("ec", { namedCurve: "P-256" })

export const startCircle = Effect.fnUntraced(function* (blockchain: string) {
  const keyId = randomUUID()
  const { privateKey, publicKey } = newKey()
  const apiKey = `demo-${randomBytes(24).toString("base64url")}`

  const server = createServer((request, response) => {
    const isKnown =
      request.url === `/v2/notifications/publicKey/${keyId}` &&
      request.headers.authorization === `Bearer ${apiKey}`
    response.writeHead(isKnown ? 200 : 404, { "content-type": "application/json" })
    const spki = publicKey.export({ format: "der", type: "spki" }).toString("base64")
    response.end(
      JSON.stringify(
        isKnown
          ? { data: { id: keyId, algorithm: "ECDSA_SHA_256", publicKey: spki } }
          : { code: 404 }
      )
    )
  })
  const origin = yield* listen(server)

  const bodyOf = (payment: Payment | undefined, tokenId: string | undefined) => ({
    subscriptionId: randomUUID(),
    notificationId: randomUUID(),
    notificationType: "transactions.inbound",
    notification: {
      id: randomUUID(),
      blockchain,
      tokenId,
      destinationAddress: payment?.to_address,
      amounts: [payment?.amount],
      nfts: null,
      state: "COMPLETE",
      transactionType: "INBOUND",
      txHash: payment?.tx_hash
    },
    timestamp: new Date(0).toISOString(),
    version: 2
  })

  return {
    url: origin,
    apiKey,
    call: (
      webhook: Webhook,
      payment: Payment | undefined,
      tokenIds: Readonly<Record<string, string>>
    ) =>
      Effect.sync((): Call => {
        const tokenId = payment === undefined ? undefined : tokenIds[payment.token]
        const body = Buffer.from(JSON.stringify(bodyOf(payment, tokenId)))
        const key = webhook.signedBy === undefined ? privateKey : newKey().privateKey
        return {
          body,
          headers: {
            "x-circle-key-id": keyId,
            "x-circle-signature": sign("sha256", body, key).toString("base64")
          }
        }
      })
  }
})
