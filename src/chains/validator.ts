/**
 * The contract of a chain's validator: given a claim, say what the chain has.
 *
 * A webhook is a hint, the chain is the truth: nothing is credited without a `Confirmed` verdict.
 * A verdict is what the chain said; a failure is that the chain could not be asked.
 */
import { Context, type Duration, type Effect, Schema } from "effect"
import type { Amount } from "../domain/amount.ts"
import type { ChainName } from "../domain/chain.ts"
import type { OnChainIdentity, TransferClaim } from "../domain/transfer.ts"

/** What was seen on chain, stored in the event for the auditor: JSON with strings, integers, null and nested records of them. */
export type Evidence = Schema.JsonObject

export type Verdict =
  | {
      /** Seen, successful, matching in every part, and deep enough to credit. */
      readonly _tag: "Confirmed"
      readonly identity: OnChainIdentity
      readonly amount: Amount
      readonly block_number: number
      readonly block_hash: string
      readonly confirmations: number
      /** `final`: the chain will not undo it. `watching`: deep enough for the operator, not yet final. */
      readonly finality: "watching" | "final"
      readonly evidence: Evidence
    }
  | {
      /** Seen, but not deep enough to be judged, for better or worse. Costs no attempt. */
      readonly _tag: "NotFinal"
      readonly confirmations_seen: number
      readonly confirmations_needed: number
      /** One sentence for a person, if it waits for something else than depth. */
      readonly reason?: string
      /**
       * It is in no block of the chain: that is certain, and not only that it could not be read. `head` is
       * the newest block of who says so.
       */
      readonly absence?: { readonly head: number }
      /** When looking again makes sense. */
      readonly look_again_after: Duration.Duration
      readonly evidence: Evidence
    }
  | {
      /** No endpoint that answered knows such a transaction: normal for a while behind a load balancer. */
      readonly _tag: "NotFound"
      /** The newest block of who says so. */
      readonly head: number
      readonly evidence: Evidence
    }
  | {
      readonly _tag: "Reverted"
      readonly evidence: Evidence
    }
  | {
      /** The transaction is there, but it does not hold the claimed transfer. */
      readonly _tag: "Mismatch"
      /** It is our configuration that does not match, whatever the chain has. */
      readonly about?: "config"
      /** One sentence for a person: what was expected and what the chain has. */
      readonly reason: string
      readonly expected: Evidence
      readonly found: Evidence
      readonly evidence: Evidence
    }

/** An endpoint failed: unreachable, too slow, 429, 5xx, or an answer that makes no sense. */
export class RpcFailure extends Schema.TaggedError<RpcFailure>()("RpcFailure", {
  chain: Schema.String,
  /** The endpoint's name (host and position), never its URL, which may hold a key. */
  endpoint: Schema.String,
  message: Schema.String,
  /** The answer is too large to be taken: that says nothing of the endpoint, any would give it. */
  about: Schema.optionalKey(Schema.Literal("answer_size")),
  /** What the endpoint asked for in `Retry-After`, in milliseconds. */
  retry_after_ms: Schema.NullOr(Schema.Finite)
}) {}

/** Our own call was wrong (invalid params): asking again will not help. */
export class RpcRefused extends Schema.TaggedError<RpcRefused>()("RpcRefused", {
  chain: Schema.String,
  endpoint: Schema.String,
  message: Schema.String,
  /** What was asked for is too much for one answer, and in parts too. */
  about: Schema.optionalKey(Schema.Literal("answer_size"))
}) {}

/** No endpoint of the chain takes a call now: it was not made, and costs no attempt. */
export class CircuitsOpen extends Schema.TaggedError<CircuitsOpen>()("CircuitsOpen", {
  chain: Schema.String,
  message: Schema.String,
  /** Left out: each failed too often in a row, and its circuit is open. */
  reason: Schema.optionalKey(Schema.Literal("rate_limited")),
  /** Milliseconds until the first endpoint takes a call. */
  retry_after_ms: Schema.Finite
}) {}

/** The chain is not, or no longer, in surehook.yaml. */
export class ChainUnknown extends Schema.TaggedError<ChainUnknown>()("ChainUnknown", {
  chain: Schema.String,
  message: Schema.String
}) {}

export type ValidatorError = RpcFailure | RpcRefused | CircuitsOpen | ChainUnknown

/** How the circuit of one endpoint stands. */
export interface Circuit {
  readonly chain: ChainName
  /** The endpoint's name (host and position), never its URL, which may hold a key. */
  readonly endpoint: string
  /** `half_open`: its time is over, and the next question is its probe, or is under way. */
  readonly state: "closed" | "open" | "half_open"
}

/** All chains of the configuration behind one door. */
export class Validator extends Context.Service<
  Validator,
  {
    /** Asks the claim's chain. Concurrent calls are batched where the client can. */
    readonly verify: (claim: TransferClaim) => Effect.Effect<Verdict, ValidatorError>
    /** The chains of which at least one endpoint would take a call now: only their jobs are claimed. */
    readonly claimableChains: Effect.Effect<ReadonlyArray<ChainName>>
    /** Of every endpoint of every chain. */
    readonly circuits: Effect.Effect<ReadonlyArray<Circuit>>
  }
>()("surehook/chains/Validator") {}
