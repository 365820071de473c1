/**
 * Deposits in what a stream of an EVM chain delivers: receipts, logs, transactions and blocks, as
 * nodes give them (https://ethereum.github.io/execution-apis/).
 *
 * A token's transfer is a log, known by its emitting contract. A native one is a transaction's own
 * `to` and `value`; those inside of contract calls are not in these bodies.
 */
import { Result, Schema } from "effect"
import type { ChainConfig } from "../../config/chain-config.ts"
import { amountFromUnits } from "../../domain/amount.ts"
import {
  type Address,
  addressRule,
  canonicalAddress,
  canonicalTxHash,
  txHashRule
} from "../../domain/chain.ts"
import { decoder } from "../fields.ts"
import type { FieldFault } from "../problem.ts"
import type { AnnouncedTransfer, Ignored } from "../provider.ts"
import { type KnownToken, nativeToken, tokenOf } from "../tokens.ts"
import { logIndexOf, readLog } from "./evm-logs.ts"
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

/** What one item comes to: a transfer, what is none, or what is wrong. */
type Outcome = Result.Result<AnnouncedTransfer | Ignored, ReadonlyArray<FieldFault>>

const ignored = (path: string, why: Omit<Ignored, "path">): Outcome =>
  Result.succeed({ path, ...why })

const fault = (path: string, message: string): Outcome => Result.fail([{ path, message }])

const failed = { reason: "failed_transaction", detail: "the transaction failed" } as const

interface Moved {
  readonly tx_hash: string
  readonly token: KnownToken
  readonly from: Address | null
  readonly to: Address
  readonly units: bigint
  readonly transfer_index: number | null
  readonly isRemoved: boolean
  readonly payload: Schema.Json
  readonly path: string
}

const transferOf = (chain: ChainConfig, moved: Moved): Outcome => {
  const { path, to, token, transfer_index, units } = moved
  if (units === 0n) return ignored(path, { reason: "zero_amount", detail: "the amount is zero" })
  const tx_hash = canonicalTxHash(chain.kind, moved.tx_hash)
  if (tx_hash === undefined) return fault(path, txHashRule(chain.kind))
  const amount = amountFromUnits(units, token.config.decimals)
  // Refused and not ignored: it may be a deposit, and the decimals in surehook.yaml are wrong.
  if (amount === undefined) {
    return fault(
      path,
      `is no amount that fits 18 digits before and 18 after the point, with the ${token.config.decimals} decimals of ${token.symbol} in surehook.yaml: check these`
    )
  }
  return Result.succeed({
    claim: {
      chain: chain.name,
      tx_hash,
      token: token.symbol,
      amount,
      to_address: to,
      transfer_index
    },
    from_address: moved.from,
    report: moved.isRemoved ? "removed" : "seen",
    payload: moved.payload,
    path
  })
}

const logOutcome = (
  chain: ChainConfig,
  { address, data, logIndex, removed, topics }: typeof Log.Type,
  tx_hash: string,
  path: string
): Outcome => {
  const meaning = readLog({ topics, data })
  if (meaning._tag === "NoDeposit") {
    return ignored(path, { reason: meaning.reason, detail: meaning.detail })
  }
  const token = tokenOf(chain, address)
  if (token === undefined) {
    return ignored(path, {
      reason: "token_unknown",
      detail: `the emitting contract is no token of ${chain.name} in surehook.yaml`
    })
  }
  return transferOf(chain, {
    ...meaning,
    tx_hash,
    token,
    transfer_index: logIndexOf(logIndex) ?? null,
    isRemoved: removed === true,
    payload: {
      chain: chain.name,
      transactionHash: tx_hash,
      log: { address, topics, data, logIndex, removed: removed === true }
    },
    path
  })
}

const transactionOutcome = (
  chain: ChainConfig,
  transaction: typeof Transaction.Type,
  path: string
): Outcome => {
  const { from, hash: tx_hash, input = "0x", to, value } = transaction
  const units = BigInt(value)
  if (to === null || (units === 0n && input !== "0x")) {
    return ignored(path, {
      reason: "not_a_transfer",
      detail: "a call or a contract, without value"
    })
  }
  const token = nativeToken(chain)
  if (token === undefined) {
    return ignored(path, {
      reason: "token_unknown",
      detail: `the native coin is no token of ${chain.name} in surehook.yaml`
    })
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
    isRemoved: false,
    payload: { chain: chain.name, transaction: { hash: tx_hash, from, to, value } },
    path
  })
}

const receiptOutcomes = (chain: ChainConfig, { json, path }: Item): ReadonlyArray<Outcome> => {
  const receipt = Result.mapError(decodeReceipt(json), prefixed(path))
  if (Result.isFailure(receipt)) return [Result.fail(receipt.failure)]
  const { logs, status, transactionHash } = receipt.success
  if (isZero(status ?? undefined)) return [ignored(path, failed)]
  return logs.map((log, index) =>
    logOutcome(chain, log, transactionHash, joinPath(path, `logs[${index}]`))
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
export function* evmOutcomes(chain: ChainConfig, items: ReadonlyArray<Item>): Generator<Outcome> {
  const failures = failuresIn(items)
  for (const item of items) {
    const { json, kind, path } = item
    if (kind === "receipt") yield* receiptOutcomes(chain, item)
    if (kind === "log") {
      const log = Result.mapError(decodeLog(json), prefixed(path))
      yield Result.flatMap(log, (one) => logOutcome(chain, one, one.transactionHash, path))
    }
    if (kind === "transaction") {
      const transaction = Result.mapError(decodeTransaction(json), prefixed(path))
      yield Result.flatMap(transaction, (one) =>
        failures.has(one.hash.toLowerCase())
          ? ignored(path, failed)
          : transactionOutcome(chain, one, path)
      )
    }
  }
}
