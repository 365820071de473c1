/**
 * What an Aptos fullnode answers, decoded: amounts as bigints, heights as safe integers, addresses long.
 *
 * The REST API: https://aptos.dev/build/apis/fullnode-rest-api-reference. It writes a u64 as a string.
 */
import { Schema, SchemaTransformation } from "effect"
import { Address, canonicalAddress } from "../../domain/chain.ts"

const maxU64 = 2n ** 64n - 1n

export const U64 = Schema.String.pipe(
  Schema.check(
    Schema.isPattern(/^\d{1,20}$/),
    Schema.makeFilter((text: string) => /^\d{1,20}$/.test(text) && BigInt(text) <= maxU64)
  ),
  Schema.decodeTo(
    Schema.BigInt,
    SchemaTransformation.transform({
      decode: (text) => BigInt(text),
      encode: (value) => value.toString()
    })
  )
)

/** Heights, versions and times in microseconds: 15 digits are exact in a double; of 16, those that are. */
export const SafeU64 = Schema.String.pipe(
  Schema.check(
    Schema.isPattern(/^\d{1,16}$/),
    Schema.makeFilter((text: string) => Number.isSafeInteger(Number(text)))
  ),
  Schema.decodeTo(
    Schema.Int,
    SchemaTransformation.transform({
      decode: (text) => Number(text),
      encode: (value) => value.toString()
    })
  )
)

export const Hash = Schema.String.pipe(
  Schema.check(Schema.isPattern(/^0x[0-9a-fA-F]{64}$/)),
  Schema.decodeTo(
    Schema.String,
    SchemaTransformation.transform({
      decode: (text) => text.toLowerCase(),
      encode: (text) => text
    })
  )
)

export const AptosAddress = Schema.String.pipe(
  Schema.check(Schema.isPattern(/^0x[0-9a-fA-F]{1,64}$/)),
  Schema.decodeTo(
    Address,
    SchemaTransformation.transform({
      decode: (text) => canonicalAddress("aptos", text) ?? text,
      encode: (address) => address
    })
  )
)

/** The answer to `GET /`. */
export const LedgerInfo = Schema.Struct({
  chain_id: Schema.Int,
  ledger_version: SafeU64,
  block_height: SafeU64,
  /** Microseconds since 1970. */
  ledger_timestamp: SafeU64
})
export type LedgerInfo = typeof LedgerInfo.Type

/** The same answer, for who has to know how far back the node remembers. */
export const HeldRange = Schema.Struct({ block_height: SafeU64, oldest_block_height: SafeU64 })

export const Block = Schema.Struct({
  block_height: SafeU64,
  block_hash: Hash,
  first_version: SafeU64,
  last_version: SafeU64
})
export type Block = typeof Block.Type

export const Event = Schema.Struct({
  /** Who emitted it by a handle of their own; zeros for a module's event. */
  guid: Schema.Struct({ creation_number: U64, account_address: AptosAddress }),
  type: Schema.String,
  data: Schema.Unknown
})
export type Event = typeof Event.Type

export const UserTransaction = Schema.Struct({
  type: Schema.Literal("user_transaction"),
  hash: Hash,
  version: SafeU64,
  success: Schema.Boolean,
  vm_status: Schema.String,
  sender: AptosAddress,
  events: Schema.Array(Event),
  /** Decoded one by one, for most of them say nothing of a deposit. */
  changes: Schema.Array(Schema.Unknown)
})
export type UserTransaction = typeof UserTransaction.Type

export const Transaction = Schema.Union([
  UserTransaction,
  Schema.Struct({ type: Schema.Literal("pending_transaction"), hash: Hash }),
  Schema.Struct({
    type: Schema.Literals([
      "genesis_transaction",
      "block_metadata_transaction",
      "state_checkpoint_transaction",
      "block_epilogue_transaction",
      "validator_transaction"
    ]),
    hash: Hash
  })
])
export type Transaction = typeof Transaction.Type

/** One of a block, of which those that no account sent are not looked at: the chain may get new ones. */
export const CommittedTransaction = Schema.Union([
  UserTransaction,
  Schema.Struct({
    type: Schema.String.pipe(
      Schema.check(Schema.isPattern(/^(?!user_|pending_)[a-z_]{1,64}_transaction$/))
    ),
    version: SafeU64
  })
])
export type CommittedTransaction = typeof CommittedTransaction.Type

/** A block and its first transactions: a node gives of a block no more than of a page. */
export const BlockAndPage = Schema.Struct({
  ...Block.fields,
  transactions: Schema.optionalKey(Schema.NullOr(Schema.Array(CommittedTransaction)))
})
export type BlockAndPage = typeof BlockAndPage.Type

/** One resource that a transaction left behind, the only change of its kind that is read. */
export const WrittenResource = Schema.Struct({
  type: Schema.Literal("write_resource"),
  address: AptosAddress,
  data: Schema.Struct({ type: Schema.String, data: Schema.Unknown })
})

export const ObjectCore = Schema.Struct({ owner: AptosAddress })
export const FungibleStore = Schema.Struct({ metadata: Schema.Struct({ inner: AptosAddress }) })

/** As `GET /accounts/{address}/resource/{type}` gives them. */
export const ObjectCoreResource = Schema.Struct({ data: ObjectCore })
export const FungibleStoreResource = Schema.Struct({ data: FungibleStore })

const EventHandle = Schema.Struct({
  guid: Schema.Struct({ id: Schema.Struct({ addr: AptosAddress, creation_num: U64 }) })
})
export const CoinStore = Schema.Struct({
  deposit_events: EventHandle,
  withdraw_events: EventHandle
})

/** `fungible_asset::Deposit` and `Withdraw`. */
export const StoreEvent = Schema.Struct({ store: AptosAddress, amount: U64 })
/** `coin::CoinDeposit` and `CoinWithdraw`. */
export const CoinEvent = Schema.Struct({
  coin_type: Schema.String,
  account: AptosAddress,
  amount: U64
})
/** `coin::DepositEvent` and `WithdrawEvent`. */
export const HandleEvent = Schema.Struct({ amount: U64 })
