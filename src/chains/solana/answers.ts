/**
 * What a Solana node answers, decoded: balances as bigints, slots as safe integers.
 *
 * Shapes: https://solana.com/docs/rpc/http/gettransaction, …/getsignaturestatuses, …/getblock, and
 * https://solana.com/docs/rpc/json-structures for the parts of a transaction. What does not hang
 * together, such as a balance of an account that the transaction does not name, is malformed as a
 * whole: half an answer could be taken for a credit.
 */
import { Schema, SchemaTransformation } from "effect"
import { Address, canonicalAddress } from "../../domain/chain.ts"

export const Slot = Schema.Int.pipe(Schema.check(Schema.isGreaterThanOrEqualTo(0)))

const maxU64 = 2n ** 64n - 1n

const UnsignedText = Schema.String.pipe(
  Schema.check(Schema.isPattern(/^\d{1,20}$/)),
  Schema.check(Schema.makeFilter((digits: string) => BigInt(digits) <= maxU64))
)

/** A u64 in a text, as token amounts come. */
const Units = UnsignedText.pipe(
  Schema.decodeTo(
    Schema.BigInt,
    SchemaTransformation.transform({
      decode: (digits) => BigInt(digits),
      encode: (units) => units.toString()
    })
  )
)

/** A u64 as a JSON number, or as its digits where it is too large for one: see `parseExactJson`. */
const Lamports = Schema.Union([Slot, UnsignedText]).pipe(
  Schema.decodeTo(
    Schema.BigInt,
    SchemaTransformation.transform({
      decode: (lamports) => BigInt(lamports),
      encode: (lamports) => lamports.toString()
    })
  )
)

export const SolanaAddress = Schema.String.pipe(
  Schema.check(Schema.makeFilter((text: string) => canonicalAddress("solana", text) !== undefined)),
  Schema.decodeTo(
    Address,
    SchemaTransformation.transform({ decode: (text) => text, encode: (address) => address })
  )
)

export const TokenBalance = Schema.Struct({
  accountIndex: Slot,
  mint: SolanaAddress,
  /** Nodes of before 2021 left it out: without it nothing can be credited. */
  owner: SolanaAddress,
  uiTokenAmount: Schema.Struct({ amount: Units, decimals: Slot })
})
export type TokenBalance = typeof TokenBalance.Type

const TokenBalances = Schema.Array(TokenBalance).pipe(
  Schema.check(
    Schema.makeFilter(
      (balances: ReadonlyArray<TokenBalance>) =>
        new Set(balances.map(({ accountIndex }) => accountIndex)).size === balances.length
    )
  )
)

const AnyTransaction = Schema.Struct({
  slot: Slot,
  /** Seconds since 1970. */
  blockTime: Schema.optionalKey(Schema.NullOr(Schema.Int)),
  transaction: Schema.Struct({
    signatures: Schema.Array(Schema.String),
    message: Schema.Struct({ accountKeys: Schema.Array(SolanaAddress) })
  }),
  meta: Schema.Struct({
    /** Null if it succeeded. Must be there: a missing error is no success. */
    err: Schema.Json,
    /** Paid by the first account. */
    fee: Schema.optionalKey(Lamports),
    preBalances: Schema.Array(Lamports),
    postBalances: Schema.Array(Lamports),
    preTokenBalances: TokenBalances,
    postTokenBalances: TokenBalances,
    /** The accounts that a versioned transaction names by lookup tables: they follow the others. */
    loadedAddresses: Schema.optionalKey(
      Schema.NullOr(
        Schema.Struct({
          writable: Schema.Array(SolanaAddress),
          readonly: Schema.Array(SolanaAddress)
        })
      )
    )
  })
})
export type Transaction = typeof AnyTransaction.Type

/** All accounts of a transaction, in the order in which its balances are listed. */
export const accountsOf = ({ transaction, meta }: Transaction): ReadonlyArray<Address> => [
  ...transaction.message.accountKeys,
  ...(meta.loadedAddresses?.writable ?? []),
  ...(meta.loadedAddresses?.readonly ?? [])
]

const hangsTogether = (transaction: Transaction): boolean => {
  const { preBalances, postBalances, preTokenBalances, postTokenBalances } = transaction.meta
  const accounts = accountsOf(transaction)
  return (
    new Set(accounts).size === accounts.length &&
    preBalances.length === accounts.length &&
    postBalances.length === accounts.length &&
    [...preTokenBalances, ...postTokenBalances].every(
      ({ accountIndex }) => accountIndex < accounts.length
    )
  )
}

export const Transaction = AnyTransaction.pipe(Schema.check(Schema.makeFilter(hangsTogether)))

export const Commitment = Schema.Literals(["processed", "confirmed", "finalized"])
export type Commitment = typeof Commitment.Type

export const SignatureStatus = Schema.Struct({
  slot: Slot,
  err: Schema.Json,
  confirmationStatus: Schema.NullOr(Commitment)
})
export type SignatureStatus = typeof SignatureStatus.Type

/** The statuses of the one signature that was asked for. */
export const SignatureStatuses = Schema.Struct({
  value: Schema.Tuple([Schema.NullOr(SignatureStatus)])
})

export const Block = Schema.Struct({
  blockhash: Schema.String.pipe(Schema.check(Schema.isPattern(/^[1-9A-HJ-NP-Za-km-z]{32,44}$/)))
})
