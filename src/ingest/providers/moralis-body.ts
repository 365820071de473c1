/** What the bodies of Moralis Streams tell of transfers. moralis.ts says where they are documented. */
import { Result, Schema } from "effect"
import type { ProviderReport } from "../../../machines/deposit-events.ts"
import type { ChainConfig } from "../../config/chain-config.ts"
import type { Source } from "../../config/surehook-config.ts"
import type { ChainName } from "../../domain/chain.ts"
import { decoder } from "../fields.ts"
import type { FieldFault } from "../problem.ts"
import type { IgnoredReason, Receiver } from "../provider.ts"
import { unknownNetwork } from "../tokens.ts"
import {
  collected,
  each,
  evmChainOf,
  evmTokenOf,
  evmTransfer,
  ignoredEntry,
  nativeTransfer,
  type Reading,
  unknownToken,
  within
} from "./evm-transfer.ts"

const Entries = Schema.Array(Schema.Json)
const optionalEntries = Schema.optionalKey(Entries)

const Body = Schema.Struct({
  /** Hex, and empty in the call that tries the endpoint. */
  chainId: Schema.String,
  /** Each block is sent twice: false when it is new, true when it is deep. */
  confirmed: Schema.Boolean,
  erc20Transfers: Entries,
  txs: Entries,
  txsInternal: optionalEntries,
  nftTransfers: optionalEntries,
  erc20Approvals: optionalEntries,
  /** `{"ERC721": [], "ERC1155": []}`, and a list in the call that tries the endpoint. */
  nftApprovals: Schema.optionalKey(Schema.Json)
})
const decodeBody = decoder(Body)

const nullable = (schema: typeof Schema.String) =>
  Schema.NullOr(schema).annotate({ message: "must be a string or null" })

const Contract = Schema.Struct({ contract: Schema.String })
const decodeContract = decoder(Contract)

const Erc20Transfer = Schema.Struct({
  transactionHash: Schema.String,
  from: Schema.String,
  to: Schema.String,
  value: Schema.String,
  logIndex: Schema.optionalKey(nullable(Schema.String))
})
const decodeErc20Transfer = decoder(Erc20Transfer)

const Transaction = Schema.Struct({
  hash: Schema.String,
  fromAddress: Schema.String,
  /** Null where a contract is made. */
  toAddress: nullable(Schema.String),
  value: nullable(Schema.String),
  receiptStatus: Schema.optionalKey(nullable(Schema.String))
})
const decodeTransaction = decoder(Transaction)

const InternalTransaction = Schema.Struct({
  transactionHash: Schema.String,
  from: nullable(Schema.String),
  to: nullable(Schema.String),
  /** Null where a call moves nothing. */
  value: nullable(Schema.String)
})
const decodeInternalTransaction = decoder(InternalTransaction)

/** What all entries of a body have in common. */
interface Block {
  readonly chain: ChainConfig
  readonly chainId: string
  readonly confirmed: boolean
  readonly report: ProviderReport
}

const commonOf = (block: Block, list: string, entry: Schema.Json, path: string) => ({
  chain: block.chain,
  path,
  numbers: "decimal" as const,
  report: block.report,
  // Not the whole body: a block of a thousand transfers would be stored a thousand times.
  payload: { chainId: block.chainId, confirmed: block.confirmed, [list]: [entry] }
})

const readErc20Transfer =
  (block: Block) =>
  (entry: Schema.Json, path: string): Reading =>
    Result.gen(function* () {
      const { contract } = yield* within(path)(decodeContract(entry))
      const { chain } = block
      const token = yield* evmTokenOf(chain, { path: `${path}.contract`, address: contract })
      if (token === undefined) return yield* unknownToken(path, chain)
      const transfer = yield* within(path)(decodeErc20Transfer(entry))
      const { from, logIndex = null, to, transactionHash, value } = transfer
      return yield* evmTransfer({
        ...commonOf(block, "erc20Transfers", entry, path),
        token,
        tx_hash: { name: "transactionHash", text: transactionHash },
        from: { name: "from", text: from },
        to: { name: "to", text: to },
        units: { name: "value", text: value },
        log_index: logIndex === null ? null : { name: "logIndex", text: logIndex }
      })
    })

/** A stranger's call without a value must not hold up the deposits beside it. */
const movesNothing = (path: string): Reading =>
  ignoredEntry(path, "not_a_transfer", "it has no value")

