/** A transaction that is in a block, as its receipt tells of it. */
import { Effect } from "effect"
import type { Endpoint } from "../rpc/endpoint.ts"
import type { RpcFailure } from "../validator.ts"
import type { Event, Receipt } from "./answers.ts"

/** What is told of a transaction in a block. */
export interface Accepted {
  readonly block_number: number
  readonly block_hash: string
  readonly finality_status: string
  readonly execution_status: "SUCCEEDED" | "REVERTED"
  readonly revert_reason: string | null
  readonly events: ReadonlyArray<Event>
}

/** A receipt that says that it is in a block must say in which, and what became of the transaction. */
export const acceptedOf = (
  endpoint: Endpoint,
  { finality_status, execution_status, block_number, revert_reason, events }: Receipt,
  block_hash: string
): Effect.Effect<Accepted, RpcFailure> =>
  block_number == null || execution_status == null
    ? Effect.fail(endpoint.failure(`${endpoint.name} gave an incomplete receipt`))
    : Effect.succeed({
        block_number,
        block_hash,
        finality_status,
        execution_status,
        revert_reason: revert_reason ?? null,
        events
      })
