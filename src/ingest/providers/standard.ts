/**
 * Standard Webhooks with our own generic body.
 *
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 * HMAC-SHA256 or ed25519 over `{webhook-id}.{webhook-timestamp}.{raw body}`; `webhook-signature` holds
 * one or more `v1,<base64>` or `v1a,<base64>`, separated by spaces; the timestamp may be five minutes
 * off either way. The secrets of a source may be of both kinds, while it moves from one to the other.
 *
 * Body: `{"chain","tx_hash","token","amount","to_address","transfer_index"?}`, other fields ignored.
 */
import { Effect, type Redacted, Result, Schema } from "effect"
import type { ChainConfig } from "../../config/chain-config.ts"
import { canonicalWebhookKey } from "../../config/webhook-secret.ts"
import { AmountFromJson } from "../../domain/amount.ts"
import {
  addressRule,
  type ChainName,
  canonicalAddress,
  canonicalTxHash,
  txHashRule
} from "../../domain/chain.ts"
import type { TransferClaim } from "../../domain/transfer.ts"
import { decoder } from "../fields.ts"
import { type FieldFault, failIf, WebhookProblem } from "../problem.ts"
import type { Provider, RawWebhook, Receiver } from "../provider.ts"
import { checkSenderClock, secondsFault } from "../timestamp.ts"
import { standardVerifier } from "./standard-signature.ts"

const maxIdLength = 256

const verifier = (secrets: ReadonlyArray<Redacted.Redacted<string>>): Receiver["verify"] => {
  const signatureFault = standardVerifier(secrets)
  const faultOf = (webhook: RawWebhook): WebhookProblem | undefined => {
    const id = webhook.headers["webhook-id"]
    const timestamp = webhook.headers["webhook-timestamp"]
    const signatures = webhook.headers["webhook-signature"]
    if (id === undefined || timestamp === undefined || signatures === undefined) {
      return missingHeaders(webhook)
    }
    if (id.length === 0 || id.length > maxIdLength) {
      return refused(`webhook-id must have 1 to ${maxIdLength} characters`)
    }
    const stale = secondsFault(timestamp, webhook.receivedAt, {
      place: "webhook-timestamp",
      advice: checkSenderClock
    })
    if (stale !== undefined) return stale
    const fault = signatureFault({ id, timestamp, body: webhook.body, signatures })
    return fault === undefined ? undefined : refused(fault)
  }
  return (webhook) => failIf(faultOf(webhook))
}

const refused = (detail: string) => new WebhookProblem({ code: "signature_invalid", detail })

const missingHeaders = ({ headers }: RawWebhook) => {
  const names = ["webhook-id", "webhook-timestamp", "webhook-signature"]
  const missing = names.filter((name) => headers[name] === undefined)
  return refused(
    `missing ${missing.join(", ")}: sign the webhook as Standard Webhooks says, with all three headers`
  )
}

const maxTransferIndex = 2_147_483_647
const indexRule = `must be a whole number from 0 to ${maxTransferIndex}, or left out`

const Body = Schema.Struct({
  chain: Schema.String,
  tx_hash: Schema.String,
  token: Schema.String,
  amount: AmountFromJson,
  to_address: Schema.String,
  transfer_index: Schema.optionalKey(
    Schema.NullOr(
      Schema.Int.pipe(
        Schema.check(
          Schema.isBetween({ minimum: 0, maximum: maxTransferIndex }, { message: indexRule })
        )
      )
    ).annotate({ message: indexRule })
  )
})

const decodeBody = decoder(Body)

const canonicalClaim = (
  body: typeof Body.Type,
  chains: ReadonlyMap<ChainName, ChainConfig>
): Result.Result<TransferClaim, ReadonlyArray<FieldFault>> => {
  const chain = [...chains.values()].find(({ name }) => name === body.chain)
  if (chain === undefined) {
    return Result.fail([
      { path: "chain", message: `must be one of ${[...chains.keys()].join(", ")}` }
    ])
  }
  const tx_hash = canonicalTxHash(chain.kind, body.tx_hash)
  const to_address = canonicalAddress(chain.kind, body.to_address)
  const token = [...chain.tokens.keys()].find((symbol) => symbol === body.token)
  if (tx_hash === undefined || to_address === undefined || token === undefined) {
    const faults: Array<FieldFault> = []
    if (tx_hash === undefined) {
      faults.push({ path: "tx_hash", message: txHashRule(chain.kind) })
    }
    if (token === undefined) {
      faults.push({
        path: "token",
        message: `must be one of the tokens of ${chain.name}: ${[...chain.tokens.keys()].join(", ")}`
      })
    }
    if (to_address === undefined) {
      faults.push({ path: "to_address", message: addressRule(chain.kind) })
    }
    return Result.fail(faults)
  }
  return Result.succeed({
    chain: chain.name,
    tx_hash,
    token,
    amount: body.amount,
    to_address,
    transfer_index: body.transfer_index ?? null
  })
}

export const standard: Provider = {
  secret: canonicalWebhookKey,
  namesNetworks: false,
  options: Schema.Struct({}),
  receiver: (source, chains) =>
    Effect.succeed({
      verify: verifier(source.secrets),
      decode: (body, { headers }) =>
        decodeBody(body).pipe(
          Result.flatMap((decoded) => canonicalClaim(decoded, chains)),
          Result.map((claim) => ({
            message_id: headers["webhook-id"] ?? null,
            transfers: [{ claim, from_address: null, report: "seen", payload: body, path: "" }],
            ignored: []
          }))
        )
    })
}
