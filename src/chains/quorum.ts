/**
 * For large amounts: two independent endpoints must say the same before a deposit is credited.
 *
 *     two are asked ── both confirm the same transfer in the same block ──▶ confirmed
 *                   ── one fails, is silent, or says something else ──▶ the next is asked too
 *     nobody is left ── all say alike that it is not there, reverted, or is another ──▶ that stands
 *                    ── they differ, or only one could be asked ──▶ the deposit waits, and says so
 *
 * One endpoint alone can thus neither credit a deposit nor dead-letter it. Each has a validator of
 * its own, which no other endpoint answers; two endpoints of one host count as one.
 */
import { Effect, type Scope } from "effect"
import type { TokenConfig } from "../config/chain-config.ts"
import type { ChainName } from "../domain/chain.ts"
import type { TransferClaim } from "../domain/transfer.ts"
import { consensus, disagreement, hostsOf, needed, type Opinion } from "./consensus.ts"
import type { ChainValidator } from "./family.ts"
import { allFailed } from "./rpc/all-failed.ts"
import { askInTurn } from "./rpc/hedging.ts"
import { NotNow } from "./rpc/rate-limit.ts"

export interface Voter {
  readonly name: string
  readonly host: string
  readonly validator: ChainValidator
}

/** `voters` are the best first. */
export const makeQuorum = (
  chain: ChainName,
  voters: ReadonlyArray<Voter>,
  scope: Scope.Scope
): ChainValidator => {
  const candidates = hostsInTurn(voters)

  const ask = ({ name, host, validator }: Voter, claim: TransferClaim, token: TokenConfig) =>
    validator.verify(claim, token).pipe(
      Effect.map((verdict): Opinion => ({ endpoint: name, host, verdict })),
      // It may live and be busy, so that it was not asked must cost no attempt.
      Effect.catchTag("CircuitsOpen", ({ retry_after_ms }) =>
        Effect.fail(new NotNow({ endpoint: name, why: "probe", wait_ms: retry_after_ms }))
      )
    )

  return {
    verify: Effect.fn("Quorum.verify")(function* (claim, token) {
      const { answers, failures } = yield* askInTurn({
        candidates,
        scope,
        ask: (voter) => ask(voter, claim, token),
        missing: (opinions: ReadonlyArray<Opinion>) =>
          consensus(opinions) === undefined ? Math.max(needed - hostsOf(opinions).size, 1) : 0
      })
      if (answers.length === 0) return yield* Effect.fail(allFailed(chain, failures))
      const placeOf = ({ endpoint }: Opinion) => voters.findIndex(({ name }) => name === endpoint)
      const opinions = answers.toSorted((a, b) => placeOf(a) - placeOf(b))
      return consensus(opinions) ?? disagreement(opinions, failures)
    })
  }
}

/** The first endpoint of each host, then the second of each: so that those asked first are independent. */
const hostsInTurn = (voters: ReadonlyArray<Voter>): ReadonlyArray<Voter> => {
  const turnOf = (voter: Voter) => voters.filter(({ host }) => host === voter.host).indexOf(voter)
  return voters.toSorted((a, b) => turnOf(a) - turnOf(b))
}
