/**
 * What a notification of Circle tells.
 *
 * https://developers.circle.com/wallets/webhook-notification-flows (the envelope)
 * https://developers.circle.com/api-reference/wallets/transaction-states-and-errors (the states)
 *
 * A notification tells of one transaction: of one token, to one address. Circle names tokens by ids of
 * its own, which the source's `tokens` map; where a contract is given it decides. `amounts` are decimal
 * strings in whole tokens, and exact.
 */
import { Result, Schema } from "effect"
import type { ProviderReport } from "../../../machines/deposit-events.ts"
import type { ChainConfig } from "../../config/chain-config.ts"
import type { Source } from "../../config/surehook-config.ts"
import { type Amount, amountFromText, amountProblem } from "../../domain/amount.ts"
import {
  type Address,
  addressRule,
  type ChainName,
  canonicalAddress,
  canonicalTxHash,
  type TxHash,
  txHashRule
} from "../../domain/chain.ts"
import type { TokenSymbol } from "../../domain/ids.ts"
import { decoder } from "../fields.ts"
import type { FieldFault } from "../problem.ts"
import type { AnnouncedTransfer, Announcement, Ignored } from "../provider.ts"
import { chainOf, tokenOf, unknownNetwork } from "../tokens.ts"

const maxIdLength = 256

type Read<A> = Result.Result<A, ReadonlyArray<FieldFault>>

/** A token of surehook.yaml, by Circle's id of it in lower case. */
export type CircleTokens = ReadonlyMap<string, { readonly chain: string; readonly token: string }>

const decodeEnvelope = decoder(
  Schema.Struct({ notificationType: Schema.String, notificationId: Schema.String })
)

const optional = <S extends Schema.Constraint>(schema: S) =>
  Schema.optionalKey(Schema.NullOr(schema))

const Inbound = Schema.Struct({
  blockchain: Schema.String,
  destinationAddress: Schema.String,
  sourceAddress: optional(Schema.String),
  tokenId: optional(Schema.String),
  tokenAddress: optional(Schema.String),
  amounts: Schema.Array(Schema.String),
  nfts: optional(Schema.Array(Schema.Json)),
  state: Schema.String,
  transactionType: optional(Schema.String),
  txHash: optional(Schema.String)
})
type Inbound = typeof Inbound.Type

const decodeInbound = decoder(Schema.Struct({ notification: Inbound }))

export const circleDecoder =
  (
    networks: Source["networks"],
    tokens: CircleTokens,
    chains: ReadonlyMap<ChainName, ChainConfig>
  ) =>
  (body: Schema.Json): Read<Announcement> =>
    Result.flatMap(decodeEnvelope(body), ({ notificationId, notificationType }) => {
      const message_id =
        notificationId === "" || notificationId.length > maxIdLength ? null : notificationId
      const nothing = { message_id, transfers: [], ignored: [] }
      if (notificationType === "webhooks.test") return Result.succeed({ ...nothing, is_test: true })
      if (notificationType !== "transactions.inbound") {
        return Result.succeed({ ...nothing, ignored: [otherType(notificationType)] })
      }
      return decodeInbound(body).pipe(
        Result.flatMap(({ notification }) =>
          transferOf({ networks, tokens, chains, payload: body }, notification)
        ),
        Result.map((one) =>
          "claim" in one ? { ...nothing, transfers: [one] } : { ...nothing, ignored: [one] }
        )
      )
    })

const otherType = (notificationType: string): Ignored => ({
  path: "notificationType",
  ...(notificationType === "transactions.outbound"
    ? { reason: "outgoing", detail: "it tells of what left a wallet" }
    : { reason: "not_a_transfer", detail: "only transactions.inbound tells of deposits" })
})

/**
 * Circle's states in the words of a report, which is a hint: only the chain decides. CONFIRMED is in a
 * block but not yet deep enough for Circle, so it is a first word; a state that we do not know as well.
 */
const reports: Readonly<Record<string, ProviderReport>> = {
  COMPLETE: "confirmed",
  COMPLETED: "confirmed",
  FAILED: "dropped",
  DENIED: "dropped",
  CANCELLED: "dropped",
  CANCELED: "dropped"
}
/** States in which a transaction may not have its hash yet. */
const unsent = new Set(["INITIATED", "QUEUED", "CLEARED", "SENT", "STUCK"])

const path = "notification"
const at = (field: keyof Inbound) => `${path}.${field}`
const fault = (field: keyof Inbound, message: string) => Result.fail([{ path: at(field), message }])

interface Context {
  readonly networks: Source["networks"]
  readonly tokens: CircleTokens
  readonly chains: ReadonlyMap<ChainName, ChainConfig>
  readonly payload: Schema.Json
}

