/**
 * The native value that a transaction moves inside its contract calls, which leaves no log.
 *
 * Read from `debug_traceTransaction` with geth's `callTracer`, which geth, Erigon, Nethermind,
 * Besu, reth and anvil offer, and many hosted endpoints do not, or only for more money.
 */
import { Effect, Option, Schema } from "effect"
import { TxHash } from "../../domain/chain.ts"
import type { Endpoints } from "../rpc/endpoints.ts"
import { makeSharedLook } from "../shared-look.ts"
import { CallFrame, type Receipt } from "./answers.ts"
import { receiptOf } from "./calls.ts"
import type { SeenTransfer } from "./transfers.ts"

/** A transaction as it was run in one block. */
interface Run {
  readonly transactionHash: string
  readonly blockHash: string
}

/**
 * Asks anew, because the endpoint that traces may be another than the one that gave the receipt. One
 * trace serves all claims. What a transaction does in one block never changes, so it is remembered.
 */
export const makeTraceOf = (endpoints: Endpoints) => {
  const trace = ({ transactionHash, blockHash }: Run) =>
    endpoints.ask((endpoint) =>
      Effect.gen(function* () {
        const hash = TxHash.make(transactionHash)
        const [again, traced] = yield* Effect.all(
          [
            receiptOf(endpoint, hash),
            endpoint.optionalCall(
              "debug_traceTransaction",
              [hash, { tracer: "callTracer", timeout: "8s" }],
              Schema.Unknown
            )
          ],
          { concurrency: "unbounded" }
        )
        // Run in another block, the same transaction may move other amounts.
        if (again?.blockHash !== blockHash) {
          return yield* endpoint.failure(
            `${endpoint.name} has ${hash} in another block than the endpoint that gave its receipt`
          )
        }
        const transfers = innerTransfers(traced)
        return (
          transfers ??
          (yield* endpoint.refusal(
            `${endpoint.name} gave a malformed answer to debug_traceTransaction`
          ))
        )
      })
    )
  return Effect.map(
    makeSharedLook(trace, () => true),
    (shared) =>
      ({ transactionHash, blockHash }: Receipt) =>
        shared({ transactionHash, blockHash })
  )
}

/** Other frames name a value too, but move none to `to`: DELEGATECALL repeats its caller's, CALLCODE pays itself. */
const movesValue: ReadonlySet<string> = new Set(["CALL", "CREATE", "CREATE2", "SELFDESTRUCT"])

const decodeFrame = Schema.decodeUnknownOption(CallFrame)

/**
 * The transfers below the transaction's own call, in the order of execution; undefined if the
 * trace is malformed. What a reverted call or its callees moved has been undone and is left out.
 *
 * The canonical index is made of what the transfer is, not of where in the trace it stands: clients
 * disagree on which calls they list, so the same transfer would have two places, and could be
 * credited twice. Two transfers of one index are never told apart, see `matchNative`.
 */
export const innerTransfers = (trace: unknown): ReadonlyArray<SeenTransfer> | undefined => {
  const transfers: Array<SeenTransfer> = []
  const pending: Array<{ readonly frame: unknown; readonly path: ReadonlyArray<number> }> = [
    { frame: trace, path: [] }
  ]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { path } = next
    const frame = Option.getOrUndefined(decodeFrame(next.frame))
    if (frame === undefined) return undefined
    if (frame.error != null || frame.revertReason != null) continue
    const units = frame.value ?? 0n
    if (path.length > 0 && units > 0n && movesValue.has(frame.type) && frame.to != null) {
      transfers.push({
        index: `call:${frame.to}:${units}`,
        place: `call ${path.join(".")}`,
        log_index: null,
        contract: null,
        from: frame.from,
        to: frame.to,
        units
      })
    }
    const calls = (frame.calls ?? []).map((call, index) => ({
      frame: call,
      path: [...path, index]
    }))
    pending.push(...calls.toReversed())
  }
  return transfers
}
