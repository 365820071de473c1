/** JSON-RPC 2.0 over HTTP, single calls and batches: https://www.jsonrpc.org/specification. */
import { createServer, type IncomingMessage } from "node:http"
import { Effect, Option, Predicate, Schema, type Scope } from "effect"
import { LocalSolanaError } from "./local-solana-error.ts"
import type { MethodAnswer } from "./rpc-methods.ts"

const Call = Schema.Struct({
  id: Schema.Union([Schema.Number, Schema.String, Schema.Null]),
  method: Schema.String,
  params: Schema.optionalKey(Schema.Unknown)
})
const decodeBody = Schema.decodeUnknownOption(
  Schema.fromJsonString(Schema.Union([Schema.Array(Call), Call]))
)

/** Serves until the scope ends, and gives the URL. */
export const serveJsonRpc = (
  answer: (method: string, params: unknown) => MethodAnswer
): Effect.Effect<string, LocalSolanaError, Scope.Scope> =>
  Effect.gen(function* () {
    const reply = (text: string): unknown => {
      const body = Option.getOrUndefined(decodeBody(text))
      if (body === undefined) {
        return { jsonrpc: "2.0", id: null, error: { code: -32700, message: "Parse error" } }
      }
      const answers = (Array.isArray(body) ? body : [body]).map(({ id, method, params }) => {
        return { jsonrpc: "2.0", id, ...answer(method, params ?? []) }
      })
      return Array.isArray(body) ? answers : answers[0]
    }
    const server = createServer((request, response) => {
      readBody(request).then(
        (text) => {
          response.writeHead(200, { "content-type": "application/json" })
          response.end(exactJson(reply(text)))
        },
        () => response.destroy()
      )
    })
    yield* Effect.acquireRelease(
      Effect.callback<void, LocalSolanaError>((resume) => {
        server.once("error", (cause) =>
          resume(
            Effect.fail(new LocalSolanaError({ message: `the local Solana: ${cause.message}` }))
          )
        )
        server.listen(0, "127.0.0.1", () => resume(Effect.void))
      }),
      () =>
        Effect.callback<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    )
    const address = server.address()
    if (!Predicate.isObject(address)) {
      return yield* new LocalSolanaError({ message: "the local Solana has no address" })
    }
    return `http://127.0.0.1:${address.port}`
  })

/** JSON in which bigints are plain integers, as in a real node's answers. */
const exactJson = (value: unknown): string =>
  JSON.stringify(value, (_key, one: unknown) => (typeof one === "bigint" ? `\u0000${one}` : one))
    // No other text here holds this character.
    .replace(/"\\u0000(\d+)"/g, "$1")

const readBody = async (request: IncomingMessage): Promise<string> => {
  request.setEncoding("utf8")
  let text = ""
  for await (const chunk of request) text += chunk
  return text
}
