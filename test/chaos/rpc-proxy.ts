/** An HTTP proxy before the chain's node, one for each endpoint: it fails as hosted endpoints do. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { setTimeout as pause } from "node:timers/promises"
import { Effect, Schema } from "effect"
import { listen } from "../../src/demo/listening.ts"
import type { RpcFaultKind } from "./faults.ts"
import { Call, laggingCall, laggingResult } from "./lagging.ts"
import type { Random } from "./random.ts"

export interface RpcProxy {
  readonly url: string
  /** Null: all goes well. */
  readonly setFault: (fault: RpcFault | null) => Effect.Effect<void>
  /** How many requests were answered badly. */
  readonly hits: () => number
}

export interface RpcFault {
  readonly kind: RpcFaultKind
  /** Of the requests, how many are hit. */
  readonly share: number
}

const Body = Schema.fromJsonString(Schema.Union([Schema.Array(Call), Call]))
const Answer = Schema.Record(Schema.String, Schema.Unknown)
const Answers = Schema.fromJsonString(Schema.Union([Schema.Array(Answer), Answer]))
const decodeBody = Schema.decodeUnknownSync(Body)
const decodeAnswers = Schema.decodeUnknownSync(Answers)

const leastSlowMillis = 300
const mostSlowMillis = 6000
const mostLagBlocks = 20

const askForHead = JSON.stringify({
  jsonrpc: "2.0",
  id: 0,
  method: "eth_blockNumber",
  params: []
})

export const startRpcProxy = (upstream: string, random: Random) =>
  Effect.gen(function* () {
    let fault: RpcFault | null = null
    let hits = 0

    const ask = async (body: string): Promise<string> => {
      const headers = { "content-type": "application/json" }
      return (await fetch(upstream, { method: "POST", headers, body })).text()
    }

    const askLagging = async (text: string): Promise<string> => {
      const body = decodeBody(text)
      const head = decodeAnswers(await ask(askForHead))
      const height = "result" in head ? Number(head.result) : 0
      const newest = Math.max(height - random.integer(1, mostLagBlocks), 0)
      const calls = isBatch(body) ? body : [body]
      const methodOf = new Map(calls.map(({ id, method }) => [id, method]))
      const asked = calls.map((call) => ({ jsonrpc: "2.0", ...laggingCall(call, newest) }))
      const answers = decodeAnswers(await ask(JSON.stringify(asked)))
      const late = (isAnswers(answers) ? answers : [answers]).map((answer) =>
        "result" in answer
          ? {
              ...answer,
              result: laggingResult(methodOf.get(answer.id) ?? "", answer.result, newest)
            }
          : answer
      )
      return JSON.stringify(isBatch(body) ? late : late[0])
    }

    const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      const body = await readBody(request)
      const hit = fault !== null && random.chance(fault.share) ? fault.kind : null
      if (hit !== null) hits++
      switch (hit) {
        case "rpc-cut":
          request.socket.destroy()
          return
        case "rpc-429":
          response.writeHead(429, { "retry-after": "1" }).end("slow down")
          return
        case "rpc-500":
          response.writeHead(500).end("internal error")
          return
        case "rpc-garbage":
          response.writeHead(200, { "content-type": "text/html" }).end("<html>back soon</html>")
          return
        case "rpc-half": {
          const text = await ask(body)
          response.writeHead(200, {
            "content-type": "application/json",
            "content-length": Buffer.byteLength(text)
          })
          response.write(text.slice(0, Math.floor(text.length / 2)), () => request.socket.destroy())
          return
        }
        case "rpc-slow":
          await pause(random.integer(leastSlowMillis, mostSlowMillis))
          break
        case "rpc-lag":
          send(response, await askLagging(body))
          return
        case null:
      }
      send(response, await ask(body))
    }

    const server = createServer((request, response) => {
      respond(request, response).catch(() => {
        if (!response.headersSent) response.writeHead(502)
        response.end()
      })
    })
    const url = yield* listen(server)
    return {
      url,
      setFault: (next) =>
        Effect.sync(() => {
          fault = next
        }),
      hits: () => hits
    } satisfies RpcProxy
  })

const isBatch = (body: Call | ReadonlyArray<Call>): body is ReadonlyArray<Call> =>
  Array.isArray(body)

const isAnswers = (
  answers: typeof Answer.Type | ReadonlyArray<typeof Answer.Type>
): answers is ReadonlyArray<typeof Answer.Type> => Array.isArray(answers)

const send = (response: ServerResponse, text: string): void => {
  response.writeHead(200, { "content-type": "application/json" }).end(text)
}

const readBody = async (request: IncomingMessage): Promise<string> => {
  request.setEncoding("utf8")
  let text = ""
  for await (const chunk of request) text += chunk
  return text
}
