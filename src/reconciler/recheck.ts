/**
 * Looks at one deposit on chain again, and does what that means for it: through the same validator,
 * settlement and ledger as the workers.
 *
 * It holds no lease while it looks. What it decides is written only if the job is still at the event
 * at which it was read, so a worker that was faster has won.
 */
import type { PgClient } from "@effect/sql-pg"
import { Clock, Duration, Effect } from "effect"
import { Validator } from "../chains/validator.ts"
import { Deposits } from "../deposits/deposits.ts"
import { advance, type Job, TransitionRefused } from "../deposits/job.ts"
import { claimOf } from "../deposits/job-claim.ts"
import { type AuditEntry, appendAudit } from "../event-log/audit-log.ts"
import { annotateJob, logSettled } from "../settlement/job-log.ts"
import type { Recipient } from "../settlement/recipients.ts"
import { Settlement } from "../settlement/settlement.ts"
import { WatchedCredits } from "../settlement/watched-credits.ts"
import type { Check, Outcome } from "./checks.ts"
import type { StandingCredit } from "./credits.ts"
import { type Judgement, judgeUnsettled, judgeWatched } from "./judgement.ts"
import type { Tally } from "./pass-report.ts"

/** Far longer than any endpoint is waited for: this is for a validator that is stuck. */
const verifyTimeout = Duration.minutes(1)
/** Only written into the event: credit and event are one transaction, in which no lease can expire. */
const leaseOfCredit = Duration.seconds(60)
/** The longer ago, the rarer: again after an eighth of the time that has passed. */
const backoffShare = 1 / 8

export interface RecheckOptions {
  /** Who the log names: `reconciler:host-1`. */
  readonly actor: string
  readonly interval: Duration.Duration
  /** How long a credit must have been gone. */
  readonly patience: Duration.Duration
  readonly tally: Tally
}

export interface Recheckable extends Check {
  readonly recipient: Recipient
  /** Of a job that is watched. */
  readonly credit: StandingCredit | undefined
}

