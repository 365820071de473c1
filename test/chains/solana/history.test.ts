import { assert, describe, it } from "@effect/vitest"
import { base58 } from "@scure/base"
import { Effect, Option, Schema } from "effect"
import type { Endpoint } from "../../../src/chains/rpc/endpoint.ts"
import { transactionsSince } from "../../../src/chains/solana/history.ts"
import { RpcFailure, RpcRefused } from "../../../src/chains/validator.ts"
import { Address } from "../../../src/domain/chain.ts"

const about = { chain: "solana", endpoint: "x.example#0" }
const failure = (message: string) => new RpcFailure({ ...about, message, retry_after_ms: null })
const address = Address.make("So11111111111111111111111111111111111111112")

const signatureOf = (index: number) => {
  const bytes = new Uint8Array(64)
  new DataView(bytes.buffer).setUint32(0, index + 1)
  return base58.encode(bytes)
}

const Page = Schema.Tuple([
  Schema.Json,
  Schema.Struct({ limit: Schema.Int, before: Schema.optionalKey(Schema.String) })
])

/** Lists so many transactions of these slots: a real node has too few in one slot, and never too many. */
const nodeOf = (count: number, slotOf: (index: number) => number): Endpoint => ({
  name: "x.example#0",
  failure,
  refusal: (message) => new RpcRefused({ ...about, message }),
  observeHead: () => Effect.void,
  optionalCall: () => Effect.fail(failure("not asked")),
  call: (_method, params, result) => {
    const [, { before, limit }] = Schema.decodeUnknownSync(Page)(params)
    const bytes = before === undefined ? undefined : base58.decode(before)
    const start = bytes === undefined ? 0 : new DataView(bytes.buffer).getUint32(0)
    const page = Array.from({ length: Math.min(limit, count - start) }, (_, index) => ({
      signature: signatureOf(start + index),
      slot: slotOf(start + index),
      err: null
    }))
    return Option.match(Schema.decodeUnknownOption(result)(page), {
      onNone: () => Effect.fail(failure("malformed")),
      onSome: Effect.succeed
    })
  }
})

const range = { from: 7, to: 9 }

describe("the transactions of an address", () => {
  it.effect("come whole and once each, though one slot has more than a page holds", () =>
    Effect.gen(function* () {
      for (const count of [0, 1, 2, 99, 100, 101, 1098, 1099, 1100, 2500]) {
        const found = yield* transactionsSince(
          nodeOf(count, () => 7),
          address,
          range
        )
        assert.deepStrictEqual(
          found.map(({ signature }) => signature),
          Array.from({ length: count }, (_, index) => signatureOf(index)),
          `${count}`
        )
      }
    })
  )

  it.effect("end where the range begins", () =>
    Effect.gen(function* () {
      const node = nodeOf(1_000_000, (index) => Math.max(0, 9 - Math.floor(index / 100)))
      assert.lengthOf(yield* transactionsSince(node, address, range), 300)
    })
  )

  it.effect("are refused, and not cut short, where they do not come to an end", () =>
    Effect.gen(function* () {
      const node = nodeOf(1_000_000, () => 8)
      const refused = yield* Effect.flip(transactionsSince(node, address, range))
      assert.strictEqual(refused._tag, "RpcRefused")
      assert.match(refused.message, /more than 49051 transactions since slot 7/)
    })
  )
})
