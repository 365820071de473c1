/**
 * The slots of the local Solana, and what is in them: litesvm executes transactions, but keeps no
 * blocks and no commitments. Each transaction gets a slot of its own. Slots are processed as they
 * come, and are confirmed and finalized when the ledger's user says so.
 */
import { Buffer } from "node:buffer"
import { createHash } from "node:crypto"
import { base58 } from "@scure/base"

export type Commitment = "processed" | "confirmed" | "finalized"

export interface TokenHolding {
  readonly accountIndex: number
  readonly mint: string
  readonly owner: string
  readonly programId: string
  readonly units: bigint
  readonly decimals: number
}

export interface CompiledInstruction {
  readonly programIdIndex: number
  readonly accounts: ReadonlyArray<number>
  readonly data: string
  readonly stackHeight: number
}

/** A transaction as it was executed. */
export interface Execution {
  readonly signatures: ReadonlyArray<string>
  readonly header: {
    readonly numRequiredSignatures: number
    readonly numReadonlySignedAccounts: number
    readonly numReadonlyUnsignedAccounts: number
  }
  readonly accountKeys: ReadonlyArray<string>
  readonly recentBlockhash: string
  readonly instructions: ReadonlyArray<CompiledInstruction>
  readonly innerInstructions: ReadonlyArray<{
    readonly index: number
    readonly instructions: ReadonlyArray<CompiledInstruction>
  }>
  /** As the RPC shows it; null if the transaction succeeded. */
  readonly err: unknown
  readonly fee: bigint
  readonly logs: ReadonlyArray<string>
  readonly preBalances: ReadonlyArray<bigint>
  readonly postBalances: ReadonlyArray<bigint>
  readonly preTokenBalances: ReadonlyArray<TokenHolding>
  readonly postTokenBalances: ReadonlyArray<TokenHolding>
}

export interface LandedTransaction extends Execution {
  readonly signature: string
  readonly slot: number
  readonly blockTime: number
}

/** A token account as it is after some slot. */
export interface TokenAccount extends Omit<TokenHolding, "accountIndex"> {
  readonly address: string
  readonly lamports: bigint
}

export interface Block {
  readonly slot: number
  readonly blockhash: string
  readonly previousBlockhash: string
  readonly blockTime: number
  readonly transactions: ReadonlyArray<LandedTransaction>
}

export interface Ledger {
  readonly genesisHash: string
  readonly firstSlot: number
  /** The newest slot at a commitment. */
  readonly slotAt: (commitment: Commitment) => number
  /** Puts an executed transaction into the next slot. */
  readonly land: (execution: Execution, blockTime: number) => LandedTransaction
  /** So many slots without transactions pass. */
  readonly advance: (slots: number, blockTime: number) => void
  /** All processed slots are confirmed. */
  readonly confirm: () => void
  /** All processed slots are confirmed and finalized. */
  readonly finalize: () => void
  readonly block: (slot: number) => Block | undefined
  readonly transaction: (signature: string) => LandedTransaction | undefined
  /** Newest first. */
  readonly transactionsOf: (account: string) => ReadonlyArray<LandedTransaction>
  readonly commitmentOf: (slot: number) => Commitment
  /** By address, as they are after the newest slot at a commitment. What was closed is gone. */
  readonly tokenAccountsAt: (commitment: Commitment) => ReadonlyMap<string, TokenAccount>
}

const firstSlot = 1000

export const makeLedger = (seed: string): Ledger => {
  const hashOf = (text: string) =>
    base58.encode(Buffer.from(createHash("sha256").update(`${seed}/${text}`).digest()))
  const blocks: Array<Block> = []
  const transactions = new Map<string, LandedTransaction>()
  const newest = { confirmed: firstSlot, finalized: firstSlot }

  const processed = () => firstSlot + blocks.length - 1
  const append = (blockTime: number, landed: ReadonlyArray<LandedTransaction>) => {
    const slot = processed() + 1
    blocks.push({
      slot,
      blockhash: hashOf(`block ${slot}`),
      previousBlockhash: hashOf(`block ${slot - 1}`),
      blockTime,
      transactions: landed
    })
  }
  append(0, [])
  const slotAt: Ledger["slotAt"] = (commitment) =>
    commitment === "processed" ? processed() : newest[commitment]

  return {
    genesisHash: hashOf("genesis"),
    firstSlot,
    slotAt,
    land: (execution, blockTime) => {
      const [signature = ""] = execution.signatures
      const landed = { ...execution, signature, slot: processed() + 1, blockTime }
      append(blockTime, [landed])
      transactions.set(signature, landed)
      return landed
    },
    advance: (slots, blockTime) => {
      for (let passed = 0; passed < slots; passed++) append(blockTime, [])
    },
    confirm: () => {
      newest.confirmed = processed()
    },
    finalize: () => {
      newest.confirmed = processed()
      newest.finalized = processed()
    },
    block: (slot) => blocks[slot - firstSlot],
    transaction: (signature) => transactions.get(signature),
    transactionsOf: (account) =>
      [...transactions.values()]
        .filter(({ accountKeys }) => accountKeys.includes(account))
        .toReversed(),
    commitmentOf: (slot) => {
      if (slot <= newest.finalized) return "finalized"
      return slot <= newest.confirmed ? "confirmed" : "processed"
    },
    tokenAccountsAt: (commitment) => {
      const accounts = new Map<string, TokenAccount>()
      for (const landed of transactions.values()) {
        if (landed.slot > slotAt(commitment)) break
        const addressOf = ({ accountIndex }: TokenHolding) => landed.accountKeys[accountIndex] ?? ""
        for (const holding of landed.preTokenBalances) accounts.delete(addressOf(holding))
        for (const { accountIndex, ...holding } of landed.postTokenBalances) {
          const address = landed.accountKeys[accountIndex] ?? ""
          const lamports = landed.postBalances[accountIndex] ?? 0n
          accounts.set(address, { ...holding, address, lamports })
        }
      }
      return accounts
    }
  }
}
