/** The instructions by which tokens are made and moved on the local Solana. */
import {
  AccountRole,
  type Address,
  address,
  getAddressEncoder,
  type Instruction,
  type TransactionSigner
} from "@solana/kit"
import { getCreateAccountInstruction, getTransferSolInstruction } from "@solana-program/system"
import {
  findAssociatedTokenPda,
  getCreateAssociatedTokenIdempotentInstructionAsync,
  getInitializeMint2Instruction,
  getMintToInstruction,
  getRecoverNestedAssociatedTokenInstructionAsync,
  getTransferCheckedInstruction,
  TOKEN_PROGRAM_ADDRESS
} from "@solana-program/token"
import { token2022Program } from "./svm.ts"

export interface Mint {
  readonly address: Address
  readonly decimals: number
  /** Of the first token program or of Token-2022. */
  readonly program: Address
}

/** The mint of wrapped SOL: a token like any other. */
export const wrappedSol: Mint = {
  address: address("So11111111111111111111111111111111111111112"),
  decimals: 9,
  program: TOKEN_PROGRAM_ADDRESS
}

/** The account that a wallet's tokens of a mint are in, by convention. */
export const associatedAccount = async (mint: Mint, owner: Address) => {
  const seeds = { owner, mint: mint.address, tokenProgram: mint.program }
  const [account] = await findAssociatedTokenPda(seeds)
  return account
}

const plainMintBytes = 82
const tokenAccountBytes = 165
/** A base mint padded to a token account's size, the account's type, and the entry of the extension. */
const feeMintBytes = tokenAccountBytes + 1 + 4 + 108

/**
 * Token-2022's `InitializeTransferFeeConfig`: instruction 26, 0; two optional authorities; the fee in
 * basis points as u16 and its maximum as u64, little endian.
 * https://docs.rs/spl-token-2022/latest/spl_token_2022/extension/transfer_fee/instruction/enum.TransferFeeInstruction.html
 */
const initializeFee = (mint: Address, authority: Address, basisPoints: number): Instruction => {
  const key = getAddressEncoder().encode(authority)
  const fee = new DataView(new ArrayBuffer(10))
  fee.setUint16(0, basisPoints, true)
  fee.setBigUint64(2, 2n ** 64n - 1n, true)
  const some = 1
  return {
    programAddress: token2022Program,
    accounts: [{ address: mint, role: AccountRole.WRITABLE }],
    data: Uint8Array.from([26, 0, some, ...key, some, ...key, ...new Uint8Array(fee.buffer)])
  }
}

/** Makes a mint and gives its supply to the payer. */
export const mintInstructions = async (options: {
  readonly payer: TransactionSigner
  readonly mint: TransactionSigner
  readonly decimals: number
  readonly supply: bigint
  /** If it is not 0, the token is of Token-2022 and keeps this of every transfer. */
  readonly feeBasisPoints: number
  readonly rentOf: (bytes: number) => bigint
}): Promise<{ readonly mint: Mint; readonly instructions: ReadonlyArray<Instruction> }> => {
  const { payer, decimals, supply, feeBasisPoints } = options
  const hasFee = feeBasisPoints > 0
  const programAddress = hasFee ? token2022Program : TOKEN_PROGRAM_ADDRESS
  const mint: Mint = { address: options.mint.address, decimals, program: programAddress }
  const space = hasFee ? feeMintBytes : plainMintBytes
  const account = await associatedAccount(mint, payer.address)
  return {
    mint,
    instructions: [
      getCreateAccountInstruction({
        payer,
        newAccount: options.mint,
        lamports: options.rentOf(space),
        space,
        programAddress
      }),
      ...(hasFee ? [initializeFee(mint.address, payer.address, feeBasisPoints)] : []),
      getInitializeMint2Instruction(
        { mint: mint.address, decimals, mintAuthority: payer.address },
        { programAddress }
      ),
      await openAccount(payer, mint, payer.address),
      getMintToInstruction(
        { mint: mint.address, token: account, mintAuthority: payer, amount: supply },
        { programAddress }
      )
    ]
  }
}

/** Makes the associated account if it is not there: inner instructions of its program. */
export const openAccount = (payer: TransactionSigner, mint: Mint, owner: Address) =>
  getCreateAssociatedTokenIdempotentInstructionAsync({
    payer,
    owner,
    mint: mint.address,
    tokenProgram: mint.program
  })

/** From the payer's associated account to another's. */
export const transferToken = async (
  payer: TransactionSigner,
  mint: Mint,
  to: Address,
  units: bigint
): Promise<ReadonlyArray<Instruction>> => [
  await openAccount(payer, mint, to),
  getTransferCheckedInstruction(
    {
      source: await associatedAccount(mint, payer.address),
      mint: mint.address,
      destination: await associatedAccount(mint, to),
      authority: payer,
      amount: units,
      decimals: mint.decimals
    },
    { programAddress: mint.program }
  )
]

export const transferSol = (payer: TransactionSigner, to: Address, units: bigint): Instruction =>
  getTransferSolInstruction({ source: payer, destination: to, amount: units })

/**
 * A transfer that a program makes, and no instruction of the transaction itself: the program of
 * associated accounts brings home what was sent to an account of one's account.
 */
export const recoverNested = (wallet: TransactionSigner, mint: Mint) =>
  getRecoverNestedAssociatedTokenInstructionAsync({
    nestedTokenMintAddress: mint.address,
    ownerTokenMintAddress: mint.address,
    walletAddress: wallet,
    tokenProgram: mint.program
  })
