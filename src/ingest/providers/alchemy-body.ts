/** What the bodies of Alchemy Notify tell of transfers. alchemy.ts says where they are documented. */
import { Result, Schema } from "effect"
import type { ProviderReport } from "../../../machines/deposit-events.ts"
import type { ChainConfig } from "../../config/chain-config.ts"
import type { Source } from "../../config/surehook-config.ts"
import type { ChainName } from "../../domain/chain.ts"
import { decoder } from "../fields.ts"
import type { Receiver } from "../provider.ts"
import {
  collected,
  contractMade,
  each,
  evmChainOf,
  evmTokenOf,
  evmTransfer,
  ignoredEntry,
  messageId,
  nativeTransfer,
  type Reading,
  unknownToken,
  within
} from "./evm-transfer.ts"

const Message = Schema.Struct({
  id: Schema.optionalKey(Schema.Unknown),
  type: Schema.String
})
const decodeMessage = decoder(Message)

const AddressActivity = Schema.Struct({
  event: Schema.Struct({ network: Schema.String, activity: Schema.Array(Schema.Json) })
})
const decodeAddressActivity = decoder(AddressActivity)

const nullOr = <S extends Schema.Constraint>(schema: S, what: string) =>
  Schema.optionalKey(Schema.NullOr(schema).annotate({ message: `must be ${what} or null` }))

const Category = Schema.Struct({ category: Schema.String })
const decodeCategory = decoder(Category)

/** What tells whether the rest of a token's activity is looked at. */
const TokenOutline = Schema.Struct({
  erc721TokenId: Schema.optionalKey(Schema.Unknown),
  erc1155Metadata: Schema.optionalKey(Schema.Unknown),
  rawContract: Schema.Struct({ address: Schema.String })
})
const decodeTokenOutline = decoder(TokenOutline)

const Activity = Schema.Struct({
  hash: Schema.String,
  fromAddress: Schema.String,
  /** Null where a contract is made. */
  toAddress: Schema.NullOr(Schema.String).annotate({ message: "must be a string or null" }),
  rawContract: Schema.Struct({ rawValue: Schema.String }),
  removed: nullOr(Schema.Boolean, "true, false"),
  log: nullOr(
    Schema.Struct({
      logIndex: nullOr(Schema.String, "a string"),
      removed: nullOr(Schema.Boolean, "true, false")
    }),
    "a JSON object"
  )
})
const decodeActivity = decoder(Activity)

const nfts = new Set(["erc721", "erc1155", "specialnft"])
const nativeCategories = new Set(["external", "internal"])
const tokenCategories = new Set(["token", "erc20"])

const nft = (path: string) => ignoredEntry(path, "nft", "it moves an NFT")

const readActivity =
  (network: string, chain: ChainConfig) =>
  (entry: Schema.Json, path: string): Reading =>
    Result.gen(function* () {
      const { category } = yield* within(path)(decodeCategory(entry))
      if (nfts.has(category)) return yield* nft(path)
      if (nativeCategories.has(category)) return yield* readNative(network, chain, entry, path)
      if (tokenCategories.has(category)) return yield* readToken(network, chain, entry, path)
      return yield* Result.fail([
        {
          path: `${path}.category`,
          message:
            "must be external, internal, token, erc20, erc721, erc1155 or specialnft: what else there may be is refused, as it may be a deposit"
        }
      ])
    })

const toldOf = (
  network: string,
  entry: Schema.Json,
  { fromAddress, hash, log, rawContract, removed, toAddress }: typeof Activity.Type
) => ({
  numbers: "hex" as const,
  tx_hash: { name: "hash", text: hash },
  from: { name: "fromAddress", text: fromAddress },
  to: toAddress === null ? null : { name: "toAddress", text: toAddress },
  units: { name: "rawContract.rawValue", text: rawContract.rawValue },
  report: removed === true || log?.removed === true ? ("removed" as const) : ("seen" as const),
  payload: { network, activity: entry }
})

