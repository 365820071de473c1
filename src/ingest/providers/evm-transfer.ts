/**
 * From what providers tell of a transfer on an EVM chain to its claim.
 *
 * A call is read whole or not at all: one entry that cannot be read refuses the call with its path,
 * so that the provider sends it again and shows it as failed. To take the rest and drop that entry
 * would lose a deposit without a trace. What surely is no deposit of ours (an unknown token, an NFT)
 * is left out before its fields are looked at: anybody can send such a thing to a watched address,
 * and must not be able to hold up the deposits beside it.
 */
import { Array as Arr, Result, type Schema } from "effect"
import type { ProviderReport } from "../../../machines/deposit-events.ts"
import type { ChainConfig } from "../../config/chain-config.ts"
import type { Source } from "../../config/surehook-config.ts"
import { amountFromUnits } from "../../domain/amount.ts"
import {
  type Address,
  addressRule,
  type ChainName,
  canonicalAddress,
  canonicalTxHash,
  type TxHash,
  txHashRule
} from "../../domain/chain.ts"
import type { FieldFault } from "../problem.ts"
import type { AnnouncedTransfer, Announcement, Ignored, IgnoredReason } from "../provider.ts"
import { chainOf, type KnownToken, nativeToken, tokenOf, unknownNetwork } from "../tokens.ts"
import { allOrFaults, prefixed } from "./fault-paths.ts"

const maxMessageIdLength = 256
const maxTransferIndex = 2_147_483_647n

type Faults = ReadonlyArray<FieldFault>

/** What became of one entry of a body. */
export type Reading = Result.Result<AnnouncedTransfer | Ignored, Faults>

/** Reads entries one by one, so that who takes them can stop. */
export function* each(
  entries: ReadonlyArray<Schema.Json>,
  path: string,
  read: (entry: Schema.Json, path: string) => Reading
): Generator<Reading> {
  for (const [index, entry] of entries.entries()) yield read(entry, `${path}[${index}]`)
}

/** What all entries tell, in order, or the faults of those that cannot be read. */
export const collected = (
  readings: Iterable<Reading>
): Result.Result<Pick<Announcement, "transfers" | "ignored">, Faults> =>
  Result.map(
    allOrFaults(readings, (reading) => reading),
    (all) => {
      const [transfers, ignored] = Arr.partition(all, (one) =>
        "claim" in one ? Result.succeed(one) : Result.fail(one)
      )
      return { transfers, ignored }
    }
  )

export const ignoredEntry = (path: string, reason: IgnoredReason, detail: string): Reading =>
  Result.succeed({ path, reason, detail })

/** Faults whose paths begin at an entry, with the path of the entry before them. */
export const within =
  (path: string) =>
  <A>(result: Result.Result<A, Faults>): Result.Result<A, Faults> =>
    Result.mapError(result, prefixed(path))

/** The faults of all fields: `Result.all` has those of the first only. */
export const faultsOf = (
  fields: Readonly<Record<string, Result.Result<unknown, Faults>>>
): Faults =>
  Object.values(fields).flatMap((field) => (Result.isFailure(field) ? field.failure : []))

/** The chain of surehook.yaml that the provider's name of a network, standing at `path`, means. */
export const evmChainOf = (
  networks: Source["networks"],
  chains: ReadonlyMap<ChainName, ChainConfig>,
  network: string,
  path: string
): Result.Result<ChainConfig, Faults> => {
  const chain = chainOf(networks, chains, network)
  if (chain === undefined) return Result.fail([{ path, message: unknownNetwork(networks) }])
  return chain.kind === "evm"
    ? Result.succeed(chain)
    : Result.fail([
        {
          path,
          message: `stands for ${chain.name} in surehook.yaml, which is no EVM chain: this provider tells of EVM chains only`
        }
      ])
}

/** The known token that the contract at `path` is, if it is one. */
export const evmTokenOf = (
  chain: ChainConfig,
  { address, path }: { readonly path: string; readonly address: string }
): Result.Result<KnownToken | undefined, Faults> =>
  canonicalAddress(chain.kind, address) === undefined
    ? Result.fail([{ path, message: addressRule(chain.kind) }])
    : Result.succeed(tokenOf(chain, address))

export const unknownToken = (path: string, chain: ChainConfig): Reading =>
  ignoredEntry(path, "token_unknown", `it moves no token that surehook.yaml has for ${chain.name}`)

/** A text of an entry, and the path in the entry at which it stands. */
export interface Told {
  readonly name: string
  readonly text: string
}

export interface ToldTransfer {
  readonly chain: ChainConfig
  readonly token: KnownToken
  /** Of the entry, in the body. */
  readonly path: string
  /** How the provider writes whole numbers. */
  readonly numbers: "hex" | "decimal"
  readonly tx_hash: Told
  readonly from: Told | null
  readonly to: Told
  /** In the token's smallest unit. */
  readonly units: Told
  /** Of the log; null for native transfers and where the provider gives none. */
  readonly log_index: Told | null
  readonly report: ProviderReport
  readonly payload: Schema.Json
}