const transferOf = (context: Context, inbound: Inbound): Read<AnnouncedTransfer | Ignored> => {
  const early = noDeposit(inbound)
  if (early !== undefined) return Result.succeed(early)
  const chain = chainOf(context.networks, context.chains, inbound.blockchain)
  if (chain === undefined) return fault("blockchain", unknownNetwork(context.networks))
  const reads = {
    tx_hash: hashOf(inbound, chain),
    token: tokenSymbolOf(inbound, chain, context.tokens),
    amount: amountOf(inbound),
    to_address: destinationOf(inbound, chain)
  }
  return Result.all(reads).pipe(
    Result.mapError(() => Object.values(reads).flatMap(faultsOf)),
    Result.map(({ amount, to_address, token, tx_hash }) => {
      if (token === undefined) return unknownToken(inbound)
      if (amount === undefined) {
        return { path: at("amounts"), reason: "zero_amount", detail: "its amount is zero" }
      }
      return {
        claim: { chain: chain.name, tx_hash, token, amount, to_address, transfer_index: null },
        from_address: canonicalAddress(chain.kind, inbound.sourceAddress ?? "") ?? null,
        report:
          (Object.hasOwn(reports, inbound.state) ? reports[inbound.state] : undefined) ?? "seen",
        payload: context.payload,
        path
      }
    })
  )
}

const faultsOf = (read: Read<unknown>): ReadonlyArray<FieldFault> =>
  Result.isFailure(read) ? read.failure : []

/** Why it is no deposit whatever its chain and token are; undefined if it may be one. */
const noDeposit = ({ nfts, state, transactionType, txHash }: Inbound): Ignored | undefined => {
  if (transactionType === "OUTBOUND") {
    return { path: at("transactionType"), reason: "outgoing", detail: "it left a wallet" }
  }
  if (nfts !== undefined && nfts !== null && nfts.length > 0) {
    return { path: at("nfts"), reason: "nft", detail: "it moved NFTs" }
  }
  if (txHash !== undefined && txHash !== null && txHash !== "") return undefined
  if (Object.hasOwn(reports, state) && reports[state] === "dropped") {
    return {
      path: at("state"),
      reason: "failed_transaction",
      detail: "it failed before it had a transaction on chain"
    }
  }
  return unsent.has(state)
    ? {
        path: at("txHash"),
        reason: "not_a_transfer",
        detail: "it has no transaction on chain yet: Circle tells again when it has"
      }
    : undefined
}

const hashOf = ({ txHash }: Inbound, { kind }: ChainConfig): Read<TxHash> => {
  if (txHash === undefined || txHash === null) return fault("txHash", "is missing")
  const hash = canonicalTxHash(kind, txHash)
  return hash === undefined ? fault("txHash", txHashRule(kind)) : Result.succeed(hash)
}

const destinationOf = ({ destinationAddress }: Inbound, { kind }: ChainConfig): Read<Address> => {
  const address = canonicalAddress(kind, destinationAddress)
  return address === undefined
    ? fault("destinationAddress", addressRule(kind))
    : Result.succeed(address)
}

/** Undefined if it is none of the chain's tokens. */
const tokenSymbolOf = (
  { tokenAddress, tokenId }: Inbound,
  chain: ChainConfig,
  tokens: CircleTokens
): Read<TokenSymbol | undefined> => {
  if (tokenAddress !== undefined && tokenAddress !== null && tokenAddress !== "") {
    return Result.succeed(tokenOf(chain, tokenAddress)?.symbol)
  }
  if (tokenId === undefined || tokenId === null) return fault("tokenId", "is missing")
  const mapped = tokens.get(tokenId.toLowerCase())
  if (mapped === undefined) return Result.succeed(undefined)
  const symbol = [...chain.tokens.keys()].find((name) => name === mapped.token)
  // Not ignored: it is a token of ours, and the webhook succeeds when it is sent again after the repair.
  return mapped.chain === chain.name && symbol !== undefined
    ? Result.succeed(symbol)
    : fault(
        "tokenId",
        `stands in \`tokens\` of this source in surehook.yaml for ${mapped.token} on ${mapped.chain}, which is no token of ${chain.name}: correct it there`
      )
}

const unknownToken = ({ tokenAddress }: Inbound): Ignored => ({
  reason: "token_unknown",
  ...(tokenAddress === undefined || tokenAddress === null || tokenAddress === ""
    ? {
        path: at("tokenId"),
        detail:
          "the tokenId is not in `tokens` of this source in surehook.yaml: add it there if you take deposits in it"
      }
    : { path: at("tokenAddress"), detail: "it is none of the chain's tokens in surehook.yaml" })
})

/** Undefined if it is zero. What does not fit is refused, so that somebody sees it, and never rounded. */
const amountOf = ({ amounts }: Inbound): Read<Amount | undefined> => {
  const [text, ...others] = amounts
  if (text === undefined || others.length > 0) {
    // Equal amounts would be one claim, so several of them cannot be told apart.
    return fault("amounts", `must hold one amount, and holds ${amounts.length}`)
  }
  if (/^0+(?:\.0+)?$/.test(text)) return Result.succeed(undefined)
  const amount = amountFromText(text)
  return amount === undefined
    ? Result.fail([{ path: `${at("amounts")}[0]`, message: amountProblem(text) ?? "is no amount" }])
    : Result.succeed(amount)
}
