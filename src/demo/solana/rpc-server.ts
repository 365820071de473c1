/** JSON-RPC 2.0 over HTTP, single calls and batches: https://www.jsonrpc.org/specification. */
import { createServer, type IncomingMessage } from "node:http"
import { Effect, Option, Schema, type Scope } from "effect"
import { listen } from "../listening.ts"
import { LocalSolanaError } from "./local-solana-error.ts"
import type { MethodAnswer } from "./rpc-params.ts"

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
    return yield* Effect.mapError(
      listen(server),
      ({ message }) => new LocalSolanaError({ message })
    )
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
