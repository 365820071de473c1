/** What the demo needs of a chain, whatever its family: payments on it, and a provider's calls about them. */
import type { Effect, Schema } from "effect"
import type { Amount } from "../domain/amount.ts"
import type { Address, ChainKind, ChainName, TxHash } from "../domain/chain.ts"
import type { SourceId } from "../domain/ids.ts"
import type { RpcFront } from "./rpc-front.ts"
import type { Scenario, Transaction, Webhook } from "./scenario.ts"

/** A payment that a transaction makes, or pretends to make. */
export interface Payment {
  readonly chain: ChainName
  readonly tx_hash: TxHash
  readonly token: string
  /** Canonical decimal. */
  readonly amount: string
  readonly to_address: Address
  /** Whether the chain really moved it. */
  readonly isReal: boolean
}

/** One request of a provider. */
export interface Call {
  readonly body: Uint8Array
  readonly headers: Readonly<Record<string, string>>
}

export interface DemoChain {
  readonly kind: ChainKind
  readonly name: ChainName
  /** What it is and who announces deposits on it, in a line. */
  readonly title: string
  readonly sourceId: SourceId
  /** What stands in surehook.yaml of its source, but for tenant and environment. */
  readonly source: Schema.JsonObject
  /** What stands there of the chain. */
  readonly chain: Schema.JsonObject
  /** The symbols of its tokens there. */
  readonly tokens: ReadonlyArray<string>
  readonly scenarios: ReadonlyArray<Scenario>
  /** Puts it on its way into the chain, each payment to a fresh address. */
  readonly send: (
    transaction: Transaction
  ) => Effect.Effect<ReadonlyArray<Payment>, { readonly message: string }>
  /** Brings all that was sent into the chain, where it can be seen and not credited yet. */
  readonly include: Effect.Effect<void, { readonly message: string }>
  /** Makes it deep enough to be credited. */
  readonly deepen: Effect.Effect<void, { readonly message: string }>
  /** What the chain itself says that an address holds, in whole tokens. */
  readonly balance: (token: string, address: Address) => Effect.Effect<Amount | "0">
  /** A payment that was never made. */
  readonly invented: () => Payment
  /** What the provider sends to tell of these payments, signed now. */
  readonly call: (
    webhook: Webhook,
    payments: ReadonlyArray<Payment>
  ) => Effect.Effect<Call, { readonly message: string }>
  /** Stands before the chain's RPC, if that can be made to fail. */
  readonly front?: RpcFront
}
