/** Which of a chain's events bring one of its tokens to one of our addresses? Pure. */
import { amountFromUnits } from "../../domain/amount.ts"
import type { Address } from "../../domain/chain.ts"
import type { TokenSymbol } from "../../domain/ids.ts"
import type { TransferClaim } from "../../domain/transfer.ts"
import type { Event } from "./answers.ts"
import { tokenTransfers } from "./matching.ts"

export interface Wanted {
  /** By contract. */
  readonly tokens: ReadonlyMap<Address, { readonly symbol: TokenSymbol; readonly decimals: number }>
  readonly addresses: ReadonlySet<Address>
}

/** What a claim says beyond its transaction. */
export type Arrival = Omit<TransferClaim, "chain" | "tx_hash">

/** Each is one that the validator confirms: it reads the events with the same code. */
export const arrivalsOf = (
  events: ReadonlyArray<Event>,
  { addresses, tokens }: Wanted
): ReadonlyArray<Arrival> =>
  tokenTransfers(events).flatMap(({ contract, from, to, units, index }) => {
    const token = tokens.get(contract)
    if (token === undefined || !addresses.has(to) || from === to) return []
    const amount = amountFromUnits(units, token.decimals)
    return amount === undefined
      ? []
      : [{ token: token.symbol, amount, to_address: to, transfer_index: index }]
  })
