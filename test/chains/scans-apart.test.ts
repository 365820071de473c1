/** Scans ask the same endpoints as validators, and must not be felt by deposits. */
import { createServer } from "node:http"
import { assert, layer } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { listen } from "../../src/demo/listening.ts"
import { chainOf, claimOf, depositAddress, LocalChain, oneUsdc } from "../support/anvil.ts"
import { transfer } from "../support/contracts.ts"
import { liveChain } from "../support/live-validator.ts"

/** In front of anvil: notes the methods of each request, and holds or refuses those with this one. */
const startFront = (target: string, special: "eth_getLogs", answer: Promise<void> | "HTTP 500") =>
  Effect.gen(function* () {
    const requests: Array<ReadonlyArray<string>> = []
    const server = createServer((request, response) => {
      const chunks: Array<Buffer> = []
      request.on("data", (chunk: Buffer) => chunks.push(chunk))
      request.on("end", () => {
        const body = Buffer.concat(chunks).toString()
        const methods = [...body.matchAll(/"method":"(\w+)"/g)].map(([, method = ""]) => method)
        requests.push(methods)
        const isSpecial = methods.includes(special)
        if (isSpecial && answer === "HTTP 500") {
          response.writeHead(500).end()
          return
        }
        const held = isSpecial && answer !== "HTTP 500" ? answer : Promise.resolve()
        held
          .then(() =>
            fetch(target, { method: "POST", body, headers: { "content-type": "application/json" } })
          )
          .then((reply) => reply.text())
          .then((text) => {
            response.writeHead(200, { "content-type": "application/json" }).end(text)
          })
          .catch(() => response.destroy())
      })
    })
    return { url: yield* listen(server), requests }
  })

const payUsdc = Effect.gen(function* () {
  const { anvil, depositor, usdc } = yield* LocalChain
  const data = transfer(depositAddress, (3n * oneUsdc) / 2n)
  return yield* anvil.send({ from: depositor, to: usdc, data })
})

const ours = new Set([depositAddress])

layer(LocalChain.layer, { excludeTestServices: true, timeout: "60 seconds" })("a scan", (it) => {
  it.effect("that is slow holds up no deposit: they share no request", () =>
    Effect.gen(function* () {
      const { anvil } = yield* LocalChain
      const tx_hash = yield* payUsdc
      const { promise, resolve } = Promise.withResolvers<void>()
      const { requests, url } = yield* startFront(anvil.url, "eth_getLogs", promise)
      const { scanner, validator } = yield* liveChain(yield* chainOf({ urls: [url] }))
      const head = yield* anvil.blockNumber
      const scanning = yield* Effect.forkChild(scanner.scan({ from: head, to: head }, ours), {
        startImmediately: true
      })
      const verdict = yield* validator.verify(claimOf({ tx_hash }))
      assert.strictEqual(verdict._tag, "Confirmed")
      resolve()
      assert.strictEqual((yield* Fiber.join(scanning)).length, 1)
      const shared = requests.filter(
        (methods) =>
          methods.includes("eth_getLogs") && methods.includes("eth_getTransactionReceipt")
      )
      assert.deepStrictEqual(shared, [])
    }).pipe(Effect.scoped)
  )

  it.effect("that fails again and again closes no endpoint to deposits", () =>
    Effect.gen(function* () {
      const { anvil } = yield* LocalChain
      const tx_hash = yield* payUsdc
      const { url } = yield* startFront(anvil.url, "eth_getLogs", "HTTP 500")
      const { scanner, validator } = yield* liveChain(yield* chainOf({ urls: [url] }), {
        threshold: 1
      })
      const head = yield* anvil.blockNumber
      const failure = yield* Effect.flip(scanner.scan({ from: head, to: head }, ours))
      assert.strictEqual(failure._tag, "RpcFailure")
      assert.strictEqual((yield* Effect.flip(scanner.heads))._tag, "CircuitsOpen")
      assert.strictEqual((yield* validator.verify(claimOf({ tx_hash })))._tag, "Confirmed")
      assert.isTrue((yield* validator.circuits).every(({ state }) => state === "closed"))
    }).pipe(Effect.scoped)
  )
})
