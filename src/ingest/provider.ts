/**
 * The contract of a webhook provider: prove who sent it, then say which transfers it tells of.
 *
 * `verify` sees the raw bytes, and nothing has been parsed yet; `decode` sees only what was verified.
 * A provider is one file in `providers/` and one line in `registry.ts`.
 */
import type { Effect, Result, Schema, Scope } from "effect"
import type { HttpClient } from "effect/http"
import type { ProviderReport } from "../../machines/deposit-events.ts"
import type { ChainConfig } from "../config/chain-config.ts"
import type { SourceRules } from "../config/source-rules.ts"
import type { Source } from "../config/surehook-config.ts"
import type { Address, ChainName } from "../domain/chain.ts"
import type { TransferClaim } from "../domain/transfer.ts"
import type { FieldFault, WebhookProblem } from "./problem.ts"

export interface Provider extends SourceRules {
  /** Bodies may be compressed with gzip; signatures are over the bytes before compression. */
  readonly takesGzip?: boolean
  /** One call may tell of a whole block: its body may be larger than others. */
  readonly sendsBlocks?: boolean
  /** Made once for a source when the service starts, so that keys are decoded once. */
  readonly receiver: (
    source: Source,
    chains: ReadonlyMap<ChainName, ChainConfig>
  ) => Effect.Effect<Receiver, never, HttpClient.HttpClient | Scope.Scope>
}

export interface Receiver {
  /** Fails with 401 if no active secret signed this. Constant in time over secret and signature. */
  readonly verify: (webhook: RawWebhook) => Effect.Effect<void, WebhookProblem>
  /** What the body tells, in canonical form, or every field that is missing or wrong. */
  readonly decode: (
    body: Schema.Json,
    webhook: RawWebhook
  ) => Result.Result<Announcement, ReadonlyArray<FieldFault>>
}

export interface RawWebhook {
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>
  /** As it was signed: without compression. */
  readonly body: Uint8Array
  /** Milliseconds since 1970. */
  readonly receivedAt: number
}

export interface Announcement {
  /** The provider's id of this message, the same however often it is sent; null if it has none. */
  readonly message_id: string | null
  readonly transfers: ReadonlyArray<AnnouncedTransfer>
  /** What is no deposit. It is acknowledged, and makes no job. */
  readonly ignored: ReadonlyArray<Ignored>
  /** A call that the provider makes to try the endpoint. */
  readonly is_test?: boolean
}

export interface AnnouncedTransfer {
  readonly claim: TransferClaim
  /** Who sent it, if the provider says so: what leaves a registered address is no deposit. */
  readonly from_address: Address | null
  /**
   * What the provider says became of the transfer. `seen` is its first word; what comes later for a
   * known transfer is an event of its job. `removed`: by a reorganisation. `dropped`: never mined.
   */
  readonly report: ProviderReport
  /** The part of the body that tells of this transfer, kept with its job. */
  readonly payload: Schema.Json
  /** Where it stands in the body: `event.activity[2]`, and empty for the whole. */
  readonly path: string
}

/** Why something in a body is no deposit. */
export type IgnoredReason =
  | "outgoing"
  | "nft"
  | "approval"
  | "zero_amount"
  | "failed_transaction"
  | "token_unknown"
  | "removed_unknown"
  | "not_a_transfer"

export interface Ignored {
  readonly path: string
  readonly reason: IgnoredReason
  /** One sentence for a person. */
  readonly detail: string
}