const readNative = (network: string, chain: ChainConfig, entry: Schema.Json, path: string) =>
  Result.flatMap(within(path)(decodeActivity(entry)), (activity) =>
    nativeTransfer({ chain, path, ...toldOf(network, entry, activity) })
  )

const readToken = (
  network: string,
  chain: ChainConfig,
  entry: Schema.Json,
  path: string
): Reading =>
  Result.gen(function* () {
    const outline = yield* within(path)(decodeTokenOutline(entry))
    const { address } = outline.rawContract
    const token = yield* evmTokenOf(chain, { path: `${path}.rawContract.address`, address })
    if (token === undefined) {
      // `token` may be an ERC-721 token as well as an ERC-20 one.
      const isNft = isGiven(outline.erc721TokenId) || isGiven(outline.erc1155Metadata)
      return yield* isNft ? nft(path) : unknownToken(path, chain)
    }
    const activity = yield* within(path)(decodeActivity(entry))
    const { to, ...told } = toldOf(network, entry, activity)
    if (to === null) return yield* contractMade(path)
    const index = activity.log?.logIndex ?? null
    const log_index = index === null ? null : { name: "log.logIndex", text: index }
    return yield* evmTransfer({ chain, token, path, to, log_index, ...told })
  })

const isGiven = (value: unknown): boolean => value !== undefined && value !== null

const TransactionMessage = Schema.Struct({
  event: Schema.Struct({ network: Schema.String, transaction: Schema.Json })
})
const decodeTransactionMessage = decoder(TransactionMessage)

const Transaction = Schema.Struct({
  hash: Schema.String,
  from: nullOr(Schema.String, "a string"),
  to: Schema.NullOr(Schema.String).annotate({ message: "must be a string or null" }),
  value: Schema.String
})
const decodeTransaction = decoder(Transaction)

/**
 * These say what became of a transaction, and not which tokens it moved. Hence they are taken for the
 * native transfer of the transaction itself.
 */
const reportOfType: ReadonlyMap<string, ProviderReport> = new Map([
  ["MINED_TRANSACTION", "confirmed"],
  ["DROPPED_TRANSACTION", "dropped"]
])

const readTransaction =
  (network: string, chain: ChainConfig, report: ProviderReport) =>
  (entry: Schema.Json, path: string): Reading =>
    Result.gen(function* () {
      const { from, hash, to, value } = yield* within(path)(decodeTransaction(entry))
      return yield* nativeTransfer({
        chain,
        path,
        numbers: "hex",
        tx_hash: { name: "hash", text: hash },
        from: from === null || from === undefined ? null : { name: "from", text: from },
        to: to === null ? null : { name: "to", text: to },
        units: { name: "value", text: value },
        report,
        payload: { network, transaction: entry }
      })
    })

const notATransfer = ignoredEntry(
  "",
  "not_a_transfer",
  "this type of webhook tells of no transfers: make one of the type Address Activity"
)

export const alchemyBody =
  (networks: Source["networks"], chains: ReadonlyMap<ChainName, ChainConfig>): Receiver["decode"] =>
  (body) =>
    Result.gen(function* () {
      const { id, type } = yield* decodeMessage(body)
      const report = reportOfType.get(type)
      const message_id = messageId(id)
      if (type === "ADDRESS_ACTIVITY") {
        const { network, activity } = (yield* decodeAddressActivity(body)).event
        const chain = yield* evmChainOf(networks, chains, network, "event.network")
        const read = readActivity(network, chain)
        return { message_id, ...(yield* collected(each(activity, "event.activity", read))) }
      }
      if (report !== undefined) {
        const { network, transaction } = (yield* decodeTransactionMessage(body)).event
        const chain = yield* evmChainOf(networks, chains, network, "event.network")
        const read = readTransaction(network, chain, report)
        return { message_id, ...(yield* collected([read(transaction, "event.transaction")])) }
      }
      return {
        message_id,
        ...(yield* collected([type === "NFT_ACTIVITY" ? nft("") : notATransfer]))
      }
    })
