/**
 * An HTTP front before a JSON-RPC endpoint, which can be told to fail the way real endpoints do.
 *
 * It stands between Surehook and a local chain in tests and in the demo, and counts what passes.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { Effect, Schema, type Scope } from "effect"
import { type FrontError, listen } from "./listening.ts"

export type FrontMode =
  | { readonly _tag: "Forward" }
  /** Overload and outage: 429, 500, 503, … */
  | {
      readonly _tag: "Status"
      readonly status: number
      readonly retryAfter?: string
      readonly body?: string
    }
  /** A proxy's error page with status 200. */
  | { readonly _tag: "Garbage" }
  /** The connection stands, and nothing comes. */
  | { readonly _tag: "Hang" }
  /** The connection breaks. */
  | { readonly _tag: "Reset" }
  /** Whole batches are refused with one error, single calls pass. */
  | { readonly _tag: "NoBatches"; readonly status: number; readonly code: number }
  /** Each answer may be replaced; undefined leaves it. */
  | { readonly _tag: "Rewrite"; readonly rewrite: (call: FrontCall) => Rewritten | undefined }

export interface FrontCall {
  readonly method: string
  readonly params: ReadonlyArray<unknown>
}

export type Rewritten =
  | { readonly result: Schema.Json }
  | { readonly error: { readonly code: number; readonly message: string } }
  /** The answer is left out of its batch. */
  | "drop"

export interface RpcFront {
  /** With a key in its path, as hosted endpoints have. */
  readonly url: string
  readonly key: string
  readonly setMode: (mode: FrontMode) => Effect.Effect<void>
  /** How many HTTP requests came in. */
  readonly requests: Effect.Effect<number>
  /** How many calls each of them held. */
  readonly batchSizes: Effect.Effect<ReadonlyArray<number>>
  /** The `Authorization` header of the newest. */
  readonly authorization: Effect.Effect<string | undefined>
  /** How many calls of a method came in, whatever became of them. */
  readonly calls: (method: string) => Effect.Effect<number>
}

const Call = Schema.Struct({
  id: Schema.Unknown,
  method: Schema.String,
  params: Schema.Array(Schema.Unknown)
})
const Body = Schema.fromJsonString(Schema.Union([Schema.Array(Call), Call]))
const decodeBody = Schema.decodeUnknownSync(Body)
const Answers = Schema.fromJsonString(
  Schema.Union([Schema.Array(Schema.JsonObject), Schema.JsonObject])
)
const decodeAnswers = Schema.decodeUnknownSync(Answers)

const key = "s3cr3t-key-of-the-endpoint"

export const startRpcFront = (upstream: string): Effect.Effect<RpcFront, FrontError, Scope.Scope> =>
  Effect.gen(function* () {
    let mode: FrontMode = { _tag: "Forward" }
    let requests = 0
    let authorization: string | undefined
    const batchSizes: Array<number> = []
    const calls = new Map<string, number>()

    const server = createServer((request, response) => {
      requests++
      authorization = request.headers.authorization
      answer(request, response).catch((cause: unknown) => {
        response.writeHead(502).end(String(cause))
      })
    })

    const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      const text = await readBody(request)
      const body = decodeBody(text)
      const batch = Array.isArray(body) ? body : [body]
      batchSizes.push(batch.length)
      for (const { method } of batch) calls.set(method, (calls.get(method) ?? 0) + 1)
      switch (mode._tag) {
        case "Hang":
          return
        case "Reset":
          request.socket.destroy()
          return
        case "Status":
          response.writeHead(
            mode.status,
            mode.retryAfter === undefined ? {} : { "retry-after": mode.retryAfter }
          )
          response.end(mode.body ?? `no luck with ${request.url}`)
          return
        case "Garbage":
          response.writeHead(200, { "content-type": "text/html" })
          response.end(`<html>We will be back soon: ${request.url}</html>`)
          return
        case "NoBatches":
          if (Array.isArray(body)) {
            const error = { code: mode.code, message: "batches are not supported" }
            sendJson(response, { jsonrpc: "2.0", id: null, error }, mode.status)
            return
          }
      }
      const forwarded = await fetch(upstream, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: text
      })
      const real = decodeAnswers(await forwarded.text())
      if (mode._tag !== "Rewrite") return sendJson(response, real)
      const { rewrite } = mode
      const answers = (isBatchAnswer(real) ? real : [real]).flatMap((one) => {
        const call = batch.find(({ id }) => id === one.id)
        const rewritten = call === undefined ? undefined : rewrite(call)
        if (rewritten === "drop") return []
        return [
          rewritten === undefined ? one : { jsonrpc: "2.0", id: one.id ?? null, ...rewritten }
        ]
      })
      sendJson(response, Array.isArray(body) ? answers : (answers[0] ?? {}))
    }

    const origin = yield* listen(server)
    return {
      url: `${origin}/v2/${key}`,
      key,
      setMode: (next) =>
        Effect.sync(() => {
          mode = next
        }),
      requests: Effect.sync(() => requests),
      batchSizes: Effect.sync(() => [...batchSizes]),
      authorization: Effect.sync(() => authorization),
      calls: (method) => Effect.sync(() => calls.get(method) ?? 0)
    }
  })

const isBatchAnswer = (
  answers: Schema.JsonObject | ReadonlyArray<Schema.JsonObject>
): answers is ReadonlyArray<Schema.JsonObject> => Array.isArray(answers)

const sendJson = (response: ServerResponse, value: unknown, status = 200): void => {
  response.writeHead(status, { "content-type": "application/json" })
  response.end(JSON.stringify(value))
}

const readBody = async (request: IncomingMessage): Promise<string> => {
  request.setEncoding("utf8")
  let text = ""
  for await (const chunk of request) text += chunk
  return text
}
