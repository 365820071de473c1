/** The provider's side: makes a webhook of what a scenario says, signs it, and posts it. */
import { randomBytes, randomUUID } from "node:crypto"
import { Clock, Effect, Schema } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { JobId } from "../domain/ids.ts"
import { standardHeaders } from "../ingest/providers/standard-signature.ts"
import { chainName, sourceId } from "./demo-config.ts"
import type { Payment } from "./local-chain.ts"
import type { Webhook } from "./scenarios.ts"

/** What the service answered to one delivery. */
export type Answer =
  | {
      readonly _tag: "Taken"
      readonly status: "accepted" | "duplicate"
      readonly job_id: JobId
    }
  | { readonly _tag: "Refused"; readonly status: number; readonly detail: string }

const Taken = Schema.Struct({ status: Schema.Literals(["accepted", "duplicate"]), job_id: JobId })
const Problem = Schema.Struct({
  detail: Schema.String,
  errors: Schema.optionalKey(
    Schema.Array(Schema.Struct({ path: Schema.String, message: Schema.String }))
  )
})
const decodeTaken = Schema.decodeUnknownEffect(Taken)
const decodeProblem = Schema.decodeUnknownEffect(Problem)

/** `0x` stays as it is. */
const upperCase = (hex: string) => `0x${hex.slice(2).toUpperCase()}`

const bodyOf = (webhook: Webhook, payment: Payment, index: number | undefined): string => {
  const cased = (hex: string) => (webhook.upperCase === true ? upperCase(hex) : hex)
  const fields = {
    chain: chainName,
    tx_hash: cased(payment.tx_hash),
    token: payment.token,
    amount: webhook.amount ?? payment.amount,
    ...(webhook.without === "to_address" ? {} : { to_address: cased(payment.to_address) }),
    ...(index === undefined ? {} : { transfer_index: index })
  }
  return webhook.body ?? JSON.stringify(fields)
}

export interface Delivery {
  readonly url: string
  readonly key: Uint8Array
  readonly webhook: Webhook
  readonly payment: Payment
  /** The log index, if the webhook gives one. */
  readonly index: number | undefined
}

/** Sends one copy. */
export const deliver = Effect.fnUntraced(function* (delivery: Delivery) {
  const { url, webhook, payment, index } = delivery
  const client = yield* HttpClient.HttpClient
  const body = new TextEncoder().encode(bodyOf(webhook, payment, index))
  const key = webhook.signedBy === undefined ? delivery.key : randomBytes(delivery.key.length)
  const signedAt = (yield* Clock.currentTimeMillis) - (webhook.signedSecondsAgo ?? 0) * 1000
  const response = yield* client.execute(
    HttpClientRequest.post(`${url}/v1/webhooks/${webhook.source ?? sourceId}`).pipe(
      HttpClientRequest.setHeaders(standardHeaders(key, `msg_${randomUUID()}`, signedAt, body)),
      HttpClientRequest.bodyUint8Array(body, "application/json")
    )
  )
  const json = yield* response.json
  if (response.status === 200) {
    return { _tag: "Taken", ...(yield* decodeTaken(json)) } satisfies Answer
  }
  const { detail, errors = [] } = yield* decodeProblem(json)
  const fields = errors.map(({ path, message }) => `${path}: ${message}`)
  return {
    _tag: "Refused",
    status: response.status,
    detail: fields.length === 0 ? detail : fields.join("; ")
  } satisfies Answer
})
