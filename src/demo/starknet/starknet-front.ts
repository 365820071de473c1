/**
 * An HTTP front that stands in for a Starknet node's JSON-RPC: a fake, for tests and for the demo.
 *
 * It tells of the chain in `starknet-chain.ts`, one call at a time or in batches.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { Effect, Option, Predicate, Schema, type Scope } from "effect"
import { type FrontError, listen } from "../listening.ts"
import { answerCall } from "./starknet-answers.ts"
import { type Answer, errors } from "./starknet-calls.ts"
import type { FakeStarknet } from "./starknet-chain.ts"

export interface StarknetFrontOptions {
  /** Some nodes write felts with all their 64 digits. */
  readonly felts?: "short" | "padded"
}

const Call = Schema.Struct({
  id: Schema.Json,
  method: Schema.String,
  params: Schema.optionalKey(Schema.Json)
})
type Call = typeof Call.Type

const decodeBody = Schema.decodeUnknownOption(
  Schema.fromJsonString(Schema.Union([Schema.Array(Call), Call]))
)

export const startStarknetFront = (
  chain: FakeStarknet,
  { felts = "short" }: StarknetFrontOptions = {}
): Effect.Effect<{ readonly url: string }, FrontError, Scope.Scope> =>
  Effect.gen(function* () {
    const reply = (call: Call) =>
      Effect.map(chain.state, (state): Schema.Json => {
        const answer = answerCall(state, call.method, call.params)
        return { jsonrpc: "2.0", id: call.id, ...(felts === "padded" ? padded(answer) : answer) }
      })

    const replyToBody = (text: string): Effect.Effect<Schema.Json> =>
      Option.match(decodeBody(text), {
        onNone: () => Effect.succeed({ jsonrpc: "2.0", id: null, error: errors.parse }),
        onSome: (body) => (isBatch(body) ? Effect.forEach(body, reply) : reply(body))
      })

    const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      const replied = await Effect.runPromise(replyToBody(await readBody(request)))
      response.writeHead(200, { "content-type": "application/json" })
      response.end(JSON.stringify(replied))
    }

    const server = createServer((request, response) => {
      answer(request, response).catch((cause: unknown) => {
        response.writeHead(500).end(String(cause))
      })
    })
    const origin = yield* listen(server)
    return { url: `${origin}/` }
  })

const isBatch = (body: Call | ReadonlyArray<Call>): body is ReadonlyArray<Call> =>
  Array.isArray(body)

const padded = (answer: Answer): Answer =>
  "result" in answer ? { result: withPaddedFelts(answer.result) } : answer

const isList = (value: Schema.Json): value is ReadonlyArray<Schema.Json> => Array.isArray(value)

const withPaddedFelts = (value: Schema.Json): Schema.Json => {
  if (Predicate.isString(value)) {
    return /^0x[0-9a-f]+$/.test(value) ? `0x${value.slice(2).padStart(64, "0")}` : value
  }
  if (isList(value)) return value.map(withPaddedFelts)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, withPaddedFelts(member)])
  )
}

const readBody = async (request: IncomingMessage): Promise<string> => {
  request.setEncoding("utf8")
  let text = ""
  for await (const chunk of request) text += chunk
  return text
}
