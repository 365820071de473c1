/**
 * A Solana transaction as nodes give it, with the balances before and after: what Helius calls raw,
 * and QuickNode streams.
 *
 * https://solana.com/docs/rpc/http/gettransaction and https://solana.com/docs/rpc/json-structures,
 * with the encodings `json` and `jsonParsed`. Only balances are read, as the validator does: they
 * hold for inner instructions and for the fees of Token-2022 too.
 */
import { Result, Schema } from "effect"
import { canonicalTxHash, txHashRule } from "../../domain/chain.ts"
import { decoder } from "../fields.ts"
import type { FieldFault } from "../problem.ts"
import { prefixed } from "./fault-paths.ts"
import { accountsMadeOver, allInstructions } from "./solana-accounts.ts"
import type { BalanceChange, BalancesOfTransaction } from "./solana-balances.ts"
import { Lamports, Units } from "./solana-lamports.ts"

const Index = Schema.Int.pipe(Schema.check(Schema.isGreaterThanOrEqualTo(0)))

const TokenBalance = Schema.Struct({
  accountIndex: Index,
  mint: Schema.String,
  owner: Schema.String,
  uiTokenAmount: Schema.Struct({ amount: Units })
})

const Transaction = Schema.Struct({
  slot: Schema.optionalKey(Schema.NullOr(Index)),
  transaction: Schema.Struct({
    /** The first one names the transaction. */
    signatures: Schema.TupleWithRest(Schema.Tuple([Schema.String]), [Schema.String]),
    message: Schema.Struct({
      accountKeys: Schema.Array(
        Schema.Union([Schema.String, Schema.Struct({ pubkey: Schema.String })]).annotate({
          message: "must be an address, or an object with `pubkey`"
        })
      ),
      instructions: Schema.optionalKey(Schema.Json)
    })
  }),
  meta: Schema.Struct({
    /** Null if it succeeded. Must be there: a missing error is no success. */
    err: Schema.Json,
    fee: Schema.optionalKey(Lamports),
    preBalances: Schema.Array(Lamports),
    postBalances: Schema.Array(Lamports),
    preTokenBalances: Schema.Array(TokenBalance),
    postTokenBalances: Schema.Array(TokenBalance),
    innerInstructions: Schema.optionalKey(Schema.Json),
    /** The accounts that a versioned transaction names by lookup tables: they follow the others. */
    loadedAddresses: Schema.optionalKey(
      Schema.NullOr(
        Schema.Struct({
          writable: Schema.Array(Schema.String),
          readonly: Schema.Array(Schema.String)
        })
      )
    )
  })
})
type Transaction = typeof Transaction.Type

const decode = decoder(Transaction)

/** All accounts, in the order of the balances. `jsonParsed` has the loaded ones among the keys. */
const accountsOf = ({ meta, transaction }: Transaction): ReadonlyArray<string> => {
  const keys = transaction.message.accountKeys.map((key) =>
    typeof key === "string" ? key : key.pubkey
  )
  const areParsed = transaction.message.accountKeys.some((key) => typeof key !== "string")
  const loaded = meta.loadedAddresses
  return areParsed || loaded == null ? keys : [...keys, ...loaded.writable, ...loaded.readonly]
}

const faultsOf = (
  { meta }: Transaction,
  accounts: ReadonlyArray<string>
): ReadonlyArray<FieldFault> => {
  const rule = `must have one balance for each of the ${accounts.length} accounts of the transaction, those of lookup tables included`
  const tokenFaults = (["preTokenBalances", "postTokenBalances"] as const).flatMap((side) =>
    meta[side].flatMap(({ accountIndex }, position) =>
      accountIndex < accounts.length
        ? []
        : [
            {
              path: `meta.${side}[${position}].accountIndex`,
              message: `must be below ${accounts.length}, the number of accounts of the transaction`
            }
          ]
    )
  )
  return [
    ...(["preBalances", "postBalances"] as const).flatMap((side) =>
      meta[side].length === accounts.length ? [] : [{ path: `meta.${side}`, message: rule }]
    ),
    ...tokenFaults
  ]
}

