/** What the local Solana can be told to do, and what it tells. */
import type { Effect } from "effect"
import type { Address, TxHash } from "../../domain/chain.ts"
import type { Mint } from "./instructions.ts"
import type { Commitment } from "./ledger.ts"
import type { LocalSolanaError } from "./local-solana-error.ts"

export interface Payment {
  /** The owner; a token goes to its associated account, which is made if need be. */
  readonly to: Address
  readonly token: Mint | "SOL"
  readonly units: bigint
}

export interface LocalSolana {
  readonly url: string
  readonly genesisHash: string
  /** Pays for everything, and holds all the SOL and all of every token in the beginning. */
  readonly depositor: Address
  /** A mint of Token-2022 if it has a fee, which is kept back of every transfer. */
  readonly createMint: (options: {
    readonly decimals: number
    readonly feeBasisPoints?: number
  }) => Effect.Effect<Mint, LocalSolanaError>
  /** A wallet that nobody used before. */
  readonly freshAddress: Effect.Effect<Address>
  /** Where an owner's tokens of a mint are. */
  readonly tokenAccountOf: (mint: Mint, owner: Address) => Effect.Effect<Address>
  /** All payments in one transaction, in a slot of its own, processed but not confirmed. */
  readonly pay: (
    payments: ReadonlyArray<Payment>,
    options?: { readonly fails?: boolean }
  ) => Effect.Effect<TxHash, LocalSolanaError>
  /** Tokens that a program brings a fresh owner by an inner instruction. */
  readonly payByProgram: (
    mint: Mint,
    units: bigint
  ) => Effect.Effect<{ readonly tx_hash: TxHash; readonly owner: Address }, LocalSolanaError>
  /** SOL that arrives without any transfer, from a token account that is closed. */
  readonly payByClosing: (to: Address, units: bigint) => Effect.Effect<TxHash, LocalSolanaError>
  /** A token account that is not the associated one. */
  readonly openSecondAccount: (
    mint: Mint,
    owner: Address
  ) => Effect.Effect<Address, LocalSolanaError>
  /** Into a token account that is there, by a transaction that does not name its owner. */
  readonly payInto: (
    mint: Mint,
    account: Address,
    units: bigint
  ) => Effect.Effect<TxHash, LocalSolanaError>
  /** The owner, a fresh address, sends all of a token account to the depositor and closes the account. */
  readonly sweep: (
    mint: Mint,
    owner: Address,
    account: Address
  ) => Effect.Effect<TxHash, LocalSolanaError>
  /** What an owner's associated account holds, or an account's lamports. */
  readonly balance: (token: Mint | "SOL", owner: Address) => Effect.Effect<bigint>
  /** So many slots without transactions pass. */
  readonly advance: (slots: number) => Effect.Effect<void>
  /** A supermajority has voted for all slots so far. */
  readonly confirm: Effect.Effect<void>
  /** All slots so far are final. */
  readonly finalize: Effect.Effect<void>
  readonly slot: (commitment: Commitment) => Effect.Effect<number>
}
