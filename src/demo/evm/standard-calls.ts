/** Webhooks as Standard Webhooks says, with our own body: right, and wrong in every way that there is. */
import { randomBytes, randomUUID } from "node:crypto"
import { Clock, Effect } from "effect"
import { webhookSecretPrefix } from "../../config/webhook-secret.ts"
import type { TxHash } from "../../domain/chain.ts"
import { standardHeaders } from "../../ingest/providers/standard-signature.ts"
import type { Call, Payment } from "../demo-chain.ts"
import type { Webhook } from "../scenario.ts"

/** `0x` stays as it is. */
const upperCase = (hex: string) => `0x${hex.slice(2).toUpperCase()}`

const bodyOf = (webhook: Webhook, payment: Payment | undefined, index: number | undefined) => {
  if (webhook.body !== undefined || payment === undefined) return webhook.body ?? ""
  const cased = (hex: string) => (webhook.upperCase === true ? upperCase(hex) : hex)
  return JSON.stringify({
    chain: payment.chain,
    tx_hash: cased(payment.tx_hash),
    token: payment.token,
    amount: webhook.amount ?? payment.amount,
    ...(webhook.without === "to_address" ? {} : { to_address: cased(payment.to_address) }),
    ...(index === undefined ? {} : { transfer_index: index })
  })
}

/** `firstLogIndex` tells the index that a provider would give. */
export const makeStandardCalls = <E>(firstLogIndex: (hash: TxHash) => Effect.Effect<number, E>) => {
  const key = randomBytes(32)
  return {
    /** As it stands in surehook.yaml. */
    secret: webhookSecretPrefix + key.toString("base64"),
    call: Effect.fnUntraced(function* (webhook: Webhook, [payment]: ReadonlyArray<Payment>) {
      const index =
        webhook.withIndex === true && payment !== undefined
          ? yield* firstLogIndex(payment.tx_hash)
          : undefined
      const body = new TextEncoder().encode(bodyOf(webhook, payment, index))
      const signedBy = webhook.signedBy === undefined ? key : randomBytes(key.length)
      const signedAt = (yield* Clock.currentTimeMillis) - (webhook.signedSecondsAgo ?? 0) * 1000
      return {
        body,
        headers: standardHeaders(signedBy, `msg_${randomUUID()}`, signedAt, body)
      } satisfies Call
    })
  }
}