export const evmTransfer = (told: ToldTransfer): Reading => {
  const { chain, path } = told
  const address = addressRule(chain.kind)
  const fields = {
    tx_hash: checked(
      told.tx_hash,
      canonicalTxHash(chain.kind, told.tx_hash.text),
      txHashRule(chain.kind)
    ),
    to: checked(told.to, canonicalAddress(chain.kind, told.to.text), address),
    from: checked(told.from, told.from && canonicalAddress(chain.kind, told.from.text), address),
    units: checked(told.units, wholeNumber(told.units, told.numbers), rules[told.numbers]),
    log_index: checked(
      told.log_index,
      logIndex(told),
      `${rules[told.numbers]}, and no more than ${maxTransferIndex}`
    )
  }
  const read = Result.all(fields)
  if (Result.isFailure(read)) return within(path)(Result.fail(faultsOf(fields)))
  const { from, log_index, to, tx_hash, units } = read.success
  return announced(chain, {
    ...told,
    tx_hash,
    from,
    to,
    units,
    unitsName: told.units.name,
    transfer_index: log_index === null ? null : Number(log_index)
  })
}

/** A transfer whose fields have been read. */
export interface ReadTransfer {
  readonly token: KnownToken
  /** Of the entry, in the body. */
  readonly path: string
  readonly tx_hash: TxHash
  readonly from: Address | null
  readonly to: Address
  /** In the token's smallest unit. */
  readonly units: bigint
  /** The path in the entry at which they stand. */
  readonly unitsName: string
  readonly transfer_index: number | null
  readonly report: ProviderReport
  readonly payload: Schema.Json
}

export const announced = (chain: ChainConfig, read: ReadTransfer): Reading => {
  const { from, path, payload, report, to, token, transfer_index, tx_hash, units } = read
  if (units === 0n) return ignoredEntry(path, "zero_amount", "it moves nothing: its amount is zero")
  const amount = amountFromUnits(units, token.config.decimals)
  if (amount === undefined) return within(path)(Result.fail([tooLarge(chain, read)]))
  return Result.succeed({
    claim: {
      chain: chain.name,
      tx_hash,
      token: token.symbol,
      amount,
      to_address: to,
      transfer_index
    },
    from_address: from,
    report,
    payload,
    path
  })
}

/** The native coin that a transaction moves, or a call inside of one. */
export const nativeTransfer = ({
  to,
  ...told
}: Omit<ToldTransfer, "token" | "log_index" | "to"> & {
  /** Null where a contract is made. */
  readonly to: Told | null
}): Reading => {
  if (to === null) return contractMade(told.path)
  const token = nativeToken(told.chain)
  return token === undefined
    ? unknownToken(told.path, told.chain)
    : evmTransfer({ ...told, to, token, log_index: null })
}

export const contractMade = (path: string): Reading =>
  ignoredEntry(path, "not_a_transfer", "it makes a contract, and has no recipient")

/**
 * No sane token moves so much, but a token whose `decimals` are wrong in surehook.yaml looks so. A
 * refusal is seen and mended, and the provider sends again; to ignore it would lose real deposits.
 */
const tooLarge = (chain: ChainConfig, { token, unitsName }: ReadTransfer): FieldFault => ({
  path: unitsName,
  message: `does not fit an amount of ${token.symbol} with ${token.config.decimals} decimals: check the token's decimals under ${chain.name} in surehook.yaml`
})

const checked = <T extends Told | null, A>(
  told: T,
  value: A | undefined,
  rule: string
): Result.Result<A, Faults> =>
  value === undefined
    ? Result.fail([{ path: told?.name ?? "", message: rule }])
    : Result.succeed(value)

const rules = {
  hex: "must be a whole number as 0x and at most 64 hex digits",
  decimal: "must be a whole number as a string of at most 78 digits"
}

const wholeNumber = ({ text }: Told, numbers: "hex" | "decimal"): bigint | undefined => {
  if (numbers === "decimal") return /^\d{1,78}$/.test(text) ? BigInt(text) : undefined
  if (!/^0x[0-9a-f]{0,64}$/i.test(text)) return undefined
  return text.length === 2 ? 0n : BigInt(text)
}

const logIndex = ({ log_index, numbers }: ToldTransfer): bigint | null | undefined => {
  if (log_index === null) return null
  const index = wholeNumber(log_index, numbers)
  return index === undefined || index > maxTransferIndex ? undefined : index
}

/** A provider's id of a message, if it is one that can be remembered. */
export const messageId = (id: unknown): string | null =>
  typeof id === "string" && id.length > 0 && id.length <= maxMessageIdLength ? id : null