const readTransaction =
  (block: Block) =>
  (entry: Schema.Json, path: string): Reading =>
    Result.flatMap(
      within(path)(decodeTransaction(entry)),
      ({ fromAddress, hash, receiptStatus, toAddress, value }) =>
        receiptStatus === "0"
          ? ignoredEntry(path, "failed_transaction", "the transaction failed")
          : value === null
            ? movesNothing(path)
            : nativeTransfer({
                ...commonOf(block, "txs", entry, path),
                tx_hash: { name: "hash", text: hash },
                from: { name: "fromAddress", text: fromAddress },
                to: toAddress === null ? null : { name: "toAddress", text: toAddress },
                units: { name: "value", text: value }
              })
    )

const readInternalTransaction =
  (block: Block) =>
  (entry: Schema.Json, path: string): Reading =>
    Result.flatMap(
      within(path)(decodeInternalTransaction(entry)),
      ({ from, to, transactionHash, value }) =>
        value === null
          ? movesNothing(path)
          : nativeTransfer({
              ...commonOf(block, "txsInternal", entry, path),
              tx_hash: { name: "transactionHash", text: transactionHash },
              from: from === null ? null : { name: "from", text: from },
              to: to === null ? null : { name: "to", text: to },
              units: { name: "value", text: value }
            })
    )

const leaveOut = (reason: IgnoredReason, detail: string) => (_: Schema.Json, path: string) =>
  ignoredEntry(path, reason, detail)

/** NFT approvals by the path of their list, in either of their shapes. */
const nftApprovalLists = (
  approvals: Schema.Json | undefined
): ReadonlyArray<readonly [path: string, entries: ReadonlyArray<Schema.Json>]> => {
  const path = "nftApprovals"
  if (Array.isArray(approvals)) return [[path, approvals]]
  return Object.entries(approvals ?? {}).flatMap(([standard, entries]) =>
    Array.isArray(entries) ? [[`${path}.${standard}`, entries] as const] : []
  )
}

function* readings(body: typeof Body.Type, block: Block): Generator<Reading> {
  yield* each(body.erc20Transfers, "erc20Transfers", readErc20Transfer(block))
  yield* each(body.txs, "txs", readTransaction(block))
  yield* each(body.txsInternal ?? [], "txsInternal", readInternalTransaction(block))
  yield* each(body.nftTransfers ?? [], "nftTransfers", leaveOut("nft", "it moves an NFT"))
  const approval = leaveOut("approval", "it allows a transfer, and makes none")
  yield* each(body.erc20Approvals ?? [], "erc20Approvals", approval)
  for (const [path, entries] of nftApprovalLists(body.nftApprovals)) {
    yield* each(entries, path, approval)
  }
}

/** Moralis makes such a call whenever a stream is created or changed, and starts it after a 2xx. */
const isTest = ({ chainId, ...lists }: typeof Body.Type): boolean =>
  chainId === "" &&
  [
    lists.erc20Transfers,
    lists.txs,
    lists.txsInternal ?? [],
    lists.nftTransfers ?? [],
    lists.erc20Approvals ?? [],
    ...nftApprovalLists(lists.nftApprovals).map(([, entries]) => entries)
  ].every((entries) => entries.length === 0)

/** One text for each chain id, whether it is written in hex or not: YAML reads an unquoted 0x1 as 1. */
const plainChainId = (text: string): string =>
  /^(?:0x[0-9a-f]{1,16}|\d{1,20})$/i.test(text) ? `${BigInt(text)}` : text

export const moralisBody = (
  networks: Source["networks"],
  chains: ReadonlyMap<ChainName, ChainConfig>
): Receiver["decode"] => {
  const byChainId = new Map(
    [...(networks ?? [])].map(([network, chain]) => [plainChainId(network), chain])
  )
  const chainOfId = (chainId: string): Result.Result<ChainConfig, ReadonlyArray<FieldFault>> => {
    const plain = plainChainId(chainId)
    return byChainId.has(plain)
      ? evmChainOf(byChainId, chains, plain, "chainId")
      : Result.fail([{ path: "chainId", message: unknownNetwork(networks) }])
  }
  return (json) =>
    Result.gen(function* () {
      const body = yield* decodeBody(json)
      if (isTest(body)) return { message_id: null, transfers: [], ignored: [], is_test: true }
      const { chainId, confirmed } = body
      const chain = yield* chainOfId(chainId)
      const report = confirmed ? "confirmed" : "seen"
      const all = yield* collected(readings(body, { chain, chainId, confirmed, report }))
      return { message_id: null, ...all }
    })
}
