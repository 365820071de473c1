/**
 * From what a Solana transaction did to balances to claims of deposits. Pure.
 *
 * The chain shows one difference of balances for each owner and mint, and this is what the validator
 * credits. So two transfers to one owner in one transaction are one claim of their sum, without an
 * index; the recipient is the owner and never the token account. Of the native coin it is the
 * difference of the account's lamports, whichever way they came: by a transfer, from a program, or
 * out of an account that was closed. Left out is what an account gains that is no wallet, which is
rent, and what an owner gets back out of a token account of its own.
 */
import { Result, type Schema } from "effect"
import type { ChainConfig } from "../../config/chain-config.ts"
import { amountFromUnits } from "../../domain/amount.ts"
import { type Address, addressRule, canonicalAddress, type TxHash } from "../../domain/chain.ts"
import type { FieldFault } from "../problem.ts"
import type { AnnouncedTransfer, Ignored } from "../provider.ts"
import { type KnownToken, nativeToken, tokenOf } from "../tokens.ts"

/** One account's balance of one mint, as much as it changed. */
export interface BalanceChange {
  /** Who owns the account; for the native coin the account itself. */
  readonly owner: string
  /** Null for the native coin. */
  readonly mint: string | null
  /** After less before, in the smallest unit. */
  readonly units: bigint
  readonly path: string
  /** The part of the body that says so. */
  readonly evidence: Schema.Json
}

export interface BalancesOfTransaction {
  readonly tx_hash: TxHash
  readonly slot: number | null
  readonly hasFailed: boolean
  readonly changes: ReadonlyArray<BalanceChange>
  readonly feePayer: string | undefined
  readonly fee: bigint
  /** Accounts whose lamports are rent, beside token accounts. */
  readonly madeOver: ReadonlySet<string>
  /** Of each token account that the body tells of. Its lamports are rent too. */
  readonly ownerOfTokenAccount: ReadonlyMap<string, string>
  /** What the body itself calls an NFT. */
  readonly nftMints: ReadonlySet<string>
  readonly path: string
}

export interface Told {
  readonly transfers: ReadonlyArray<AnnouncedTransfer>
  readonly ignored: ReadonlyArray<Ignored>
}

/** What became of one owner's balance of one mint. */
interface Group {
  readonly owner: string
  readonly mint: string | null
  readonly units: bigint
  readonly changes: ReadonlyArray<BalanceChange>
  readonly path: string
}

const groupsOf = (changes: ReadonlyArray<BalanceChange>): ReadonlyArray<Group> => {
  const moved = changes.filter(({ units }) => units !== 0n)
  const byOwnerAndMint = Map.groupBy(moved, ({ owner, mint }) => `${mint ?? ""} ${owner}`)
  return [...byOwnerAndMint.values()].flatMap((members) => {
    const [first] = members
    if (first === undefined) return []
    const { owner, mint, path } = first
    const units = members.reduce((sum, change) => sum + change.units, 0n)
    return [{ owner, mint, units, changes: members, path }]
  })
}

/** Whether a balance fell. What was paid for the transaction itself was sent to nobody. */
const hasSent = ({ mint, owner, units }: Group, { fee, feePayer }: BalancesOfTransaction) =>
  units + (mint === null && owner === feePayer ? fee : 0n) < 0n

/** Who sent of each mint. What leaves a token account that is closed, its owner sent. */
const sendersOf = (groups: ReadonlyArray<Group>, transaction: BalancesOfTransaction) => {
  const senders = new Map<string | null, Set<string>>()
  for (const group of groups) {
    if (!hasSent(group, transaction)) continue
    const { mint, owner } = group
    const sender = mint === null ? transaction.ownerOfTokenAccount.get(owner) : undefined
    const ofMint = senders.get(mint) ?? new Set()
    senders.set(mint, ofMint.add(sender ?? owner))
  }
  return senders
}

