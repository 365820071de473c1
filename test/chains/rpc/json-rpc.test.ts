import { createServer, type IncomingHttpHeaders, type Server } from "node:http"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer, Redacted, Result } from "effect"
import { defaultLimits, type JsonRpcLimits, makeJsonRpc } from "../../../src/chains/rpc/json-rpc.ts"
import type { RpcClient } from "../../../src/chains/rpc/rpc-client.ts"
import type { RpcEndpointConfig } from "../../../src/config/chain-config.ts"
import { type Anvil, startAnvil } from "../../../src/demo/anvil.ts"
import { startRpcFront } from "../../../src/demo/rpc-front.ts"
import { ChainName } from "../../../src/domain/chain.ts"

class Node extends Context.Service<Node, Anvil>()("test/chains/rpc/Node") {
  static readonly layer = Layer.effect(Node, startAnvil()).pipe(Layer.provide(NodeServices.layer))
}

const connect = (
  url: string,
  limits: Partial<JsonRpcLimits> = {},
  endpoint: Omit<RpcEndpointConfig, "url"> = {}
): RpcClient =>
  makeJsonRpc(ChainName.make("localchain"), { url: Redacted.make(url), ...endpoint }, 0, {
    ...defaultLimits,
    ...limits
  })

/** Answers every request with a redirect, and remembers the headers that came. */
const startRedirecting = (location: string) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly server: Server; readonly seen: Array<IncomingHttpHeaders> }>(
      (resume) => {
        const seen: Array<IncomingHttpHeaders> = []
        const server = createServer(({ headers }, response) => {
          seen.push(headers)
          response.writeHead(307, { location }).end()
        })
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed({ server, seen })))
      }
    ),
    ({ server }) =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  ).pipe(
    Effect.map(({ server, seen }) => {
      const address = server.address()
      const port = typeof address === "object" ? address?.port : undefined
      return { url: `http://127.0.0.1:${port}/`, seen }
    })
  )

// Its timeouts are real.
layer(Node.layer, { timeout: "60 seconds", excludeTestServices: true })("an endpoint", (it) => {
  const frontOfNode = Effect.flatMap(Node, ({ url }) => startRpcFront(url))
  const blockAt = (rpc: RpcClient, height: number) =>
    rpc.request("eth_getBlockByNumber", [`0x${height.toString(16)}`, false])

  it.effect("that hangs fails when its time is up", () =>
    Effect.gen(function* () {
      const front = yield* frontOfNode
      yield* front.setMode({ _tag: "Hang" })
      const rpc = connect(front.url, { timeoutMillis: 50 })

      const error = yield* Effect.flip(rpc.request("eth_chainId", []))
      assert.strictEqual(error._tag, "RpcFailure")
      assert.match(error.message, /^127.0.0.1:\d+#0 did not answer within 50 ms$/)
    })
  )

  it.effect("that floods us is cut off", () =>
    Effect.gen(function* () {
      const { url } = yield* Node
      const error = yield* Effect.flip(blockAt(connect(url, { maxAnswerBytes: 100 }), 0))
      assert.match(error.message, /answered with more than 100 bytes/)
    })
  )

  it.effect("whose one answer is too large gives all others of its batch", () =>
    Effect.gen(function* () {
      const front = yield* frontOfNode
      yield* front.setMode({
        _tag: "Rewrite",
        rewrite: ({ params }) => ({ result: "x".repeat(params[0] === "0x3" ? 2000 : 20) })
      })
      const rpc = connect(front.url, { maxAnswerBytes: 1000 })

      const answers = yield* Effect.forEach(
        [1, 2, 3, 4],
        (height) => Effect.result(blockAt(rpc, height)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(answers.map(Result.isSuccess), [true, true, false, true])
    })
  )

  it.effect("gets equal calls once, and no more in a batch than it may hold", () =>
    Effect.gen(function* () {
      const front = yield* frontOfNode
      const rpc = connect(front.url, { maxBatch: 10 })
      const heights = Array.from({ length: 75 }, (_, index) => index % 25)

      yield* Effect.forEach(heights, (height) => blockAt(rpc, height), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual((yield* front.batchSizes).toSorted(), [10, 10, 5])
    })
  )

  it.effect("gets a call apart that may take long", () =>
    Effect.gen(function* () {
      const front = yield* frontOfNode
      const rpc = connect(front.url)

      yield* Effect.all([rpc.requestApart("eth_chainId", []), blockAt(rpc, 0), blockAt(rpc, 1)], {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual((yield* front.batchSizes).toSorted(), [1, 2])
    })
  )

  it.effect("gets the user and password of its URL in a header", () =>
    Effect.gen(function* () {
      const front = yield* frontOfNode
      yield* connect(front.url.replace("http://", "http://us%40er:secret@")).request(
        "eth_chainId",
        []
      )
      assert.strictEqual(yield* front.authorization, `Basic ${btoa("us@er:secret")}`)
    })
  )

  it.effect("gets the headers that surehook.yaml gives it, and says none of them back", () =>
    Effect.gen(function* () {
      const front = yield* frontOfNode
      const rpc = connect(
        front.url,
        {},
        { headers: new Map([["authorization", Redacted.make("Bearer t0k3n-of-mine")]]) }
      )
      yield* rpc.request("eth_chainId", [])
      assert.strictEqual(yield* front.authorization, "Bearer t0k3n-of-mine")

      yield* front.setMode({
        _tag: "Rewrite",
        rewrite: () => ({ error: { code: -32000, message: "t0k3n-of-mine is over its quota" } })
      })
      const error = yield* Effect.flip(rpc.request("eth_chainId", []))
      assert.strictEqual(error.message, "<redacted> is over its quota")
    })
  )

  it.effect("that redirects does not send our headers to another host", () =>
    Effect.gen(function* () {
      const front = yield* frontOfNode
      const { url, seen } = yield* startRedirecting(front.url)
      const rpc = connect(url, {}, { headers: new Map([["x-api-key", Redacted.make("mine")]]) })

      const error = yield* Effect.flip(rpc.request("eth_chainId", []))
      assert.match(error.message, /^HTTP 307 from 127/)
      assert.deepStrictEqual(
        seen.map((headers) => headers["x-api-key"]),
        ["mine"]
      )
      assert.strictEqual(yield* front.requests, 0)
    })
  )

  it.effect("gets no more calls in a request than it allows a second", () =>
    Effect.gen(function* () {
      const front = yield* frontOfNode
      const rpc = connect(front.url, {}, { rate_limit: 20 })
      yield* Effect.forEach(
        Array.from({ length: 30 }, (_, index) => index),
        (height) => blockAt(rpc, height),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual((yield* front.batchSizes).toSorted(), [10, 20])
    })
  )
})
