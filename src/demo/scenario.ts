/**
 * What the demo does and what must come of it, at a glance.
 *
 * Every payment goes to an address of its own, which receives nothing else: so what is credited to
 * it must be exactly what the chain says that it holds.
 */

/** One transaction that is put on the chain. */
export type Transaction =
  | { readonly _tag: "Pays"; readonly token: string; readonly amount: string }
  /** Pays several in USDC. */
  | { readonly _tag: "Splits"; readonly amounts: ReadonlyArray<string> }
  /** Is in the chain, and moved nothing. */
  | { readonly _tag: "Reverts"; readonly amount: string }
  /** Moves a token that merely calls itself USDC. */
  | { readonly _tag: "Spoofs"; readonly amount: string }

/** What must become of a webhook. */
export type Fate =
  | { readonly _tag: "Credited" }
  /** The job is completed, without a second credit. */
  | { readonly _tag: "AlreadyCredited" }
  /** Answered 200 with the job of the webhook before. */
  | { readonly _tag: "Duplicate" }
  | { readonly _tag: "Refused"; readonly status: number; readonly because: string }
  | { readonly _tag: "DeadLettered"; readonly because: string }
  /** Answered 200, and no deposit. */
  | { readonly _tag: "Ignored"; readonly because: string }

/** Says the truth about a payment and is signed as it should be, but for what stands here. */
export interface Webhook {
  readonly fate: Fate
  /** Which of the scenario's payments it announces: the first, or all in one call. */
  readonly payment?: number | "all"
  /** How often it is sent, all at the same moment; only one of them can be new. */
  readonly copies?: number
  readonly amount?: string | number
  readonly upperCase?: true
  readonly withIndex?: true
  readonly without?: "to_address"
  readonly body?: string
  readonly signedBy?: "a stranger"
  readonly signedSecondsAgo?: number
  readonly source?: string
}

export interface Scenario {
  /** At most `longestName` characters. */
  readonly name: string
  readonly onChain: ReadonlyArray<Transaction>
  /** Each is sent when the one before is settled. */
  readonly webhooks: ReadonlyArray<Webhook>
  /**
   * `outage`: the chain's RPC begins to answer 503 before the first webhook, and the others are
   * sent once that was noticed. `not deep`: announced as soon as it can be seen in the chain.
   */
  readonly circumstance?: "outage" | "not deep"
}

export const longestName = 24

export const pays = (token: string, amount: string): Transaction => ({
  _tag: "Pays",
  token,
  amount
})
export const splits = (...amounts: ReadonlyArray<string>): Transaction => ({
  _tag: "Splits",
  amounts
})
export const reverts = (amount: string): Transaction => ({ _tag: "Reverts", amount })
export const spoofs = (amount: string): Transaction => ({ _tag: "Spoofs", amount })

export const credited: Fate = { _tag: "Credited" }
export const alreadyCredited: Fate = { _tag: "AlreadyCredited" }
export const duplicate: Fate = { _tag: "Duplicate" }
export const ignored = (because: string): Fate => ({ _tag: "Ignored", because })
export const refused = (status: number, because: string): Fate => ({
  _tag: "Refused",
  status,
  because
})
export const deadLettered = (because: string): Fate => ({ _tag: "DeadLettered", because })
