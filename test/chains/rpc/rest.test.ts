import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Predicate, Redacted } from "effect"
import { defaultLimits, makeRest, type RestLimits } from "../../../src/chains/rpc/rest.ts"
import type { RpcEndpointConfig } from "../../../src/config/chain-config.ts"
import { ChainName } from "../../../src/domain/chain.ts"

type Answer = (request: IncomingMessage, response: ServerResponse) => void

const serve = (answer: Answer) =>
  Effect.gen(function* () {
    const requests: Array<IncomingMessage> = []
    const server = yield* Effect.acquireRelease(
      Effect.callback<ReturnType<typeof createServer>>((resume) => {
        const starting = createServer((request, response) => {
          requests.push(request)
          answer(request, response)
        })
        starting.listen(0, "127.0.0.1", () => resume(Effect.succeed(starting)))
      }),
      (running) =>
        Effect.callback<void>((resume) => {
          running.close(() => resume(Effect.void))
          running.closeAllConnections()
        })
    )
    const address = server.address()
    const port = Predicate.isObject(address) ? address.port : 0
    return { origin: `http://127.0.0.1:${port}`, requests }
  })

const connect = (
  url: string,
  endpoint: Omit<RpcEndpointConfig, "url"> = {},
  limits: Partial<RestLimits> = {}
) =>
  makeRest(ChainName.make("aptos"), { url: Redacted.make(url), ...endpoint }, 3, {
    root: "/v1",
    limits: { ...defaultLimits, ...limits }
  })

const ok: Answer = (_request, response) => {
  response.end('{"height":"18446744073709551615"}')
}
const withStatus =
  (status: number, body: string, headers: Readonly<Record<string, string>> = {}): Answer =>
  (_request, response) => {
    response.writeHead(status, headers)
    response.end(body)
  }

const aptosError = (code: string) =>
  JSON.stringify({ message: "so it is", error_code: code, vm_error_code: null })