/** What a transaction tells, or what of it is wrong. */
export const tell = (
  chain: ChainConfig,
  transaction: BalancesOfTransaction
): Result.Result<Told, ReadonlyArray<FieldFault>> => {
  const { hasFailed, path } = transaction
  if (hasFailed) {
    return ignore({ path, reason: "failed_transaction", detail: "the transaction failed" })
  }
  const groups = groupsOf(transaction.changes)
  const senders = sendersOf(groups, transaction)

  const transfers: Array<AnnouncedTransfer> = []
  const ignored: Array<Ignored> = []
  const faults: Array<FieldFault> = []
  for (const group of groups) {
    const sent = senders.get(group.mint) ?? new Set()
    const why = notADeposit(chain, transaction, group, sent)
    if (why === undefined) continue
    if ("reason" in why) {
      ignored.push({ path: group.path, ...why })
      continue
    }
    const [sender] = sent
    const from = sent.size === 1 ? sender : undefined
    const transfer = transferOf(chain, transaction, group, why, from)
    if (Result.isSuccess(transfer)) transfers.push(transfer.success)
    else faults.push(transfer.failure)
  }
  if (faults.length > 0) return Result.fail(faults)
  return transfers.length === 0 && ignored.length === 0
    ? ignore({ path, reason: "not_a_transfer", detail: "no balance rose but by rent" })
    : Result.succeed({ transfers, ignored })
}

const ignore = (ignored: Ignored) => Result.succeed({ transfers: [], ignored: [ignored] })

/** The token of a deposit, or why it is none; undefined if there is nothing to say. */
const notADeposit = (
  chain: ChainConfig,
  transaction: BalancesOfTransaction,
  group: Group,
  senders: ReadonlySet<string>
): KnownToken | Omit<Ignored, "path"> | undefined => {
  const { mint, owner, units } = group
  if (hasSent(group, transaction)) {
    return { reason: "outgoing", detail: `${owner} has less than before` }
  }
  // The fee of a transaction, which is in no deposit.
  if (units < 0n) return undefined
  if (units === 0n || (senders.size === 1 && senders.has(owner))) {
    return { reason: "zero_amount", detail: `it moved between accounts of ${owner} only` }
  }
  if (mint === null) {
    if (transaction.madeOver.has(owner) || transaction.ownerOfTokenAccount.has(owner)) {
      return { reason: "not_a_transfer", detail: `the rent of the account ${owner}` }
    }
    return nativeToken(chain) ?? unknownToken(`the native coin is no token of ${chain.name}`)
  }
  const token = tokenOf(chain, mint)
  if (token !== undefined) return token
  return transaction.nftMints.has(mint)
    ? { reason: "nft", detail: `${mint} is an NFT` }
    : unknownToken(`${mint} is the mint of no token of ${chain.name}`)
}

const unknownToken = (what: string) =>
  ({ reason: "token_unknown", detail: `${what} in surehook.yaml` }) as const

const transferOf = (
  chain: ChainConfig,
  { slot, tx_hash }: BalancesOfTransaction,
  { changes, owner, path, units }: Group,
  token: KnownToken,
  sender: string | undefined
): Result.Result<AnnouncedTransfer, FieldFault> => {
  const to_address = canonicalAddress(chain.kind, owner)
  if (to_address === undefined)
    return Result.fail({ path, message: `its owner ${addressRule(chain.kind)}` })
  const amount = amountFromUnits(units, token.config.decimals)
  // Refused and not ignored: it may be a deposit, and the decimals in surehook.yaml are wrong.
  if (amount === undefined) return Result.fail({ path, message: amountRule(token) })
  const from_address: Address | null =
    sender === undefined ? null : (canonicalAddress(chain.kind, sender) ?? null)
  return Result.succeed({
    claim: {
      chain: chain.name,
      tx_hash,
      token: token.symbol,
      amount,
      to_address,
      transfer_index: null
    },
    from_address,
    report: "seen",
    payload: { signature: tx_hash, slot, balances: changes.map(({ evidence }) => evidence) },
    path
  })
}

const amountRule = ({ config, symbol }: KnownToken) =>
  `is no amount that fits 18 digits before and 18 after the point, with the ${config.decimals} decimals of ${symbol} in surehook.yaml: check these`
