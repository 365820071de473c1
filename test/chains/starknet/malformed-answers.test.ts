/** Whatever a node answers, nothing is credited by nonsense, and nothing crashes. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Predicate, Schema } from "effect"
import * as fc from "fast-check"
import { startRpcFront } from "../../../src/demo/rpc-front.ts"
import { answerCall } from "../../../src/demo/starknet/starknet-answers.ts"
import type { ChainState } from "../../../src/demo/starknet/starknet-chain.ts"
import type { TxHash } from "../../../src/domain/chain.ts"
import { claimOf, openValidator, startChain, transferOf } from "../../support/starknet.ts"

const nonsense: ReadonlyArray<Schema.Json> = [
  null,
  "",
  "0x",
  "0x0",
  "0x1",
  `0x${"f".repeat(64)}`,
  "ACCEPTED_ON_L2",
  "PRE_CONFIRMED",
  "SUCCEEDED",
  "REVERTED",
  0,
  -1,
  1.5,
  1e21,
  2 ** 53,
  [],
  [[]],
  {}
]
const Json = Schema.decodeUnknownSync(Schema.Json)
const anything = fc.oneof(
  fc.constantFrom(...nonsense),
  fc.jsonValue().map((value) => Json(value))
)

/** Every member whose change makes another transfer of it, or none. */
const members: ReadonlyArray<ReadonlyArray<string | number>> = [
  ["transaction_hash"],
  ["finality_status"],
  ["execution_status"],
  ["block_hash"],
  ["block_number"],
  ["events"],
  ["events", 0],
  ["events", 0, "from_address"],
  ["events", 0, "keys"],
  ["events", 0, "keys", 0],
  ["events", 0, "keys", 2],
  ["events", 0, "data"],
  ["events", 0, "data", 0],
  ["events", 0, "data", 1]
]

const isList = (value: Schema.Json): value is ReadonlyArray<Schema.Json> => Array.isArray(value)

/** The value with one member replaced, or left out. */
const replaced = (
  value: Schema.Json,
  [name, ...rest]: ReadonlyArray<string | number>,
  by: Schema.Json | undefined
): Schema.Json => {
  if (name === undefined) return by ?? null
  if (isList(value)) {
    return value.flatMap((member, index) => {
      if (index !== name) return [member]
      return rest.length === 0 && by === undefined ? [] : [replaced(member, rest, by)]
    })
  }
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, member]) => {
      if (key !== name) return [[key, member]]
      return rest.length === 0 && by === undefined ? [] : [[key, replaced(member, rest, by)]]
    })
  )
}

const sample = <A>(arbitrary: fc.Arbitrary<A>, count: number) =>
  fc.sample(arbitrary, { numRuns: count, seed: 7 })

interface Case {
  readonly tx_hash: TxHash
  /** What is answered instead of the truth. */
  readonly receipt?: Schema.Json
  readonly block?: Schema.Json
}

describe("a malformed answer", () => {
  it.live("never credits a deposit, and is never more than a failure of its endpoint", () =>
    Effect.gen(function* () {
      const { chain, url } = yield* startChain()
      const front = yield* startRpcFront(url)
      // Failures must not close the chain: here each is looked at.
      const validator = yield* openValidator({ urls: [front.url], threshold: 1000 })
      const send = Effect.tap(chain.send([transferOf()]), () => chain.mine())
      const truth = (state: ChainState, tx_hash: TxHash): Schema.Json => {
        const answer = answerCall(state, "starknet_getTransactionReceipt", [tx_hash])
        return "result" in answer ? answer.result : assert.fail("no receipt")
      }

      const spoils = [
        ...members.flatMap((path) => [undefined, ...nonsense].map((by) => [path, by] as const)),
        ...sample(fc.tuple(fc.constantFrom(...members), anything), 100)
      ]
      const spoiled = yield* Effect.forEach(spoils, ([path, by]) =>
        Effect.gen(function* () {
          const tx_hash = yield* send
          const receipt = truth(yield* chain.state, tx_hash)
          return { tx_hash, receipt: replaced(receipt, path, by), truth: receipt }
        })
      )
      const cases: ReadonlyArray<Case> = [
        ...spoiled.filter((one) => JSON.stringify(one.receipt) !== JSON.stringify(one.truth)),
        ...(yield* Effect.forEach(sample(anything, 60), (receipt) =>
          Effect.map(send, (tx_hash) => ({ tx_hash, receipt }))
        )),
        ...(yield* Effect.forEach(sample(anything, 60), (block) =>
          Effect.map(send, (tx_hash) => ({ tx_hash, block }))
        ))
      ]
      const state = yield* chain.state
      const caseOf = new Map<unknown, Case>(cases.map((one) => [one.tx_hash, one]))
      const caseAt = new Map<unknown, Case | undefined>(
        state.blocks.map(({ transactions }, height) => [height, caseOf.get(transactions[0]?.hash)])
      )
      yield* front.setMode({
        _tag: "Rewrite",
        rewrite: ({ method, params: [param] }) => {
          const instead =
            method === "starknet_getTransactionReceipt"
              ? caseOf.get(param)?.receipt
              : method === "starknet_getBlockWithTxHashes"
                ? caseAt.get(heightIn(param))?.block
                : undefined
          return instead === undefined ? undefined : { result: instead }
        }
      })

      const honest = yield* send
      const tally = new Map<string, number>()
      yield* Effect.forEach(
        cases,
        Effect.fnUntraced(function* (one) {
          const exit = yield* Effect.exit(validator.verify(claimOf({ tx_hash: one.tx_hash })))
          const shown = JSON.stringify(one)
          const tag = Exit.isSuccess(exit) ? exit.value._tag : failureTag(exit.cause)
          assert.include(["NotFound", "NotFinal", "Reverted", "Mismatch", "RpcFailure"], tag, shown)
          tally.set(tag, (tally.get(tag) ?? 0) + 1)
        }),
        { concurrency: "unbounded", discard: true }
      )
      // Else the samples would all have been of one trivial kind.
      for (const tag of ["NotFinal", "Reverted", "Mismatch", "RpcFailure"]) {
        assert.isAbove(tally.get(tag) ?? 0, 0, tag)
      }
      const verdict = yield* validator.verify(claimOf({ tx_hash: honest }))
      assert.strictEqual(verdict._tag, "Confirmed")
    })
  )
})

const heightIn = (param: unknown): unknown =>
  Predicate.hasProperty(param, "block_number") ? param.block_number : undefined

/** Of the only reason, if it is a failure and no defect. */
const failureTag = (cause: Cause.Cause<{ readonly _tag: string }>): string => {
  const [reason] = cause.reasons
  return reason?._tag === "Fail" ? reason.error._tag : Cause.pretty(cause)
}