describe("a REST endpoint", () => {
  it.live("is asked below its URL, whichever way the URL ends, with its own query", () =>
    Effect.gen(function* () {
      const { origin, requests } = yield* serve(ok)
      for (const [configured, path, target] of [
        ["", "/", "/v1"],
        ["/", "/blocks/1", "/v1/blocks/1"],
        ["/v1", "/", "/v1"],
        ["/v1", "/blocks/1", "/v1/blocks/1"],
        ["/v1/", "/blocks/1", "/v1/blocks/1"],
        ["/KEY", "/blocks/1", "/KEY/v1/blocks/1"],
        ["/KEY/v1//", "/blocks/1?a=b", "/KEY/v1/blocks/1?a=b"],
        ["/v1?key=a%2Fb", "/blocks/1", "/v1/blocks/1?key=a%2Fb"],
        ["/v1/?key=k", "/blocks/1?a=b", "/v1/blocks/1?key=k&a=b"]
      ] as const) {
        yield* connect(`${origin}${configured}`).request(path, [])
        assert.strictEqual(requests.at(-1)?.url, target)
        assert.strictEqual(requests.at(-1)?.method, "GET")
      }
    })
  )

  it.live("gives its JSON, with each u64 as it was written", () =>
    Effect.gen(function* () {
      const { origin } = yield* serve(ok)
      assert.deepStrictEqual(yield* connect(origin).request("/", []), {
        height: "18446744073709551615"
      })
    })
  )

  it.live("gets the headers of its configuration, and user and password in another", () =>
    Effect.gen(function* () {
      const { origin, requests } = yield* serve(ok)
      const url = origin.replace("http://", "http://us%40er:secret@")
      const headers = new Map([["x-api-key", Redacted.make("a-key")]])
      yield* connect(url, { headers }).request("/", [])
      assert.strictEqual(requests[0]?.headers["x-api-key"], "a-key")
      assert.strictEqual(requests[0]?.headers.authorization, `Basic ${btoa("us@er:secret")}`)
    })
  )

  it.live("whose error is about what was asked for has answered", () =>
    Effect.gen(function* () {
      for (const status of [400, 404, 410]) {
        const { origin } = yield* serve(withStatus(status, aptosError("version_pruned")))
        const error = yield* Effect.flip(connect(origin).request("/x", []))
        assert.deepInclude(error, { _tag: "RpcErrorAnswer", code: status })
        assert.strictEqual(error.message, "version_pruned: so it is")
      }
    })
  )

  it.live("that is overloaded, refuses the key, is down, or answers nonsense has failed", () =>
    Effect.gen(function* () {
      for (const [status, body, message] of [
        [429, aptosError("rate_limited"), "HTTP 429 from NAME: rate_limited: so it is"],
        [401, aptosError("unauthorized"), "HTTP 401 from NAME: unauthorized: so it is"],
        [503, "<html>", "HTTP 503 from NAME"],
        [404, "<html>", "HTTP 404 from NAME"],
        [404, '{"error_code":7}', "HTTP 404 from NAME"],
        [301, "", "HTTP 301 from NAME"],
        [200, "<html>", "NAME answered with something other than JSON"]
      ] as const) {
        const { origin } = yield* serve(withStatus(status, body, { "retry-after": "7" }))
        const rest = connect(origin)
        const error = yield* Effect.flip(rest.request("/x", []))
        assert.deepInclude(error, {
          _tag: "RpcFailure",
          message: message.replace("NAME", rest.name)
        })
        assert.deepInclude(error, { retry_after_ms: status === 200 ? null : 7000 })
      }
    })
  )

  it.live("that redirects elsewhere is not followed there with a key", () =>
    Effect.gen(function* () {
      const elsewhere = yield* serve(ok)
      const { origin } = yield* serve(withStatus(302, "", { location: elsewhere.origin }))
      yield* Effect.flip(connect(origin).request("/x", []))
      assert.strictEqual(elsewhere.requests.length, 0)
    })
  )

  it.live("never has its keys told, though it repeats them", () =>
    Effect.gen(function* () {
      const { origin } = yield* serve((request, response) => {
        const message = `${request.url} ${request.headers["x-api-key"]}`
        withStatus(400, JSON.stringify({ error_code: "invalid_input", message }))(request, response)
      })
      const headers = new Map([["x-api-key", Redacted.make("key-in-header")]])
      const rest = connect(`${origin}/key-in-path?token=key-in-query`, { headers })
      const error = yield* Effect.flip(rest.request("/x", []))
      assert.match(error.message, /^invalid_input: \/<redacted>\/v1\/x/)
      assert.notMatch(error.message, /key-in/)
      assert.match(rest.name, /^127\.0\.0\.1:\d+#3$/)
    })
  )

  it.live("that hangs, floods us or is not there has failed", () =>
    Effect.gen(function* () {
      const hanging = yield* serve(() => {})
      const slow = yield* Effect.flip(
        connect(hanging.origin, {}, { timeoutMillis: 50 }).request("/", [])
      )
      assert.match(slow.message, /did not answer within 50 ms/)

      const flooding = yield* serve(withStatus(200, "x".repeat(1000)))
      const large = yield* Effect.flip(
        connect(flooding.origin, {}, { maxAnswerBytes: 100 }).request("/", [])
      )
      assert.match(large.message, /answered with more than 100 bytes/)

      const absent = yield* Effect.flip(connect("http://127.0.0.1:1").request("/", []))
      assert.match(absent.message, /^could not reach 127\.0\.0\.1:1#3/)
    })
  )

  it.live("gets what many ask for at one time once, and what they ask later again", () =>
    Effect.gen(function* () {
      const { origin, requests } = yield* serve(ok)
      const rest = connect(origin)
      const crowd = (path: string) =>
        Effect.all(
          Array.from({ length: 20 }, () => rest.request(path, [])),
          { concurrency: "unbounded" }
        )
      yield* Effect.all([crowd("/a"), crowd("/b")], { concurrency: "unbounded" })
      assert.deepStrictEqual(requests.map(({ url }) => url).toSorted(), ["/v1/a", "/v1/b"])
      yield* rest.request("/a", [])
      assert.strictEqual(requests.length, 3)
    })
  )

  it.live("whose one request failed gives all who shared it one and the same failure", () =>
    Effect.gen(function* () {
      const { origin } = yield* serve(withStatus(503, ""))
      const rest = connect(origin)
      const [one, other] = yield* Effect.all(
        [Effect.flip(rest.request("/a", [])), Effect.flip(rest.request("/a", []))],
        { concurrency: "unbounded" }
      )
      assert.strictEqual(one, other)
    })
  )

  it.live("is asked no more often than it allows, and what is shared counts once", () =>
    Effect.gen(function* () {
      const { origin, requests } = yield* serve(ok)
      const rest = connect(origin, { rate_limit: 2 }, {})
      const shared = Array.from({ length: 5 }, () => rest.request("/a", []))
      yield* Effect.all([...shared, rest.request("/b", [])], { concurrency: "unbounded" })
      assert.strictEqual(requests.length, 2)

      const third = yield* Effect.forkChild(rest.request("/c", []), { startImmediately: true })
      assert.isAbove(yield* rest.limit?.backlogMillis ?? Effect.succeed(0), 0)
      yield* Fiber.interrupt(third)
      assert.strictEqual(requests.length, 2)
    })
  )

  it.live("is asked no more at a time than it may be", () =>
    Effect.gen(function* () {
      let open = 0
      let most = 0
      const { origin } = yield* serve((_request, response) => {
        most = Math.max(most, ++open)
        setImmediate(() => {
          open--
          response.end("1")
        })
      })
      const rest = connect(origin, {}, { maxConcurrent: 3 })
      yield* Effect.forEach(
        Array.from({ length: 12 }, (_, index) => `/${index}`),
        (path) => rest.request(path, []),
        { concurrency: "unbounded" }
      )
      assert.isAtMost(most, 3)
      assert.isAbove(most, 1)
    })
  )
})
