/** What happens on the EVM chain: everything that a provider, a chain and an endpoint can do wrong. */
import {
  alreadyCredited,
  credited,
  deadLettered,
  duplicate,
  pays,
  refused,
  reverts,
  type Scenario,
  splits,
  spoofs
} from "../scenario.ts"

export const evmScenarios: ReadonlyArray<Scenario> = [
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
    circumstance: "not deep",
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
