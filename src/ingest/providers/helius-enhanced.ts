/**
 * A transaction as Helius's enhanced webhooks tell it.
 *
 * https://www.helius.dev/docs/webhooks: balances are in `accountData`, in whole units of the token,
 * and these are read. `tokenTransfers` has floats, and `nativeTransfers` what was asked for and not
 * what arrived; so of both only the names of token accounts and the standards of tokens are used.
 */
import { Result, Schema } from "effect"
import { canonicalTxHash, txHashRule } from "../../domain/chain.ts"
import { decoder } from "../fields.ts"
import type { FieldFault } from "../problem.ts"
import { prefixed } from "./fault-paths.ts"
import { accountsMadeOver, allInstructions } from "./solana-accounts.ts"
import type { BalanceChange, BalancesOfTransaction } from "./solana-balances.ts"
import { LamportChange, Lamports, UnitChange } from "./solana-lamports.ts"

const TokenBalanceChange = Schema.Struct({
  userAccount: Schema.String,
  tokenAccount: Schema.String,
  mint: Schema.String,
  rawTokenAmount: Schema.Struct({ tokenAmount: UnitChange })
})

const maybeText = Schema.optionalKey(Schema.NullOr(Schema.String))

const Transaction = Schema.Struct({
  signature: Schema.String,
  slot: Schema.optionalKey(
    Schema.NullOr(Schema.Int.pipe(Schema.check(Schema.isGreaterThanOrEqualTo(0))))
  ),
  fee: Schema.optionalKey(Lamports),
  feePayer: maybeText,
  /** Null or missing if it succeeded. Helius gives up after three tries: the chain knows it anyway. */
  transactionError: Schema.optionalKey(Schema.Json),
  accountData: Schema.Array(
    Schema.Struct({
      account: Schema.String,
      nativeBalanceChange: LamportChange,
      tokenBalanceChanges: Schema.Array(TokenBalanceChange)
    })
  ),
  tokenTransfers: Schema.optionalKey(
    Schema.Array(
      Schema.Struct({
        mint: maybeText,
        tokenStandard: maybeText,
        fromTokenAccount: maybeText,
        fromUserAccount: maybeText,
        toTokenAccount: maybeText,
        toUserAccount: maybeText
      })
    )
  ),
  instructions: Schema.optionalKey(Schema.Json)
})
type Transaction = typeof Transaction.Type

const decode = decoder(Transaction)

/** https://developers.metaplex.com/token-metadata/token-standard: the others are fungible. */
const nftStandards: ReadonlySet<string> = new Set([
  "NonFungible",
  "NonFungibleEdition",
  "ProgrammableNonFungible",
  "ProgrammableNonFungibleEdition"
])

const changesOf = ({ accountData }: Transaction, path: string): ReadonlyArray<BalanceChange> => [
  ...accountData.flatMap(({ tokenBalanceChanges }, entry) =>
    tokenBalanceChanges.map(
      ({ mint, rawTokenAmount, tokenAccount, userAccount }, position): BalanceChange => ({
        owner: userAccount,
        mint,
        units: rawTokenAmount.tokenAmount,
        path: `${path}.accountData[${entry}].tokenBalanceChanges[${position}]`,
        evidence: { userAccount, tokenAccount, mint, change: `${rawTokenAmount.tokenAmount}` }
      })
    )
  ),
  ...accountData.map(
    ({ account, nativeBalanceChange }, entry): BalanceChange => ({
      owner: account,
      mint: null,
      units: nativeBalanceChange,
      path: `${path}.accountData[${entry}]`,
      evidence: { account, change: `${nativeBalanceChange}` }
    })
  )
]

const ownersOf = ({ accountData, tokenTransfers = [] }: Transaction) =>
  new Map<string, string>([
    ...tokenTransfers.flatMap(
      ({ fromTokenAccount, fromUserAccount, toTokenAccount, toUserAccount }) => [
        ...ownedBy(fromTokenAccount, fromUserAccount),
        ...ownedBy(toTokenAccount, toUserAccount)
      ]
    ),
    ...accountData.flatMap(({ tokenBalanceChanges }) =>
      tokenBalanceChanges.flatMap(({ tokenAccount, userAccount }) =>
        ownedBy(tokenAccount, userAccount)
      )
    )
  ])

/** Of an account that is not there, Helius has an empty text or nothing. */
const ownedBy = (account: string | null | undefined, owner: string | null | undefined) =>
  account == null || account === "" ? [] : [[account, owner ?? ""] as const]

export const enhancedBalances = (
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
  const {
    fee,
    feePayer,
    instructions,
    signature,
    slot,
    tokenTransfers = [],
    transactionError = null
  } = transaction
  const tx_hash = canonicalTxHash("solana", signature)
  if (tx_hash === undefined) {
    return Result.fail([{ path: "signature", message: txHashRule("solana") }])
  }
  return Result.succeed({
    tx_hash,
    slot: slot ?? null,
    hasFailed: transactionError !== null,
    changes: changesOf(transaction, path),
    feePayer: feePayer ?? undefined,
    fee: fee ?? 0n,
    madeOver: accountsMadeOver(allInstructions(instructions, instructions, "innerInstructions")),
    ownerOfTokenAccount: ownersOf(transaction),
    nftMints: new Set(
      tokenTransfers.flatMap(({ mint, tokenStandard }) =>
        mint != null && tokenStandard != null && nftStandards.has(tokenStandard) ? [mint] : []
      )
    ),
    path
  })
}
