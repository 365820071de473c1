/** What happens on each of the other chains: what is the same for all of them, in its own way. */
import {
  credited,
  duplicate,
  type Fate,
  pays,
  refused,
  reverts,
  type Scenario,
  splits,
  spoofs
} from "./scenario.ts"

export interface FamilyScenarios {
  /** Stands before the names. */
  readonly family: string
  /** A payment in it is credited too, if there is one. */
  readonly native?: string
  /** What becomes of a transfer of another token. */
  readonly spoofed: Fate
  /** What becomes of a transaction that failed. */
  readonly failed: Fate
  /** Each call of the provider tells of one payment. */
  readonly isOneByOne?: true
}

export const familyScenarios = ({
  failed,
  family,
  isOneByOne,
  native,
  spoofed
}: FamilyScenarios): ReadonlyArray<Scenario> => [
  ...(native === undefined
    ? []
    : [
        {
          name: `${family}: ${native}`,
          onChain: [pays(native, "0.5")],
          webhooks: [{ fate: credited }]
        }
      ]),
  {
    name: `${family}: token, twice`,
    onChain: [pays("USDC", "25")],
    webhooks: [{ fate: credited }, { fate: duplicate }]
  },
  {
    name: `${family}: three in one`,
    onChain: [splits("1", "2", "3")],
    webhooks:
      isOneByOne === true
        ? [0, 1, 2].map((payment) => ({ payment, fate: credited }))
        : [{ payment: "all", fate: credited }]
  },
  {
    name: `${family}: not final yet`,
    circumstance: "not deep",
    onChain: [pays("USDC", "12")],
    webhooks: [{ fate: credited }]
  },
  {
    name: `${family}: forged`,
    onChain: [],
    webhooks: [{ signedBy: "a stranger", fate: refused(401, "") }]
  },
  {
    name: `${family}: failed`,
    onChain: [reverts("5")],
    webhooks: [{ fate: failed }]
  },
  {
    name: `${family}: spoofed`,
    onChain: [spoofs("1000")],
    webhooks: [{ fate: spoofed }]
  }
]
