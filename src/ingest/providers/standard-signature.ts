/**
 * Signing as Standard Webhooks says: HMAC-SHA256 over `{id}.{timestamp}.{raw body}`.
 *
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
import { createHmac, type KeyObject } from "node:crypto"

/** `timestamp` is seconds since 1970, as it stands in the header. */
export const standardSignature = (
  key: KeyObject | Uint8Array,
  id: string,
  timestamp: string,
  body: Uint8Array
): Buffer => createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest()

/** The three headers of a delivery that is signed now. */
export const standardHeaders = (
  key: Uint8Array,
  id: string,
  nowMillis: number,
  body: Uint8Array
): Record<string, string> => {
  const timestamp = `${Math.floor(nowMillis / 1000)}`
  return {
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": `v1,${standardSignature(key, id, timestamp, body).toString("base64")}`
  }
}
