/**
 * How often Circle is asked for public keys, and what becomes of a webhook when it cannot be. The
 * client is a fake, because time is: `TestClock` drives what is remembered, and for how long.
 */
import { randomUUID } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Redacted } from "effect"
import { HttpClient, HttpClientError, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { Environment, SourceId, TenantId } from "../../../src/domain/ids.ts"
import { circle } from "../../../src/ingest/providers/circle.ts"
import { makeCircleKeys } from "../../../src/ingest/providers/circle-keys.ts"
import { keyReply, newKeyPair, type Reply, unknownReply } from "./circle-api.ts"
import { chainsByName } from "./fixtures.ts"

const pair = newKeyPair()
const apiKeys = ["the first API key", "the second API key"]

interface Asked {
  readonly id: string
  readonly apiKey: string
  readonly url: string
}

type Behaviour = (asked: Asked) => Effect.Effect<Reply, "unreachable">

/** Keys over a Circle that behaves like this, and what it was asked. */
const keysOver = (behaviour: Behaviour, secrets: ReadonlyArray<string> = apiKeys.slice(0, 1)) =>
  Effect.gen(function* () {
    const asked: Array<Asked> = []
    const keys = yield* Effect.provide(
      makeCircleKeys({
        source: "circle",
        apiUrl: "https://circle.test/base/",
        apiKeys: secrets.map((text) => Redacted.make(text))
      }),
      clientOf(behaviour, asked)
    )
    const outcome = (id: string) =>
      Effect.match(keys.get(id), {
        onFailure: ({ reason }) => reason,
        onSuccess: ({ type }) => type
      })
    return { asked, outcome }
  })

const clientOf = (behaviour: Behaviour, asked: Array<Asked>) =>
  Layer.succeed(
    HttpClient.HttpClient,
    HttpClient.make((request, url) => {
      const one = {
        url: url.href,
        id: url.pathname.split("/").at(-1) ?? "",
        apiKey: request.headers.authorization?.replace("Bearer ", "") ?? ""
      }
      asked.push(one)
      return Effect.matchEffect(behaviour(one), {
        onFailure: () =>
          Effect.fail(
            new HttpClientError.HttpClientError({
              reason: new HttpClientError.TransportError({ request })
            })
          ),
        onSuccess: ({ body, status }) => {
          const text = typeof body === "string" ? body : JSON.stringify(body)
          return Effect.succeed(HttpClientResponse.fromWeb(request, new Response(text, { status })))
        }
      })
    })
  )

const always =
  (reply: Reply): Behaviour =>
  () =>
    Effect.succeed(reply)

describe("the public keys of Circle", () => {
  it.effect("are asked for once, also by many calls at the same moment, and then kept", () =>
    Effect.gen(function* () {
      const { asked, outcome } = yield* keysOver(() =>
        Effect.delay(Effect.succeed(keyReply(pair)), "1 second")
      )
      const calls = yield* Effect.forkChild(
        Effect.forEach(Array.from({ length: 50 }), () => outcome(pair.id), {
          concurrency: "unbounded"
        })
      )
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(new Set(yield* Fiber.join(calls)), new Set(["public"]))
      yield* TestClock.adjust("30 days")
      assert.strictEqual(yield* outcome(pair.id), "public")
      assert.deepStrictEqual(asked, [
        {
          id: pair.id,
          apiKey: "the first API key",
          url: `https://circle.test/base/v2/notifications/publicKey/${pair.id}`
        }
      ])
    })
  )

  it.effect("are those of their ids: one id never gets the key of another", () =>
    Effect.gen(function* () {
      const pairs = Array.from({ length: 5 }, () => newKeyPair())
      const keys = yield* Effect.provide(
        makeCircleKeys({
          source: "circle",
          apiUrl: "https://circle.test/",
          apiKeys: [Redacted.make("key")]
        }),
        clientOf(({ id }) => {
          const found = pairs.find((one) => one.id === id)
          return Effect.succeed(found === undefined ? unknownReply : keyReply(found))
        }, [])
      )
      for (const one of [...pairs, ...pairs]) {
        const spki = (yield* keys.get(one.id)).export({ format: "der", type: "spki" })
        assert.strictEqual(Buffer.from(spki).toString("base64"), one.publicKey)
      }
    })
  )

  it.effect("are kept up to a hundred: then the one that came first is asked for again", () =>
    Effect.gen(function* () {
      const { asked, outcome } = yield* keysOver(always(keyReply(pair)))
      const ids = Array.from({ length: 101 }, () => randomUUID())
      for (const id of ids) {
        yield* TestClock.adjust("4 seconds")
        assert.strictEqual(yield* outcome(id), "public")
      }
      yield* TestClock.adjust("4 seconds")
      yield* outcome(ids[1] ?? "")
      assert.strictEqual(asked.length, 101)
      yield* outcome(ids[0] ?? "")
      assert.strictEqual(asked.length, 102)
    })
  )

  it.effect("that Circle does not have are unknown for a minute, and may come to be", () =>
    Effect.gen(function* () {
      let reply = unknownReply
      const { asked, outcome } = yield* keysOver(() => Effect.succeed(reply))
      for (let call = 0; call < 10; call++) assert.strictEqual(yield* outcome(pair.id), "unknown")
      assert.strictEqual(asked.length, 1)
      reply = keyReply(pair)
      yield* TestClock.adjust("59 seconds")
      assert.strictEqual(yield* outcome(pair.id), "unknown")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* outcome(pair.id), "public")
    })
  )

  it.effect("cannot be had while Circle is away, and can be a second after it is back", () =>
    Effect.gen(function* () {
      const silence: Behaviour = () => Effect.never
      const padded = JSON.stringify(keyReply(pair).body).padEnd(100_000)
      const failures: ReadonlyArray<Behaviour> = [
        silence,
        () => Effect.fail("unreachable"),
        ...[500, 503, 429, 301, 400, 401, 403].map((status) => always({ status, body: {} })),
        always({ status: 200, body: "not JSON" }),
        always({ status: 200, body: { data: {} } }),
        always({ status: 200, body: padded }),
        always({ status: 200, body: { data: { algorithm: "ECDSA_SHA_256", publicKey: "" } } }),
        always(keyReply(pair, "RSA_SHA_256")),
        always(keyReply(newKeyPair("P-384"))),
        always(keyReply({ ...pair, publicKey: pair.publicKey.slice(0, 40) }))
      ]
      for (const failure of failures) {
        let behaviour = failure
        const { asked, outcome } = yield* keysOver((one) => behaviour(one))
        const first = yield* Effect.forkChild(outcome(pair.id))
        yield* TestClock.adjust(failure === silence ? "5 seconds" : 0)
        assert.strictEqual(yield* Fiber.join(first), "away")
        assert.strictEqual(yield* outcome(pair.id), "away")
        assert.strictEqual(asked.length, 1)
        behaviour = always(keyReply(pair))
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* outcome(pair.id), "public")
      }
    })
  )

  it.effect("are asked for with each API key, as long as one gives no key", () =>
    Effect.gen(function* () {
      const [first = "", second = ""] = apiKeys
      const replies =
        (ofFirst: number, ofSecond: number): Behaviour =>
        ({ apiKey }) => {
          const status = apiKey === first ? ofFirst : apiKey === second ? ofSecond : 500
          return Effect.succeed(status === 200 ? keyReply(pair) : { status, body: {} })
        }
      for (const [ofFirst, ofSecond, expected, requests] of [
        [200, 500, "public", 1],
        [404, 200, "public", 2],
        [401, 200, "public", 2],
        [503, 200, "public", 2],
        [404, 404, "unknown", 2],
        [401, 404, "unknown", 2],
        [503, 404, "away", 2],
        [404, 503, "away", 2],
        [401, 403, "away", 2]
      ] as const) {
        const { asked, outcome } = yield* keysOver(replies(ofFirst, ofSecond), apiKeys)
        assert.strictEqual(yield* outcome(pair.id), expected, `${ofFirst} ${ofSecond}`)
        assert.strictEqual(asked.length, requests)
      }
    })
  )

  it.effect(
    "of a stranger's making cost Circle twenty look-ups a minute, and us no known key",
    () =>
      Effect.gen(function* () {
        const { asked, outcome } = yield* keysOver(({ id }) =>
          Effect.succeed(id === pair.id ? keyReply(pair) : unknownReply)
        )
        assert.strictEqual(yield* outcome(pair.id), "public")
        const flood = Effect.forEach(Array.from({ length: 500 }), () => outcome(randomUUID()), {
          concurrency: 50
        })
        const outcomes = yield* flood
        assert.strictEqual(outcomes.filter((one) => one === "unknown").length, 19)
        assert.strictEqual(outcomes.filter((one) => one === "away").length, 481)
        assert.strictEqual(asked.length, 20)
        assert.strictEqual(yield* outcome(pair.id), "public")
        yield* TestClock.adjust("1 minute")
        yield* flood
        assert.isAtMost(asked.length, 40)
        assert.isAbove(asked.length, 20)
        // Neither their number nor the time has pushed it out.
        assert.strictEqual(yield* outcome(pair.id), "public")
        assert.strictEqual(asked.filter(({ id }) => id === pair.id).length, 1)
      })
  )
})

const source = {
  id: SourceId.make("circle"),
  tenant_id: TenantId.make("acme"),
  environment: Environment.make("production"),
  provider: "circle",
  secrets: apiKeys.map((text) => Redacted.make(text))
}

describe("a webhook whose key cannot be had", () => {
  it.effect(
    "is answered with 503, so that Circle sends it again, and with 401 if there is none",
    () =>
      Effect.gen(function* () {
        const codes = []
        for (const behaviour of [always({ status: 500, body: {} }), always(unknownReply)]) {
          const { verify } = yield* Effect.provide(
            circle.receiver(source, chainsByName),
            clientOf(behaviour, [])
          )
          const problem = yield* Effect.flip(
            verify({
              headers: {
                "x-circle-key-id": randomUUID(),
                "x-circle-signature": Buffer.from("3006020101020101", "hex").toString("base64")
              },
              body: Buffer.from("{}"),
              receivedAt: 0
            })
          )
          codes.push([problem.code, problem.retryAfterSeconds])
          for (const apiKey of apiKeys) assert.notInclude(problem.detail, apiKey)
        }
        assert.deepStrictEqual(codes, [
          ["unavailable", 5],
          ["signature_invalid", undefined]
        ])
      })
  )
})
