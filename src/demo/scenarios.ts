/**
 * What the demo does and what must come of it, at a glance.
 *
 * Every payment goes to an address of its own, which receives nothing else: so what is credited to
 * it must be exactly what the chain says that it holds.
 */

export type DemoToken = "ETH" | "USDC"

/** One transaction that is put on the chain. */
export type Transaction =
  | { readonly _tag: "Pays"; readonly token: DemoToken; readonly amount: string }
  /** A contract pays several in USDC. */
  | { readonly _tag: "Splits"; readonly amounts: ReadonlyArray<string> }
  /** Is in the chain, and moved nothing. */
  | { readonly _tag: "Reverts"; readonly amount: string }
  /** A transfer's log from a contract that merely calls itself USDC. */
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

/** Says the truth about a payment and is signed as it should be, but for what stands here. */
export interface Webhook {
  readonly fate: Fate
  /** Which of the scenario's payments it announces; the first. */
  readonly payment?: number
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
   * sent once that was noticed. `one block`: announced as soon as it is in a block.
   */
  readonly circumstance?: "outage" | "one block"
}

export const longestName = 24

const pays = (token: DemoToken, amount: string): Transaction => ({ _tag: "Pays", token, amount })
const splits = (...amounts: ReadonlyArray<string>): Transaction => ({ _tag: "Splits", amounts })
const reverts = (amount: string): Transaction => ({ _tag: "Reverts", amount })
const spoofs = (amount: string): Transaction => ({ _tag: "Spoofs", amount })

const credited: Fate = { _tag: "Credited" }
const alreadyCredited: Fate = { _tag: "AlreadyCredited" }
const duplicate: Fate = { _tag: "Duplicate" }
const refused = (status: number, because: string): Fate => ({ _tag: "Refused", status, because })
const deadLettered = (because: string): Fate => ({ _tag: "DeadLettered", because })

export const scenarios: ReadonlyArray<Scenario> = [
  {
    name: "native deposit",
    onChain: [pays("ETH", "0.75")],
    webhooks: [{ fate: credited }]
  },
  // Early, so that its circuit closes again while the others go on.
  {
    name: "RPC answers 503",
    circumstance: "outage",
    onChain: [pays("USDC", "40"), pays("USDC", "60"), pays("ETH", "0.1")],
    webhooks: [
      { payment: 0, fate: credited },
      { payment: 1, fate: credited },
      { payment: 2, fate: credited }
    ]
  },
  {
    name: "bad signature",
    onChain: [],
    webhooks: [{ signedBy: "a stranger", fate: refused(401, "no signature fits") }]
  },
  {
    name: "stale timestamp",
    onChain: [],
    webhooks: [{ signedSecondsAgo: 3600, fate: refused(401, "3600 s in the past") }]
  },
  {
    name: "unknown source",
    onChain: [],
    webhooks: [{ source: "nobody", fate: refused(404, "no source of this name") }]
  },
  {
    name: "not JSON",
    onChain: [],
    webhooks: [{ body: "amount=1000&token=USDC", fate: refused(400, "not valid JSON") }]
  },
  {
    name: "missing field",
    onChain: [],
    webhooks: [{ without: "to_address", fate: refused(422, "to_address") }]
  },
  {
    name: "amount as a number",
    onChain: [],
    webhooks: [{ amount: 1000.1, fate: refused(422, "amount") }]
  },
  {
    name: "token deposit",
    onChain: [pays("USDC", "25")],
    webhooks: [{ fate: credited }]
  },
  {
    name: "two in one transaction",
    onChain: [splits("10", "20")],
    webhooks: [
      { payment: 0, fate: credited },
      { payment: 1, fate: credited }
    ]
  },
  {
    name: "same webhook three times",
    onChain: [pays("USDC", "3")],
    webhooks: [{ fate: credited }, { fate: duplicate }, { fate: duplicate }]
  },
  {
    name: "20 at the same moment",
    onChain: [pays("USDC", "20.5")],
    webhooks: [{ copies: 20, fate: credited }]
  },
  {
    name: "upper-case hex",
    onChain: [pays("USDC", "6")],
    webhooks: [{ upperCase: true, fate: credited }, { fate: duplicate }]
  },
  {
    name: "1.50 is 1.5",
    onChain: [pays("USDC", "1.5")],
    webhooks: [{ fate: credited }, { amount: "1.50", fate: duplicate }]
  },
  {
    name: "two claims, one transfer",
    onChain: [pays("USDC", "8")],
    webhooks: [{ fate: credited }, { withIndex: true, fate: alreadyCredited }]
  },
  {
    name: "one block deep only",
    circumstance: "one block",
    onChain: [pays("USDC", "12")],
    webhooks: [{ fate: credited }]
  },
  {
    name: "reverted transaction",
    onChain: [reverts("5")],
    webhooks: [{ fate: deadLettered("reverted") }]
  },
  {
    name: "spoofed symbol",
    onChain: [spoofs("1000")],
    webhooks: [{ fate: deadLettered("a symbol proves nothing") }]
  },
  {
    name: "wrong amount, then right",
    onChain: [pays("USDC", "7")],
    webhooks: [{ amount: "70", fate: deadLettered("it moved 7 USDC, not 70") }, { fate: credited }]
  }
]
