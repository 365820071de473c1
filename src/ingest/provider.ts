/**
 * The contract of a webhook provider: prove who sent it, then say which transfers it claims.
 *
 * `verify` sees the raw bytes and nothing has been parsed yet; `decode` sees only what was verified.
 */
import type { Redacted, Result, Schema } from "effect"
import type { ChainConfig } from "../config/chain-config.ts"
import type { ChainName } from "../domain/chain.ts"
import type { TransferClaim } from "../domain/transfer.ts"
import type { FieldFault, WebhookProblem } from "./problem.ts"

export interface RawWebhook {
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: Uint8Array
  /** Milliseconds since 1970. */
  readonly receivedAt: number
}

/** Made once for a source, so that keys are decoded once. Constant in time over the signature. */
export type Verify = (webhook: RawWebhook) => WebhookProblem | undefined

export interface Provider {
  /** All secrets are active. */
  readonly verifier: (secrets: ReadonlyArray<Redacted.Redacted<string>>) => Verify
  /** The claims in canonical form, or every field that is wrong. */
  readonly decode: (
    body: Schema.Json,
    chains: ReadonlyMap<ChainName, ChainConfig>
  ) => Result.Result<ReadonlyArray<TransferClaim>, ReadonlyArray<FieldFault>>
}
