/** Webhooks as a provider sends them, signed by an implementation of its own. */
import { createHmac, randomUUID } from "node:crypto"
import { Clock, Effect } from "effect"

/** 32 bytes, as in surehook.yaml. */
export const secretText = `whsec_${Buffer.from("the tests' secret, 32 bytes long").toString("base64")}`

export interface Delivery {
  readonly id?: string
  /** Seconds since 1970. */
  readonly timestamp?: number
  readonly secret?: string
  readonly source?: string
  readonly headers?: Readonly<Record<string, string>>
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly json: unknown
}

export const signatureOf = (secret: string, id: string, timestamp: string, body: string): string =>
  `v1,${createHmac("sha256", Buffer.from(secret.replace(/^whsec_/, ""), "base64"))
    .update(`${id}.${timestamp}.${body}`)
    .digest("base64")}`

/** Posts a body, as text or as JSON. */
export const deliver = (url: string, body: unknown, delivery: Delivery = {}) =>
  Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    const id = delivery.id ?? `msg_${randomUUID()}`
    const timestamp = `${delivery.timestamp ?? Math.floor(now / 1000)}`
    const text = typeof body === "string" ? body : JSON.stringify(body)
    return yield* request(`${url}/v1/webhooks/${delivery.source ?? "main"}`, {
      method: "POST",
      body: text,
      headers: {
        "content-type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": timestamp,
        "webhook-signature": signatureOf(delivery.secret ?? secretText, id, timestamp, text),
        ...delivery.headers
      }
    })
  })

/** Sends a request and reads the whole answer. Dies if there is none. */
export const request = (url: string, init: RequestInit = {}): Effect.Effect<Answer> =>
  Effect.promise(async (signal) => {
    const response = await fetch(url, { ...init, signal })
    const text = await response.text()
    const isJson = response.headers.get("content-type")?.includes("json") ?? false
    return {
      status: response.status,
      headers: response.headers,
      text,
      json: isJson ? JSON.parse(text) : undefined
    }
  })
