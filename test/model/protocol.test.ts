/**
 * The protocol of leases and credits, by exhaustion: every interleaving of workers, sweeper, reconcilers,
 * operator, provider and chain within bounds, over the machine and the events of the code that runs.
 */
import { assert, describe, it } from "@effect/vitest"
import type { Flaw } from "./database.ts"
import { type Exploration, explore } from "./explore.ts"
import { modelOf } from "./model.ts"
import type { Bounds } from "./protocol.ts"

const least: Bounds = {
  claims: 1,
  workers: 1,
  reconcilers: 1,
  maxAttempts: 1,
  batches: false,
  reorgs: 0,
  reverts: false,
  databaseCrashes: 0,
  outages: false,
  operator: false,
  provider: false
}

/** `states`: fewer would mean that the model has lost its way. */
const worlds: ReadonlyArray<readonly [what: string, states: number, bounds: Partial<Bounds>]> = [
  [
    "two claims about one transfer, also in one batch, and two workers",
    50_000,
    { claims: 2, workers: 2, reconcilers: 0, batches: true }
  ],
  ["two claims, and a reorganisation", 50_000, { claims: 2, reorgs: 1 }],
  ["three workers, and a database that loses claims", 10_000, { workers: 3, databaseCrashes: 1 }],
  [
    "two reconcilers, an operator, and a reorganisation",
    10_000,
    { reconcilers: 2, reorgs: 1, operator: true }
  ],
  [
    "a transfer that is reorganised away twice, and an operator",
    10_000,
    { reorgs: 2, operator: true }
  ],
  [
    "a transaction that reverts in another block, endpoints that fail, and an operator",
    10_000,
    { reorgs: 1, reverts: true, outages: true, operator: true }
  ],
  [
    "two workers, and a provider that says more",
    5_000,
    { workers: 2, reconcilers: 0, provider: true }
  ]
]

const assertNothingBroken = ({ counterexample }: Exploration) => {
  if (counterexample === undefined) return
  assert.fail([counterexample.broken, ...counterexample.steps].join("\n  "))
}

describe("each transfer is credited exactly once, and no deposit is stuck, with", () => {
  for (const [what, states, bounds] of worlds) {
    it(`${what}: all of more than ${states} states`, () => {
      const found = explore(modelOf({ ...least, ...bounds }))
      assertNothingBroken(found)
      assert.isAbove(found.states, states)
    })
  }
})

/** In which world each shows, and what it breaks there. */
const flaws: ReadonlyArray<readonly [flaw: Flaw, broken: RegExp, bounds: Partial<Bounds>]> = [
  [
    "nothing tells a late writer from the one whose turn it is",
    /w1 could settle A, which w2 holds/,
    { workers: 2, reconcilers: 0 }
  ],
  [
    "only the sequence is compared, and not the hash",
    /w1 could settle A, which w2 holds/,
    { workers: 2, databaseCrashes: 1 }
  ],
  ["the credit is committed before its event", /a credit stands, and A does not say so/, {}],
  [
    "it looks first whether a transfer is credited, and there is no unique key",
    /credited 2 times/,
    { claims: 2, workers: 2, reconcilers: 0 }
  ],
  [
    "a late worker takes over whatever is being processed",
    /w1 could settle A, which w2 holds/,
    { workers: 2 }
  ],
  ["every credit of a transfer has the same number", /neither made nor found/, { reorgs: 1 }],
  ["a credit's number counts credits, and not reversals", /credited 2 times/, { claims: 2 }],
  [
    "a replayed deposit gets a ledger key of its own",
    /credited 2 times/,
    { claims: 2, operator: true, reconcilers: 0 }
  ]
]

describe("the exploration would find it if", () => {
  for (const [flaw, broken, bounds] of flaws) {
    it(flaw, () => {
      const { counterexample } = explore(modelOf({ ...least, ...bounds }, flaw))
      assert.match(counterexample?.broken ?? "nothing was found", broken)
    })
  }
})
