/**
 * Deposits in what a stream of an EVM chain delivers: receipts, logs, transactions and blocks, as
 * nodes give them (https://ethereum.github.io/execution-apis/).
 *
 * A token's transfer is a log, known by its emitting contract. A native one is a transaction's own
 * `to` and `value`; those inside of contract calls are not in these bodies.
 */
import { Result, Schema } from "effect"
import type { ChainConfig } from "../../config/chain-config.ts"
import { addressRule, canonicalAddress, canonicalTxHash, txHashRule } from "../../domain/chain.ts"
import { decoder } from "../fields.ts"
import { nativeToken, tokenOf } from "../tokens.ts"
import { logIndexOf, readLog } from "./evm-logs.ts"
import { announced, ignoredEntry, type Reading, type ReadTransfer } from "./evm-transfer.ts"
import { joinPath, prefixed } from "./fault-paths.ts"
import type { Item } from "./quicknode-items.ts"

const HexQuantity = Schema.String.pipe(
  Schema.check(
    Schema.isPattern(/^0x[0-9a-fA-F]{1,64}$/, { message: "must be a number in hex, such as 0x1a" })
  )
)

const EvmHash = Schema.String.pipe(
  Schema.check(
    Schema.makeFilter((text: string) =>
      canonicalTxHash("evm", text) === undefined ? txHashRule("evm") : true
    )
  )
)

const Log = Schema.Struct({
  address: Schema.String,
  topics: Schema.Array(Schema.String),
  data: Schema.String,
  logIndex: Schema.String.pipe(
    Schema.check(
      Schema.makeFilter((hex: string) =>
        logIndexOf(hex) === undefined ? "must be the index of a log in hex, such as 0x1a" : true
      )
    )
  ),
  removed: Schema.optionalKey(Schema.NullOr(Schema.Boolean))
})

const LooseLog = Schema.Struct({ ...Log.fields, transactionHash: EvmHash })

const Receipt = Schema.Struct({
  transactionHash: EvmHash,
  status: Schema.optionalKey(Schema.NullOr(HexQuantity)),
  logs: Schema.Array(Log)
})

const Transaction = Schema.Struct({
  hash: EvmHash,
  from: Schema.String,
  /** Null if it makes a contract. */
  to: Schema.NullOr(Schema.String),
  value: HexQuantity,
  input: Schema.optionalKey(Schema.String)
})

const decodeLog = decoder(LooseLog)
const decodeReceipt = decoder(Receipt)
const decodeTransaction = decoder(Transaction)

const fault = (path: string, message: string): Reading => Result.fail([{ path, message }])

const failed = (path: string): Reading =>
  ignoredEntry(path, "failed_transaction", "the transaction failed")

type Moved = Omit<ReadTransfer, "tx_hash"> & { readonly tx_hash: string }

const transferOf = (chain: ChainConfig, moved: Moved): Reading => {
  const tx_hash = canonicalTxHash(chain.kind, moved.tx_hash)
  return tx_hash === undefined
    ? fault(moved.path, txHashRule(chain.kind))
    : announced(chain, { ...moved, tx_hash })
}

const logReading = (
  chain: ChainConfig,
  { address, data, logIndex, removed, topics }: typeof Log.Type,
  tx_hash: string,
  path: string
): Reading => {
  const meaning = readLog({ topics, data })
  if (meaning._tag === "NoDeposit") {
    return ignoredEntry(path, meaning.reason, meaning.detail)
  }
  const token = tokenOf(chain, address)
  if (token === undefined) {
    return ignoredEntry(
      path,
      "token_unknown",
      `the emitting contract is no token of ${chain.name} in surehook.yaml`
    )
  }
  return transferOf(chain, {
    ...meaning,
    tx_hash,
    token,
    transfer_index: logIndexOf(logIndex) ?? null,
    unitsName: "data",
    report: removed === true ? "removed" : "seen",
    payload: {
      chain: chain.name,
      transactionHash: tx_hash,
      log: { address, topics, data, logIndex, removed: removed === true }
    },
    path
  })
}

const transactionReading = (
  chain: ChainConfig,
  transaction: typeof Transaction.Type,
  path: string
): Reading => {
  const { from, hash: tx_hash, input = "0x", to, value } = transaction
  const units = BigInt(value)
  if (to === null || (units === 0n && input !== "0x")) {
    return ignoredEntry(path, "not_a_transfer", "a call or a contract, without value")
  }
  const token = nativeToken(chain)
  if (token === undefined) {
    return ignoredEntry(
      path,
      "token_unknown",
      `the native coin is no token of ${chain.name} in surehook.yaml`
    )
  }
  const recipient = canonicalAddress(chain.kind, to)
  if (recipient === undefined) return fault(joinPath(path, "to"), addressRule(chain.kind))
  return transferOf(chain, {
    tx_hash,
    token,
    from: canonicalAddress(chain.kind, from) ?? null,
    to: recipient,
    units,
    transfer_index: null,
    unitsName: "value",
    report: "seen",
    payload: { chain: chain.name, transaction: { hash: tx_hash, from, to, value } },
    path
  })
}

const receiptReadings = (chain: ChainConfig, { json, path }: Item): ReadonlyArray<Reading> => {
  const receipt = Result.mapError(decodeReceipt(json), prefixed(path))
  if (Result.isFailure(receipt)) return [Result.fail(receipt.failure)]
  const { logs, status, transactionHash } = receipt.success
  if (isZero(status ?? undefined)) return [failed(path)]
  return logs.map((log, index) =>
    logReading(chain, log, transactionHash, joinPath(path, `logs[${index}]`))
  )
}

/** A transaction does not say whether it failed. Its receipt does, if the body has it. */
const failuresIn = (items: ReadonlyArray<Item>): ReadonlySet<string> =>
  new Set(
    items.flatMap(({ json: { status, transactionHash }, kind }) =>
      kind === "receipt" && typeof transactionHash === "string" && isZero(status)
        ? [transactionHash.toLowerCase()]
        : []
    )
  )

const isZero = (status: Schema.Json | undefined): boolean =>
  typeof status === "string" && /^0x0+$/i.test(status)

/** What each item comes to, in the order of the body. */
export function* evmReadings(chain: ChainConfig, items: ReadonlyArray<Item>): Generator<Reading> {
  const failures = failuresIn(items)
  for (const item of items) {
    const { json, kind, path } = item
    if (kind === "receipt") yield* receiptReadings(chain, item)
    if (kind === "log") {
      const log = Result.mapError(decodeLog(json), prefixed(path))
      yield Result.flatMap(log, (one) => logReading(chain, one, one.transactionHash, path))
    }
    if (kind === "transaction") {
      const transaction = Result.mapError(decodeTransaction(json), prefixed(path))
      yield Result.flatMap(transaction, (one) =>
        failures.has(one.hash.toLowerCase()) ? failed(path) : transactionReading(chain, one, path)
      )
    }
  }
}
