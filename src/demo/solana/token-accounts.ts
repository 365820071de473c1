/** The instructions by which token accounts other than the associated ones are made, filled and closed. */
import type { Address, Instruction, TransactionSigner } from "@solana/kit"
import { getCreateAccountInstruction } from "@solana-program/system"
import {
  getCloseAccountInstruction,
  getInitializeAccount3Instruction,
  getTransferCheckedInstruction
} from "@solana-program/token"
import { associatedAccount, type Mint, wrappedSol } from "./instructions.ts"

/** Without extensions. */
const tokenAccountBytes = 165

/** Makes a token account at an address of its own. Wrapped SOL, what it has beyond its rent is its tokens. */
const makeAccount = (
  payer: TransactionSigner,
  account: TransactionSigner,
  mint: Mint,
  owner: Address,
  lamports: bigint
): ReadonlyArray<Instruction> => [
  getCreateAccountInstruction({
    payer,
    newAccount: account,
    lamports,
    space: tokenAccountBytes,
    programAddress: mint.program
  }),
  getInitializeAccount3Instruction(
    { account: account.address, mint: mint.address, owner },
    { programAddress: mint.program }
  )
]

export const makeSecondAccount = (options: {
  readonly payer: TransactionSigner
  readonly account: TransactionSigner
  readonly mint: Mint
  readonly owner: Address
  readonly rentOf: (bytes: number) => bigint
}): ReadonlyArray<Instruction> =>
  makeAccount(
    options.payer,
    options.account,
    options.mint,
    options.owner,
    options.rentOf(tokenAccountBytes)
  )

/** From the payer's associated account into a token account that is there: its owner is not named. */
export const transferInto = async (
  payer: TransactionSigner,
  mint: Mint,
  account: Address,
  units: bigint
): Promise<Instruction> =>
  getTransferCheckedInstruction(
    {
      source: await associatedAccount(mint, payer.address),
      mint: mint.address,
      destination: account,
      authority: payer,
      amount: units,
      decimals: mint.decimals
    },
    { programAddress: mint.program }
  )

/** All that a token account has goes to the payer's, and the account's rent to its owner. */
export const sweep = async (
  payer: TransactionSigner,
  owner: TransactionSigner,
  mint: Mint,
  account: Address,
  units: bigint
): Promise<ReadonlyArray<Instruction>> => [
  getTransferCheckedInstruction(
    {
      source: account,
      mint: mint.address,
      destination: await associatedAccount(mint, payer.address),
      authority: owner,
      amount: units,
      decimals: mint.decimals
    },
    { programAddress: mint.program }
  ),
  getCloseAccountInstruction(
    { account, destination: owner.address, owner },
    { programAddress: mint.program }
  )
]

/** SOL that arrives without a transfer: a token account of wrapped SOL is closed, its lamports go to `to`. */
export const closeWrapped = (
  payer: TransactionSigner,
  account: TransactionSigner,
  to: Address,
  units: bigint
): ReadonlyArray<Instruction> => [
  ...makeAccount(payer, account, wrappedSol, payer.address, units),
  getCloseAccountInstruction({ account: account.address, destination: to, owner: payer })
]
