/** Scanners of the fake Starknet, and fronts between the two that can lie. */
import { Effect, Option, Schema } from "effect"
import { CircuitBreaker } from "effect/persistence"
import { makeEndpoints } from "../../src/chains/rpc/endpoints.ts"
import type { ScannedTransfer } from "../../src/chains/scanner.ts"
import { starknet } from "../../src/chains/starknet/starknet-family.ts"
import { makeStarknetScanner } from "../../src/chains/starknet/starknet-scanner.ts"
import { type FrontCall, type Rewritten, startRpcFront } from "../../src/demo/rpc-front.ts"
import type { Action, FakeStarknet } from "../../src/demo/starknet/starknet-chain.ts"
import type { StarknetFrontOptions } from "../../src/demo/starknet/starknet-front.ts"
import type { Address, TxHash } from "../../src/domain/chain.ts"
import { openMillis } from "./live-validator.ts"
import {
  chainOf,
  claimOf,
  depositAddress,
  otherAddress,
  startChain,
  transferOf,
  type ValidatorOptions
} from "./starknet.ts"

export const ours: ReadonlySet<Address> = new Set([depositAddress, otherAddress])

/** The live scanner and the live validator over the same endpoints, with fresh circuits. */
export const openScanner = Effect.fnUntraced(function* (options: ValidatorOptions) {
  const chain = chainOf(options)
  const breaker = yield* CircuitBreaker.make({
    tripPolicy: CircuitBreaker.consecutive(options.threshold ?? 5),
    openDuration: openMillis
  })
  const endpoints = yield* makeEndpoints(chain, starknet, breaker)
  return {
    scanner: yield* makeStarknetScanner(chain, endpoints),
    validator: yield* starknet.makeValidator(chain, endpoints)
  }
}, Effect.provide(CircuitBreaker.layerStoreMemory()))

export const start = (
  options: Omit<ValidatorOptions, "urls"> = {},
  felts: StarknetFrontOptions = {}
) =>
  Effect.gen(function* () {
    const { chain, url } = yield* startChain(felts)
    return { chain, url, ...(yield* openScanner({ urls: [url], ...options })) }
  })

/** The same with a front between the two that can lie. */
export const startBehindFront = (options: Omit<ValidatorOptions, "urls"> = {}) =>
  Effect.gen(function* () {
    const { chain, url } = yield* startChain()
    const front = yield* startRpcFront(url)
    const rewrite = (rewritten: (call: FrontCall) => Rewritten | undefined) =>
      front.setMode({ _tag: "Rewrite", rewrite: rewritten })
    return {
      chain,
      url,
      front,
      rewrite,
      ...(yield* openScanner({ urls: [front.url], ...options }))
    }
  })

export const mined = (chain: FakeStarknet, ...actions: ReadonlyArray<Action>) =>
  Effect.tap(chain.send(actions), chain.mine())

/** A block for each of these numbers of transfers, all of them ours. */
export const filled = (chain: FakeStarknet, counts: ReadonlyArray<number>) =>
  Effect.forEach(counts, (count) =>
    mined(chain, ...Array.from({ length: count }, () => transferOf()))
  )

export const hashesOf = (transfers: ReadonlyArray<ScannedTransfer>): ReadonlyArray<TxHash> =>
  transfers.map(({ claim }) => claim.tx_hash)

export const scanned = (
  block_number: number,
  claim: Parameters<typeof claimOf>[0]
): ScannedTransfer => {
  return { claim: claimOf(claim), block_number }
}

const Filter = Schema.Struct({
  from_block: Schema.Struct({ block_number: Schema.Int }),
  to_block: Schema.Struct({ block_number: Schema.Int }),
  chunk_size: Schema.Int
})
const decodeFilter = Schema.decodeUnknownOption(Filter)

/** What a call asks of `starknet_getEvents`; undefined if it is another call. */
export const eventsAskedBy = ({ method, params }: FrontCall) => {
  if (method !== "starknet_getEvents") return undefined
  const filter = Option.getOrThrow(decodeFilter(params[0]))
  const [from, to] = [filter.from_block.block_number, filter.to_block.block_number]
  return { from, to, size: filter.chunk_size }
}

export const post = (url: string, method: string, params: ReadonlyArray<Schema.Json>) =>
  Effect.promise(async () => {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params })
    const response = await fetch(url, { method: "POST", body })
    return await response.json()
  }).pipe(
    Effect.flatMap(Schema.decodeUnknownEffect(Schema.Struct({ result: Schema.JsonObject }))),
    Effect.map(({ result }) => result)
  )

export const error = (code: number, message: string) => {
  return { error: { code, message } }
}
