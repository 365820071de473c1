/**
 * Chains, and the one canonical form of each hash and address on them.
 *
 * Equal things must be equal strings: the unique keys of jobs and of the ledger compare text.
 * Hence every hash and address is brought to its canonical form at the door.
 */
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
export const ChainKind = Schema.Literals(["evm"])
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

const formats: Record<ChainKind, ChainFormats> = {
  // Mixed case in an EVM address is only a checksum (EIP-55): lower case is the same address.
  evm: {
    txHash: lowerHex(32),
    address: lowerHex(20),
    txHashRule: "must be 0x and 64 hex digits",
    addressRule: "must be 0x and 40 hex digits"
  }
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
