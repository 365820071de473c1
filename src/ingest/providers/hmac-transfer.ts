/** One transfer of a body, by the map of fields that a source's options give. */
import { Predicate, Result, type Schema } from "effect"
import type { ProviderReport } from "../../../machines/deposit-events.ts"
import type { ChainConfig } from "../../config/chain-config.ts"
import type { Source } from "../../config/surehook-config.ts"
import {
  type Address,
  addressRule,
  type ChainName,
  canonicalAddress,
  canonicalTxHash,
  type TxHash,
  txHashRule
} from "../../domain/chain.ts"
import { fieldPath } from "../fields.ts"
import type { FieldFault } from "../problem.ts"
import type { AnnouncedTransfer, Ignored } from "../provider.ts"
import { chainOf, type KnownToken, nativeToken, tokenOf, unknownNetwork } from "../tokens.ts"
import { amountAt } from "./hmac-amount.ts"
import { type HmacOptions, nativeWord, pointersOf } from "./hmac-options.ts"
import { at, fault, isAmong, isNothing, type Origin, type Read, text, word } from "./hmac-places.ts"
import type { Place } from "./hmac-pointer.ts"

type FieldMap = HmacOptions["fields"]

/** What of a source the fields are held against. */
export interface TransferContext {
  readonly fields: FieldMap
  readonly networks: Source["networks"]
  readonly chains: ReadonlyMap<ChainName, ChainConfig>
}

export const transferOf = (
  context: TransferContext,
  origin: Origin
): Read<AnnouncedTransfer | Ignored> => {
  const { fields } = context
  const path = fields.items === undefined ? "" : fieldPath(origin.item.keys)
  const ignore = (reason: Ignored["reason"], detail: string): Ignored => ({ path, reason, detail })

  if (isFailed(fields.status, origin)) {
    return Result.succeed(
      ignore("failed_transaction", "by its status it failed: nothing was deposited")
    )
  }
  const report = reportOf(fields.status, origin)
  const network = chainAt(context, origin)
  // What the rest must look like depends on the chain.
  if (Result.isFailure(network)) return Result.fail([...network.failure, ...faultsOf(report)])
  const chain = network.success
  const token = tokenAt(fields.token, chain, origin)
  const reads = {
    report,
    token,
    amount: amountAt(fields, token, origin),
    tx_hash: hashAt(fields.tx_hash, chain, origin),
    to_address: addressOf(at(fields.to_address, origin), chain),
    from_address: optional(fields.from_address, origin, (place) => addressOf(place, chain)),
    transfer_index: optional(fields.transfer_index, origin, indexOf)
  }
  return Result.all(reads).pipe(
    Result.mapError(() => Object.values(reads).flatMap(faultsOf)),
    Result.map(({ amount, from_address, report, to_address, token, transfer_index, tx_hash }) => {
      if (token === undefined) {
        const detail = `it is none of the tokens that ${chain.name} has in surehook.yaml`
        return ignore("token_unknown", detail)
      }
      if (amount === undefined) return ignore("zero_amount", "its amount is zero")
      return {
        claim: {
          chain: chain.name,
          tx_hash,
          token: token.symbol,
          amount,
          to_address,
          transfer_index: hasIndexes(chain, token) ? transfer_index : null
        },
        from_address,
        report,
        payload: payloadOf(fields, origin),
        path
      }
    })
  )
}

const faultsOf = (read: Read<unknown>): ReadonlyArray<FieldFault> =>
  Result.isFailure(read) ? read.failure : []

/** Optional fields may be missing, null or empty; what else stands there must be right. */
const optional = <A>(
  pointer: string | undefined,
  origin: Origin,
  read: (place: Place) => Read<A>
): Read<A | null> => {
  if (pointer === undefined) return Result.succeed(null)
  const place = at(pointer, origin)
  return isNothing(place) ? Result.succeed(null) : read(place)
}

const isFailed = (status: FieldMap["status"], origin: Origin): boolean =>
  status !== undefined &&
  Result.match(word(at(status.pointer, origin)), {
    onFailure: () => false,
    onSuccess: (name) => isAmong(status.failed, name)
  })

/** What stands in no list says that the provider saw the transfer, and the chain says the rest. */
const reportOf = (status: FieldMap["status"], origin: Origin): Read<ProviderReport> =>
  status === undefined
    ? Result.succeed("seen")
    : Result.map(
        word(at(status.pointer, origin)),
        (name) =>
          (["confirmed", "removed", "dropped"] as const).find((list) =>
            isAmong(status[list], name)
          ) ?? "seen"
      )

const chainAt = (
  { chains, fields, networks }: TransferContext,
  origin: Origin
): Read<ChainConfig> => {
  const { network } = fields
  const isPointer = Predicate.isString(network)
  const place = isPointer ? at(network, origin) : { keys: [], value: network.value }
  return Result.flatMap(word(place), (name) => {
    const chain = chainOf(networks, chains, name)
    return chain === undefined ? fault(place, unknownNetwork(networks)) : Result.succeed(chain)
  })
}

/** Undefined if it is none of the chain's tokens. */
const tokenAt = (
  token: FieldMap["token"],
  chain: ChainConfig,
  origin: Origin
): Read<KnownToken | undefined> => {
  const {
    native = [nativeWord],
    pointer,
    value
  } = Predicate.isString(token) ? { pointer: token } : token
  const place =
    pointer === undefined ? { keys: [], value: value ?? nativeWord } : at(pointer, origin)
  // Where null stands for the native coin, most providers leave the field out.
  if (native.some((name) => name === (place.value ?? null)))
    return Result.succeed(nativeToken(chain))
  return Result.map(text(place), (contract) => tokenOf(chain, contract))
}

const hashAt = (pointer: string, { kind }: ChainConfig, origin: Origin): Read<TxHash> => {
  const place = at(pointer, origin)
  return Result.flatMap(text(place), (given) => {
    const hash = canonicalTxHash(kind, given)
    return hash === undefined ? fault(place, txHashRule(kind)) : Result.succeed(hash)
  })
}

const addressOf = (place: Place, { kind }: ChainConfig): Read<Address> =>
  Result.flatMap(text(place), (given) => {
    const address = canonicalAddress(kind, given)
    return address === undefined ? fault(place, addressRule(kind)) : Result.succeed(address)
  })

const maxTransferIndex = 2_147_483_647
const indexRule = `must be a whole number from 0 to ${maxTransferIndex}`

const indexOf = (place: Place): Read<number> =>
  Result.flatMap(word(place), (given) => {
    const index = /^(?:\d{1,10}|0[xX][0-9a-fA-F]{1,8})$/.test(given) ? Number(given) : Number.NaN
    return index <= maxTransferIndex ? Result.succeed(index) : fault(place, indexRule)
  })

/** A native transfer on EVM has no log, and no index of Solana's means the same to two providers. */
const hasIndexes = ({ kind }: ChainConfig, { config }: KnownToken): boolean =>
  kind !== "solana" && !(kind === "evm" && config._tag === "Native")

/** The item, and what its transfer takes from the rest of the body, by its pointer. */
const payloadOf = (fields: FieldMap, origin: Origin): Schema.Json => {
  if (fields.items === undefined) return origin.body.value ?? null
  const shared = pointersOf(fields).filter(([, pointer]) => !pointer.startsWith("."))
  return {
    item: origin.item.value ?? null,
    ...Object.fromEntries(shared.map(([, pointer]) => [pointer, at(pointer, origin).value ?? null]))
  }
}