const nativeChanges = (
  { meta }: Transaction,
  accounts: ReadonlyArray<string>,
  path: string
): ReadonlyArray<BalanceChange> =>
  accounts.flatMap((account, index) => {
    const before = meta.preBalances[index] ?? 0n
    const after = meta.postBalances[index] ?? 0n
    if (before === after) return []
    return [
      {
        owner: account,
        mint: null,
        units: after - before,
        path: `${path}.meta.postBalances[${index}]`,
        evidence: { account, preBalance: `${before}`, postBalance: `${after}` }
      }
    ]
  })

const tokenChanges = (
  { meta }: Transaction,
  accounts: ReadonlyArray<string>,
  path: string
): ReadonlyArray<BalanceChange> => {
  const entriesOf = (side: "preTokenBalances" | "postTokenBalances") =>
    meta[side].map((entry, position) => ({
      ...entry,
      side,
      path: `${path}.meta.${side}[${position}]`
    }))
  // An account that stands on one side only held nothing before, or holds nothing any more. One that
  // changed its owner in between has one entry for each.
  const byAccount = Map.groupBy(
    [...entriesOf("postTokenBalances"), ...entriesOf("preTokenBalances")],
    ({ accountIndex, mint, owner }) => `${accountIndex} ${mint} ${owner}`
  )
  return [...byAccount.values()].flatMap((entries) => {
    const [first] = entries
    if (first === undefined) return []
    const on = (side: "preTokenBalances" | "postTokenBalances") =>
      entries
        .filter((entry) => entry.side === side)
        .reduce((sum, { uiTokenAmount }) => sum + uiTokenAmount.amount, 0n)
    const before = on("preTokenBalances")
    const after = on("postTokenBalances")
    const { accountIndex, mint, owner } = first
    const account = accounts[accountIndex] ?? null
    return [
      {
        owner,
        mint,
        units: after - before,
        path: first.path,
        evidence: { account, owner, mint, preBalance: `${before}`, postBalance: `${after}` }
      }
    ]
  })
}

/** Whether an item of a body has this shape. */
export const isRawTransaction = (item: Schema.Json): boolean =>
  item !== null && typeof item === "object" && "transaction" in item && "meta" in item

export const rawBalances = (
  item: Schema.Json,
  path: string
): Result.Result<BalancesOfTransaction, ReadonlyArray<FieldFault>> =>
  decode(item).pipe(
    Result.flatMap((transaction) => balancesOf(transaction, path)),
    Result.mapError(prefixed(path))
  )

const balancesOf = (
  transaction: Transaction,
  path: string
): Result.Result<BalancesOfTransaction, ReadonlyArray<FieldFault>> => {
  const { message, signatures } = transaction.transaction
  const { meta, slot } = transaction
  const tx_hash = canonicalTxHash("solana", signatures[0])
  if (tx_hash === undefined) {
    return Result.fail([{ path: "transaction.signatures[0]", message: txHashRule("solana") }])
  }
  const accounts = accountsOf(transaction)
  const faults = faultsOf(transaction, accounts)
  if (faults.length > 0) return Result.fail(faults)

  const instructions = allInstructions(message.instructions, meta.innerInstructions, "instructions")
  // Who owned an account before is whom its lamports belonged to.
  const owners = [...meta.postTokenBalances, ...meta.preTokenBalances].flatMap(
    ({ accountIndex, owner }) => {
      const account = accounts[accountIndex]
      return account === undefined ? [] : [[account, owner] as const]
    }
  )
  return Result.succeed({
    tx_hash,
    slot: slot ?? null,
    hasFailed: meta.err !== null,
    changes: [
      ...tokenChanges(transaction, accounts, path),
      ...nativeChanges(transaction, accounts, path)
    ],
    feePayer: accounts[0],
    fee: meta.fee ?? 0n,
    madeOver: accountsMadeOver(instructions, (index) => accounts[index]),
    ownerOfTokenAccount: new Map(owners),
    nftMints: new Set<string>(),
    path
  })
}
