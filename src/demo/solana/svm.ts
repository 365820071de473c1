/**
 * Executes transactions on litesvm, the real Solana virtual machine in this process, with the real
 * programs of tokens on it. It says what a transaction did to each account by reading them before
 * and after, as a node does for `meta`.
 */
import { base58 } from "@scure/base"
import {
  type Address,
  address,
  appendTransactionMessageInstructions,
  type CompiledTransactionMessage,
  createTransactionMessage,
  getCompiledTransactionMessageDecoder,
  type Instruction,
  lamports,
  pipe,
  setTransactionMessageFeePayerSigner,
  signTransactionMessageWithSigners,
  type TransactionSigner
} from "@solana/kit"
import { SYSTEM_PROGRAM_ADDRESS } from "@solana-program/system"
import { getTokenDecoder, TOKEN_PROGRAM_ADDRESS } from "@solana-program/token"
import { FailedTransactionMetadata, LiteSVM } from "litesvm"
import type { CompiledInstruction, Execution, TokenHolding } from "./ledger.ts"

export const token2022Program = address("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb")

const tokenPrograms: ReadonlySet<string> = new Set([TOKEN_PROGRAM_ADDRESS, token2022Program])

export interface Svm {
  /** Signs and executes; the transaction may fail, which is an execution too. */
  readonly execute: (
    payer: TransactionSigner,
    instructions: ReadonlyArray<Instruction>
  ) => Promise<Execution>
  readonly lamportsOf: (account: Address) => bigint
  /** What a token account holds; undefined if it is none. */
  readonly holdingOf: (account: Address) => Omit<TokenHolding, "accountIndex"> | undefined
  readonly rentOf: (bytes: number) => bigint
  /** Puts lamports into an account from nowhere. */
  readonly endow: (account: Address, units: bigint) => void
}

/** Sizes of token accounts: of the first program always this, of Token-2022 larger with a type after it. */
const tokenAccountBytes = 165
const tokenAccountType = 2
const offsetOfMintDecimals = 44
const lamportsPerSignature = 5000n

export const makeSvm = (): Svm => {
  const svm = new LiteSVM()

  const holdingOf: Svm["holdingOf"] = (account) => {
    const found = svm.getAccount(account)
    if (!found.exists || !tokenPrograms.has(found.programAddress)) return undefined
    const { data } = found
    if (data.length < tokenAccountBytes) return undefined
    if (data.length > tokenAccountBytes && data[tokenAccountBytes] !== tokenAccountType) {
      return undefined
    }
    const { mint, owner, amount } = getTokenDecoder().decode(data)
    const mintAccount = svm.getAccount(mint)
    if (!mintAccount.exists) return undefined
    const decimals = mintAccount.data[offsetOfMintDecimals] ?? 0
    return { mint, owner, programId: found.programAddress, units: amount, decimals }
  }

  const lamportsOf: Svm["lamportsOf"] = (account) => svm.getBalance(account) ?? 0n

  const balances = (accounts: ReadonlyArray<Address>) => ({
    lamports: accounts.map(lamportsOf),
    tokens: accounts.flatMap((account, accountIndex): ReadonlyArray<TokenHolding> => {
      const holding = holdingOf(account)
      return holding === undefined ? [] : [{ accountIndex, ...holding }]
    })
  })

  return {
    lamportsOf,
    holdingOf,
    rentOf: (bytes) => svm.minimumBalanceForRentExemption(BigInt(bytes)),
    endow: (account, units) =>
      svm.setAccount({
        address: account,
        data: new Uint8Array(),
        executable: false,
        lamports: lamports(units),
        programAddress: SYSTEM_PROGRAM_ADDRESS,
        space: 0n
      }),
    execute: async (payer, instructions) => {
      // Two equal transactions with one blockhash would be one transaction.
      svm.expireBlockhash()
      const signed = await pipe(
        createTransactionMessage({ version: 0 }),
        (message) => setTransactionMessageFeePayerSigner(payer, message),
        (message) => svm.setTransactionMessageLifetimeUsingLatestBlockhash(message),
        (message) => appendTransactionMessageInstructions(instructions, message),
        (message) => signTransactionMessageWithSigners(message)
      )
      const compiled = getCompiledTransactionMessageDecoder().decode(signed.messageBytes)
      if (compiled.version !== 0) throw new Error("it was compiled to another version")
      const before = balances(compiled.staticAccounts)
      const result = svm.sendTransaction(signed)
      const after = balances(compiled.staticAccounts)
      const isFailed = result instanceof FailedTransactionMetadata
      const meta = isFailed ? result.meta() : result
      const signatures = Object.values(signed.signatures).flatMap((bytes) =>
        bytes === null ? [] : [base58.encode(Uint8Array.from(bytes))]
      )
      return {
        signatures,
        header: {
          numRequiredSignatures: compiled.header.numSignerAccounts,
          numReadonlySignedAccounts: compiled.header.numReadonlySignerAccounts,
          numReadonlyUnsignedAccounts: compiled.header.numReadonlyNonSignerAccounts
        },
        accountKeys: compiled.staticAccounts,
        recentBlockhash: compiled.lifetimeToken,
        instructions: compiled.instructions.map(outerInstruction),
        innerInstructions: meta.innerInstructions().flatMap((inner, index) =>
          inner.length === 0
            ? []
            : [
                {
                  index,
                  instructions: inner.map((one) => {
                    const instruction = one.instruction()
                    return {
                      programIdIndex: instruction.programIdIndex(),
                      accounts: [...instruction.accounts()],
                      data: base58.encode(Uint8Array.from(instruction.data())),
                      stackHeight: one.stackHeight()
                    }
                  })
                }
              ]
        ),
        err: isFailed ? errorJson(result.toString()) : null,
        fee: lamportsPerSignature * BigInt(signatures.length),
        logs: meta.logs(),
        preBalances: before.lamports,
        postBalances: after.lamports,
        preTokenBalances: before.tokens,
        postTokenBalances: after.tokens
      }
    }
  }
}

type V0Instruction = Extract<CompiledTransactionMessage, { version: 0 }>["instructions"][number]

const outerInstruction = (instruction: V0Instruction): CompiledInstruction => ({
  programIdIndex: instruction.programAddressIndex,
  accounts: instruction.accountIndices ?? [],
  data: base58.encode(Uint8Array.from(instruction.data ?? [])),
  stackHeight: 1
})

/** The error as the RPC writes it, from litesvm's text, in which alone it has the error's name. */
const errorJson = (text: string): unknown => {
  const [, index, name, code] = /InstructionError\((\d+), (\w+)(?:\((\d+)\))?/.exec(text) ?? []
  if (index === undefined || name === undefined) return /err: (\w+)/.exec(text)?.[1] ?? "Unknown"
  return { InstructionError: [Number(index), code === undefined ? name : { [name]: Number(code) }] }
}
