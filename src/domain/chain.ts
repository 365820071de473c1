/**
 * Chains, and the one canonical form of each hash and address on them.
 *
 * Equal things must be equal strings: the unique keys of jobs and of the ledger compare text.
 * Hence every hash and address is brought to its canonical form at the door.
 */
import { base58 } from "@scure/base"
import { Schema } from "effect"

/** The name of a chain in surehook.yaml, such as "ethereum" or "localchain". */
export const ChainName = Schema.String.pipe(
  Schema.check(
    Schema.isPattern(/^[a-z][a-z0-9_-]{0,31}$/, {
      message:
        "a chain's name has 1 to 32 lower-case letters, digits, - and _, and starts with a letter"
    })
  ),
  Schema.brand("ChainName")
)
export type ChainName = typeof ChainName.Type

/** A family of chains that share hash and address formats and a validator. */
export const ChainKind = Schema.Literals(["evm", "solana", "aptos", "starknet"])
export type ChainKind = typeof ChainKind.Type

export const TxHash = Schema.String.pipe(Schema.brand("TxHash"))
export type TxHash = typeof TxHash.Type

export const Address = Schema.String.pipe(Schema.brand("Address"))
export type Address = typeof Address.Type

interface ChainFormats {
  readonly txHash: (text: string) => string | undefined
  readonly address: (text: string) => string | undefined
  readonly txHashRule: string
  readonly addressRule: string
}

const lowerHex = (bytes: number) => {
  const pattern = new RegExp(`^0[xX][0-9a-fA-F]{${bytes * 2}}$`)
  return (text: string) => (pattern.test(text) ? text.toLowerCase() : undefined)
}

/** 0x and up to 64 hex digits, as the digits alone: lower case, without leading zeros. */
const significantDigits = (text: string): string | undefined =>
  /^0[xX][0-9a-fA-F]{1,64}$/.test(text) ? text.slice(2).toLowerCase().replace(/^0+/, "") : undefined

/** Base58 writes a number, and here of a fixed size, so each value has one text. */
const base58Of = (bytes: number) => {
  // 58^1.37 > 256: no text of these bytes is longer, and decoding takes the square of its length.
  const maxLength = Math.ceil(bytes * 1.37)
  return (text: string) => {
    if (text.length > maxLength || !/^[1-9A-HJ-NP-Za-km-z]+$/.test(text)) return undefined
    return base58.decode(text).length === bytes ? text : undefined
  }
}

/** The prime of Starknet's field, in which its hashes and addresses are numbers. */
const starknetPrime = 2n ** 251n + 17n * 2n ** 192n + 1n

const felt = (text: string): string | undefined => {
  const digits = significantDigits(text)
  if (digits === undefined) return undefined
  const canonical = `0x${digits || "0"}`
  return BigInt(canonical) < starknetPrime ? canonical : undefined
}

const feltRule = "must be 0x and 1 to 64 hex digits, below the prime of Starknet's field"

const formats: Record<ChainKind, ChainFormats> = {
  // Mixed case in an EVM address is only a checksum (EIP-55): lower case is the same address.
  evm: {
    txHash: lowerHex(32),
    address: lowerHex(20),
    txHashRule: "must be 0x and 64 hex digits",
    addressRule: "must be 0x and 40 hex digits"
  },
  // A transaction goes by its first signature. Case matters in base58.
  solana: {
    txHash: base58Of(64),
    address: base58Of(32),
    txHashRule: "must be a signature: the base58 of 64 bytes",
    addressRule: "must be the base58 of 32 bytes"
  },
  // AIP-40 has a long and a short form of one address: the long one is canonical.
  aptos: {
    txHash: lowerHex(32),
    address: (text) => {
      const digits = significantDigits(text)
      return digits === undefined ? undefined : `0x${digits.padStart(64, "0")}`
    },
    txHashRule: "must be 0x and 64 hex digits",
    addressRule: "must be 0x and 1 to 64 hex digits"
  },
  // A felt is a number, and is written without leading zeros here.
  starknet: { txHash: felt, address: felt, txHashRule: feltRule, addressRule: feltRule }
}

/** The canonical form of a transaction hash, or undefined if the text is not one. */
export const canonicalTxHash = (kind: ChainKind, text: string): TxHash | undefined => {
  const hash = formats[kind].txHash(text)
  return hash === undefined ? undefined : TxHash.make(hash)
}

/** The canonical form of an address, or undefined if the text is not one. */
export const canonicalAddress = (kind: ChainKind, text: string): Address | undefined => {
  const address = formats[kind].address(text)
  return address === undefined ? undefined : Address.make(address)
}

export const txHashRule = (kind: ChainKind): string => formats[kind].txHashRule
export const addressRule = (kind: ChainKind): string => formats[kind].addressRule
