import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Endpoint } from "../../../src/chains/rpc/endpoint.ts"
import { newestSlot, statusOf, transactionOf } from "../../../src/chains/solana/calls.ts"
import { RpcFailure, RpcRefused } from "../../../src/chains/validator.ts"
import { unknownTx } from "../../support/solana.ts"

/** A status older than a minute or so is in the history only. */
const searching = { searchTransactionHistory: true }

it.effect("all that is asked about one transaction is one group, so one node answers it", () =>
  Effect.gen(function* () {
    const groups: Array<readonly [method: string, group: string | undefined]> = []
    const options: Array<unknown> = []
    const about = { chain: "solana", endpoint: "x.example#0" }
    const failure = (message: string) => new RpcFailure({ ...about, message, retry_after_ms: null })
    // Only notes what it is asked: which calls go together cannot be seen in a real server's answers.
    const endpoint: Endpoint = {
      name: "x.example#0",
      failure,
      refusal: (message) => new RpcRefused({ ...about, message }),
      observeHead: () => Effect.void,
      call: (method, params, _result, group) => {
        groups.push([method, group])
        options.push(params.at(-1))
        return Effect.fail(failure("noted"))
      },
      optionalCall: () => Effect.fail(failure("not asked"))
    }
    yield* Effect.all(
      [
        transactionOf(endpoint, unknownTx),
        statusOf(endpoint, unknownTx),
        newestSlot(endpoint, "confirmed", unknownTx),
        newestSlot(endpoint, "finalized", unknownTx)
      ],
      { mode: "result" }
    )
    assert.deepStrictEqual(groups, [
      ["getTransaction", unknownTx],
      ["getSignatureStatuses", unknownTx],
      ["getSlot", unknownTx],
      ["getSlot", unknownTx]
    ])
    assert.deepStrictEqual(options, [
      { commitment: "confirmed", encoding: "json", maxSupportedTransactionVersion: 0 },
      searching,
      { commitment: "confirmed" },
      { commitment: "finalized" }
    ])
  })
)
