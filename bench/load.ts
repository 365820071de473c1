/**
 * The load: signed webhooks over 64 kept connections, from a process of its own.
 *
 * It reads its orders as JSON from its one argument and writes its result as JSON. Requests are
 * made and signed before the clock runs, and answers are read with the least that HTTP needs, so
 * that little of the machine goes to the load itself.
 */
import { randomBytes } from "node:crypto"
import { connect } from "node:net"
import { performance } from "node:perf_hooks"
import process from "node:process"
import { Schema } from "effect"
import { webhookKey } from "../src/config/webhook-secret.ts"
import { standardHeaders } from "../src/ingest/providers/standard-signature.ts"

export const Orders = Schema.fromJsonString(
  Schema.Struct({
    host: Schema.String,
    port: Schema.Int,
    secret: Schema.String,
    connections: Schema.Int,
    /** At most; sending also ends when `seconds` have passed. */
    requests: Schema.Int,
    warmupSeconds: Schema.Finite,
    seconds: Schema.Finite
  })
)
export type Orders = (typeof Orders)["Type"]

export const Result = Schema.fromJsonString(
  Schema.Struct({
    acknowledged: Schema.Int,
    refused: Schema.Int,
    seconds: Schema.Finite,
    p50Millis: Schema.Finite,
    p99Millis: Schema.Finite
  })
)

const addressCount = 1000

const request = (orders: Orders, key: Uint8Array, index: number): Buffer => {
  const body = Buffer.from(
    JSON.stringify({
      chain: "localchain",
      tx_hash: `0x${randomBytes(32).toString("hex")}`,
      token: "ETH",
      amount: "1.5",
      to_address: `0x${(index % addressCount).toString(16).padStart(40, "a")}`
    })
  )
  const headers = Object.entries({
    host: orders.host,
    "content-type": "application/json",
    "content-length": `${body.length}`,
    ...standardHeaders(key, `msg_${index}`, Date.now(), body)
  })
  const head = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("")
  return Buffer.concat([Buffer.from(`POST /v1/webhooks/bench HTTP/1.1\r\n${head}\r\n`), body])
}

const run = async (orders: Orders) => {
  const secret = webhookKey(orders.secret)
  if (secret._tag === "Failure") throw new Error(secret.failure)
  const requests = Array.from({ length: orders.requests }, (_, index) =>
    request(orders, secret.success, index)
  )
  const begin = performance.now()
  const from = begin + orders.warmupSeconds * 1000
  const until = from + orders.seconds * 1000
  const latencies: Array<number> = []
  let next = 0
  let refused = 0
  let end = from

  const sendAll = () =>
    new Promise<void>((resolve, reject) => {
      const socket = connect({ host: orders.host, port: orders.port, noDelay: true })
      let sentAt = 0
      let answer = ""
      const sendNext = () => {
        const now = performance.now()
        const body = requests[next]
        if (body === undefined || now >= until) {
          socket.end()
          resolve()
          return
        }
        next++
        sentAt = now
        socket.write(body)
      }
      socket.setEncoding("latin1")
      socket.on("connect", sendNext)
      socket.on("error", reject)
      socket.on("data", (chunk) => {
        answer += chunk
        const head = answer.indexOf("\r\n\r\n")
        if (head < 0) return
        const length = Number(/content-length: (\d+)/i.exec(answer)?.[1])
        if (answer.length < head + 4 + length) return
        const now = performance.now()
        if (sentAt >= from && now <= until) {
          if (answer.startsWith("HTTP/1.1 200")) latencies.push(now - sentAt)
          else refused++
          end = now
        }
        answer = ""
        sendNext()
      })
    })

  await Promise.all(Array.from({ length: orders.connections }, sendAll))
  latencies.sort((a, b) => a - b)
  const percentile = (share: number) => latencies[Math.floor(latencies.length * share)] ?? 0
  return {
    acknowledged: latencies.length,
    refused,
    seconds: (end - from) / 1000,
    p50Millis: percentile(0.5),
    p99Millis: percentile(0.99)
  }
}

if (import.meta.main) {
  const orders = Schema.decodeUnknownSync(Orders)(process.argv[2])
  console.log(Schema.encodeSync(Result)(await run(orders)))
}
