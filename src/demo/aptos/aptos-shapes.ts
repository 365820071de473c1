/**
 * Events and resources as a fullnode's REST API writes them.
 *
 * Shapes: https://aptos.dev/build/apis/fullnode-rest-api-reference. u64s are strings, and addresses
 * have no leading zeros, as some nodes write them.
 */
import type { Schema } from "effect"
import type { Address } from "../../domain/chain.ts"

type Json = Schema.JsonObject

/** The short form of an address. */
export const short = (address: string): string => `0x${address.slice(2).replace(/^0+/, "") || "0"}`

const event = (type: string, data: Json): Json => ({
  guid: { creation_number: "0", account_address: "0x0" },
  sequence_number: "0",
  type,
  data
})

export const storeEvent = (name: "Withdraw" | "Deposit", store: Address, units: bigint): Json =>
  event(`0x1::fungible_asset::${name}`, { store: short(store), amount: units.toString() })

export const coinEvent = (
  name: "CoinWithdraw" | "CoinDeposit",
  coin: string,
  account: Address,
  units: bigint
): Json =>
  event(`0x1::coin::${name}`, {
    coin_type: coin,
    account: short(account),
    amount: units.toString()
  })

/** Where accounts have the handles of a coin's events. */
const creationNumbers = { WithdrawEvent: "3", DepositEvent: "2" } as const

export const handleEvent = (
  name: keyof typeof creationNumbers,
  account: Address,
  units: bigint
): Json => ({
  guid: { creation_number: creationNumbers[name], account_address: short(account) },
  sequence_number: "7",
  type: `0x1::coin::${name}`,
  data: { amount: units.toString() }
})

export const feeStatement: Json = event("0x1::transaction_fee::FeeStatement", {
  execution_gas_units: "5",
  io_gas_units: "7",
  storage_fee_octas: "0",
  storage_fee_refund_octas: "0",
  total_charge_gas_units: "11"
})

export interface Resource {
  readonly address: Address
  readonly type: string
  readonly data: Json
}

export const storeResources = (
  store: Address,
  owner: Address,
  metadata: Address
): ReadonlyArray<Resource> => [
  {
    address: store,
    type: "0x1::fungible_asset::FungibleStore",
    data: { balance: "1000000", frozen: false, metadata: { inner: short(metadata) } }
  },
  {
    address: store,
    type: "0x1::object::ObjectCore",
    data: {
      allow_ungated_transfer: false,
      guid_creation_num: "1125899906842625",
      owner: short(owner),
      transfer_events: {
        counter: "0",
        guid: { id: { addr: short(store), creation_num: "1125899906842624" } }
      }
    }
  }
]

export const coinResource = (owner: Address, coin: string): Resource => {
  const handle = (name: keyof typeof creationNumbers): Json => ({
    counter: "8",
    guid: { id: { addr: short(owner), creation_num: creationNumbers[name] } }
  })
  return {
    address: owner,
    type: `0x1::coin::CoinStore<${coin}>`,
    data: {
      coin: { value: "1000000" },
      deposit_events: handle("DepositEvent"),
      frozen: false,
      withdraw_events: handle("WithdrawEvent")
    }
  }
}

export const writeOf = ({ address, type, data }: Resource): Json => ({
  address: short(address),
  state_key_hash: `0x${"5a".repeat(32)}`,
  data: { type, data },
  type: "write_resource"
})
