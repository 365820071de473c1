/**
 * Which accounts of a Solana transaction are no wallets, so that what they gain is rent and no deposit.
 *
 * Who makes an account (a token account, the metadata of an NFT) pays lamports into it. The System
 * program's instructions tell which accounts were made over to another program in this transaction:
 * https://docs.rs/solana-system-interface/latest/solana_system_interface/instruction/enum.SystemInstruction.html
 * What cannot be read is taken for a wallet: a job for an address that is nobody's does no harm, but
 * a deposit that makes no job is lost.
 */
import { base58 } from "@scure/base"
import { Predicate } from "effect"

const systemProgram = "11111111111111111111111111111111"

/** By the number of an instruction: where the account stands that it makes over. */
const madeOverAt: ReadonlyMap<number, number> = new Map([
  [0, 1], // CreateAccount
  [1, 0], // Assign
  [3, 1], // CreateAccountWithSeed
  [8, 0], // Allocate
  [9, 0], // AllocateWithSeed
  [10, 0], // AssignWithSeed
  [13, 0] // CreateAccountAllowPrefund
])

/** Where in its data an instruction has the new owner. The System program's own accounts are wallets. */
const ownerAt: ReadonlyMap<number, number> = new Map([
  [0, 20],
  [1, 4]
])
const keyLength = 32

/** No instruction of the System program is longer, and decoding takes the square of the length. */
const maxDataLength = 256

/** The account that an instruction makes over to a program; undefined if it makes over none. */
const madeOver = (
  instruction: unknown,
  nameOf: (index: number) => string | undefined
): string | undefined => {
  if (!Predicate.isObject(instruction)) return undefined
  const { accounts, data, parsed, programId, programIdIndex } = instruction
  const program = Predicate.isNumber(programIdIndex) ? nameOf(programIdIndex) : programId
  if (program !== systemProgram) return undefined
  if (parsed !== undefined) return madeOverByParsed(parsed)
  if (!Predicate.isString(data) || data.length > maxDataLength || !Array.isArray(accounts)) {
    return undefined
  }
  const position = accountPosition(data)
  const account: unknown = position === undefined ? undefined : accounts[position]
  if (Predicate.isNumber(account)) return nameOf(account)
  return Predicate.isString(account) ? account : undefined
}

const accountPosition = (data: string): number | undefined => {
  const bytes = decoded(data)
  const number = bytes[0]
  if (number === undefined) return undefined
  const start = ownerAt.get(number)
  const isWallet =
    start !== undefined && bytes.subarray(start, start + keyLength).every((byte) => byte === 0)
  return isWallet ? undefined : madeOverAt.get(number)
}

const decoded = (data: string): Uint8Array => {
  try {
    return base58.decode(data)
  } catch {
    return new Uint8Array()
  }
}

/** The same as nodes tell it with the encoding `jsonParsed`. */
const madeOverByParsed = (parsed: unknown): string | undefined => {
  if (!Predicate.isObject(parsed) || !Predicate.isObject(parsed.info)) return undefined
  const { type, info } = parsed
  if (!Predicate.isString(type) || info.owner === systemProgram) return undefined
  const account = type.startsWith("createAccount")
    ? info.newAccount
    : /^(?:assign|allocate)/.test(type)
      ? info.account
      : undefined
  return Predicate.isString(account) ? account : undefined
}

/**
 * The accounts that these instructions, and those inside of them, make over to programs. An
 * instruction names accounts by their address, or by their index, which `nameOf` resolves.
 */
export const accountsMadeOver = (
  instructions: ReadonlyArray<unknown>,
  nameOf: (index: number) => string | undefined = () => undefined
): ReadonlySet<string> =>
  new Set(instructions.flatMap((instruction) => madeOver(instruction, nameOf) ?? []))

const listIn = (container: unknown, key: string): ReadonlyArray<unknown> => {
  const list = Predicate.isObject(container) ? container[key] : undefined
  return Array.isArray(list) ? list : []
}

/** The instructions of a transaction and, one level deep, those that they made. */
export const allInstructions = (
  top: unknown,
  inner: unknown,
  innerKey: string
): ReadonlyArray<unknown> => {
  const outer = listIn({ top }, "top")
  return [...outer, ...listIn({ inner }, "inner").flatMap((entry) => listIn(entry, innerKey))]
}