export const makeRecheck = Effect.fnUntraced(function* (sql: PgClient.PgClient) {
  const deposits = yield* Deposits
  const settlement = yield* Settlement
  const validator = yield* Validator
  const watched = yield* WatchedCredits

  const credit = (
    { job, recipient }: Recheckable,
    { verdict }: Extract<Judgement, { readonly _tag: "Credit" }>,
    { actor }: RecheckOptions
  ) =>
    Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      const made = advance(
        job,
        {
          type: "reconciliation.confirmed",
          recorded_at: new Date(now).toISOString(),
          found_by: actor,
          attempt: job.state.context.attempt_count + 1,
          worker: actor,
          lease_until: new Date(now + Duration.toMillis(leaseOfCredit)).toISOString(),
          evidence: verdict.evidence
        },
        actor
      )
      if (made instanceof TransitionRefused) return undefined
      return yield* deposits.transaction(
        Effect.gen(function* () {
          const appended = yield* deposits.append([made])
          if (!appended.has(job.id)) return undefined
          const finding =
            recipient._tag === "Registered"
              ? ({
                  _tag: "Confirmed",
                  verdict,
                  account_reference: recipient.account_reference
                } as const)
              : ({ _tag: "Confirmed", verdict } as const)
          const { settled } = yield* settlement.settle(actor, [{ job: made.job, finding }])
          const [one] = settled
          if (one?.event.type === "deposit.credited") {
            yield* appendAudit(sql, [
              auditOf(job, actor, "recover_deposit", {
                ledger_transaction_id: one.event.ledger_transaction_id
              })
            ])
          }
          return one
        })
      )
    })

  const reject = (
    { job }: Recheckable,
    { because, evidence, reason }: Extract<Judgement, { readonly _tag: "Reject" }>,
    { actor }: RecheckOptions
  ) =>
    Effect.gen(function* () {
      const recorded_at = new Date(yield* Clock.currentTimeMillis).toISOString()
      const made = advance(
        job,
        { type: "reconciliation.rejected", recorded_at, because, reason, evidence },
        actor
      )
      if (made instanceof TransitionRefused) return false
      return (yield* deposits.append([made])).has(job.id)
    })

  /** Does it, and says when it is to be looked at again (null: never), by the state that it has then. */
  const carryOut = Effect.fnUntraced(function* (
    check: Recheckable,
    judgement: Judgement,
    options: RecheckOptions
  ) {
    const { job } = check
    const { actor, tally } = options
    switch (judgement._tag) {
      case "Credit": {
        if (check.recipient._tag === "Refused") return
        const settled = yield* credit(check, judgement, options)
        if (settled?.event.type === "deposit.credited") tally.recovered++
        if (settled !== undefined) yield* logSettled(settled)
        return
      }
      case "Reject": {
        if (!(yield* reject(check, judgement, options))) return
        tally.rejected++
        return yield* Effect.logWarning(`ended without a credit: ${judgement.reason}`)
      }
      case "Finalize": {
        const { block_hash, block_number } = judgement.verdict
        const done = yield* watched.finalize(actor, job, { block_hash, block_number })
        if (done !== undefined) tally.finalized++
        return
      }
      case "Reverse": {
        const { credit: standing } = check
        if (standing === undefined) return
        const done = yield* watched.reverse(actor, job, { ...standing, ...judgement })
        if (done === undefined) return
        tally.reversed++
        return yield* Effect.logError(
          `reversed the credit of ${standing.amount} ${job.state.context.token} to ${job.state.context.to_address}: ${judgement.reason}`
        )
      }
      case "Missing":
        tally.missing++
        return yield* Effect.logWarning(
          "credited, and not in the chain at this look: it is looked at again before it is reversed"
        )
      case "Contradiction":
        tally.failed++
        return yield* Effect.logError(judgement.message)
      case "Leave":
        return
    }
  })

  return (check: Recheckable, options: RecheckOptions): Effect.Effect<Outcome> =>
    Effect.gen(function* () {
      const { job, missingSince } = check
      const { interval, patience, tally } = options
      const soon = Duration.toMillis(interval) / 2
      tally.checked++
      const verdict = yield* Effect.suspend(() => validator.verify(claimOf(job))).pipe(
        Effect.timeout(verifyTimeout)
      )
      const now = yield* Clock.currentTimeMillis
      const judgement = judge(check, verdict, now, patience)
      yield* carryOut(check, judgement, options)
      if (judgement._tag === "Missing") {
        const since = missingSince ?? now
        return {
          id: job.id,
          dueAt: now + Duration.toMillis(patience),
          missingSince: since,
          isConclusive: true
        }
      }
      const age = now - Date.parse(job.state.context.first_seen_at)
      const pause = job.state.sub_state === "watching" ? soon : Math.max(soon, age * backoffShare)
      const isConclusive = verdict._tag !== "NotFound" && verdict._tag !== "NotFinal"
      return { id: job.id, dueAt: now + pause, missingSince: null, isConclusive }
    }).pipe(
      Effect.catchCause((cause) =>
        Effect.gen(function* () {
          options.tally.failed++
          yield* Effect.logWarning("could not be looked at again on chain", cause)
          const now = yield* Clock.currentTimeMillis
          const dueAt = now + Duration.toMillis(options.interval) / 2
          const { job, missingSince } = check
          return { id: job.id, dueAt, missingSince, isConclusive: false }
        })
      ),
      annotateJob(check.job)
    )
})

const judge = (
  { credit, job, missingSince }: Recheckable,
  verdict: Parameters<typeof judgeUnsettled>[0],
  now: number,
  patience: Duration.Duration
): Judgement => {
  const { context, sub_state } = job.state
  if (sub_state !== "watching") {
    return judgeUnsettled(
      verdict,
      { firstSeenAt: Date.parse(context.first_seen_at), isSettled: sub_state === "settled" },
      now
    )
  }
  if (credit === undefined) {
    return { _tag: "Contradiction", message: "it is credited, and its log holds no credit" }
  }
  return judgeWatched(
    verdict,
    {
      transferIndex: credit.on_chain_transfer_index,
      blockNumber: credit.block_number,
      blockHash: credit.block_hash,
      missingSince
    },
    now,
    patience
  )
}

const auditOf = (
  { id, state: { context } }: Job,
  actor: string,
  action: string,
  details: AuditEntry["details"]
): AuditEntry => ({
  action,
  actor,
  job_id: id,
  tenant_id: context.tenant_id,
  ...(details === undefined ? {} : { details })
})
