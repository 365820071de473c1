/**
 * Writes what a worker found about its jobs: one transaction for all of them.
 *
 *     BEGIN
 *       lock the rows that are still at our sequence      ◀─ a late worker's jobs are left out here
 *       credit the confirmed ones in the ledger           ◀─ a transfer credited before is refused here
 *       append one event each, and project it
 *     COMMIT
 *
 * So a credit and the event that records it are durable together or not at all, and a member that
 * was lost to another worker does not fail its batch.
 */
import { Clock, Context, Duration, Effect, Layer } from "effect"
import { SecureRandom } from "effect/crypto"
import type { SqlError } from "effect/sql"
import type { DepositTransition } from "../../machines/deposit-events.ts"
import { Deposits } from "../deposits/deposits.ts"
import { type Advance, advance, type Job, TransitionRefused } from "../deposits/job.ts"
import { nextDelay } from "../deposits/retry-policy.ts"
import { Amount } from "../domain/amount.ts"
import { Address } from "../domain/chain.ts"
import { Environment, TenantId, TokenSymbol } from "../domain/ids.ts"
import { type Credit, Creditor } from "../ledger/creditor.ts"
import type { Finding } from "./finding.ts"

export interface Found {
  readonly job: Job
  readonly finding: Finding
}

export interface Settled {
  readonly job: Job
  readonly event: DepositTransition
}

export interface SettleResult {
  readonly settled: ReadonlyArray<Settled>
  /** Another writer has moved these on: what we found about them counts for nothing. */
  readonly lost: ReadonlyArray<Job>
}

export class Settlement extends Context.Service<
  Settlement,
  {
    /**
     * `found` are different jobs, each as it stands after the newest event of who settles it. `actor` is
     * who the log names, such as `worker:host-1/3`.
     */
    readonly settle: (
      actor: string,
      found: ReadonlyArray<Found>
    ) => Effect.Effect<SettleResult, SqlError.SqlError>
  }
>()("surehook/workers/Settlement") {
  static readonly layer = Layer.effect(
    Settlement,
    Effect.gen(function* () {
      const deposits = yield* Deposits
      const creditor = yield* Creditor
      const random = yield* SecureRandom.SecureRandom

      const settle: Settlement["Service"]["settle"] = (actor, found) =>
        Effect.gen(function* () {
          const now = yield* Clock.currentTimeMillis
          const prepared: Array<Prepared> = []
          for (const { job, finding } of found) {
            const transactionId = finding._tag === "Confirmed" ? yield* random.uuidV7() : ""
            const made = yield* prepare(job, finding, now, actor, transactionId)
            if (made instanceof TransitionRefused) yield* Effect.logError(made.message)
            else prepared.push(made)
          }
          return yield* deposits.transaction(write(prepared, actor))
        })

      const write = Effect.fnUntraced(function* (prepared: ReadonlyArray<Prepared>, actor: string) {
        const ours = yield* deposits.lock(prepared.map(({ job }) => job))
        const held = prepared.filter(({ job }) => ours.has(job.id))
        const credits = held.flatMap(({ credit }) => credit ?? [])
        const outcomes = yield* creditor.credit(credits)
        const creditedBefore = new Map(
          outcomes.flatMap((outcome, index) => {
            const credit = credits[index]
            return outcome._tag === "AlreadyCredited" && credit !== undefined
              ? [[credit.job_id, outcome] as const]
              : []
          })
        )
        const final: Array<{ readonly made: Advance; readonly event: DepositTransition }> = []
        for (const member of held) {
          const before = creditedBefore.get(member.job.id)
          if (before === undefined || member.event.type !== "deposit.credited") {
            final.push(member)
            continue
          }
          const event: DepositTransition = {
            type: "deposit.already_credited",
            recorded_at: member.event.recorded_at,
            ledger_transaction_id: before.ledger_transaction_id,
            credited_by_job_id: before.job_id,
            on_chain_transfer_index: member.event.on_chain_transfer_index,
            evidence: member.event.evidence
          }
          const made = advance(member.job, event, actor)
          if (made instanceof TransitionRefused) return yield* Effect.die(made)
          final.push({ made, event })
        }
        const appended = yield* deposits.append(final.map(({ made }) => made))
        if (appended.size !== final.length) {
          // Their rows are locked by us, so this undoes the transaction, and its credits with it.
          return yield* Effect.die(new Error("locked deposits were moved on by another writer"))
        }
        return {
          settled: final.map(({ made, event }) => ({ job: made.job, event })),
          lost: prepared.flatMap(({ job }) => (ours.has(job.id) ? [] : [job]))
        }
      })

      return Settlement.of({ settle })
    })
  )
}

interface Prepared {
  readonly job: Job
  readonly event: DepositTransition
  readonly made: Advance
  readonly credit: Credit | null
}

/** The event that a finding makes of a job, asked of the machine before anything is written. */
const prepare = Effect.fnUntraced(function* (
  job: Job,
  finding: Finding,
  now: number,
  actor: string,
  transactionId: string
): Effect.fn.Return<Prepared | TransitionRefused> {
  const recorded_at = new Date(now).toISOString()
  const after = (delay: Duration.Duration) => new Date(now + Duration.toMillis(delay)).toISOString()
  const as = (event: DepositTransition, credit: Credit | null = null) => {
    const made = advance(job, event, actor)
    return made instanceof TransitionRefused ? made : { job, event, made, credit }
  }
  switch (finding._tag) {
    case "Confirmed": {
      const { identity, amount, block_number, block_hash, confirmations, finality, evidence } =
        finding.verdict
      const { account_reference } = finding
      const { context } = job.state
      return as(
        {
          type: "deposit.credited",
          recorded_at,
          ledger_transaction_id: transactionId,
          on_chain_transfer_index: identity.transfer_index,
          amount,
          block_number,
          block_hash,
          confirmations,
          finality,
          ...(account_reference === undefined ? {} : { account_reference }),
          evidence
        },
        {
          ledger_transaction_id: transactionId,
          job_id: job.id,
          tenant_id: TenantId.make(context.tenant_id),
          environment: Environment.make(context.environment),
          identity,
          to_address: Address.make(context.to_address),
          token: TokenSymbol.make(context.token),
          amount: Amount.make(amount),
          recorded_at
        }
      )
    }
    case "NotFinal":
      return as({
        type: "confirmation.awaited",
        recorded_at,
        confirmations_seen: finding.verdict.confirmations_seen,
        confirmations_needed: finding.verdict.confirmations_needed,
        look_again_at: after(finding.verdict.look_again_after),
        ...(finding.verdict.reason === undefined ? {} : { reason: finding.verdict.reason }),
        evidence: finding.verdict.evidence
      })
    case "CircuitsOpen":
      return as({
        type: "processing.released",
        recorded_at,
        reason: finding.reason ?? "circuit_open",
        look_again_at: after(finding.retry_after)
      })
    case "Failure": {
      const { error_type, error, evidence } = finding
      const failed = { type: "attempt.failed", recorded_at, error_type, error, evidence } as const
      const asLast = as({ ...failed, next_retry_at: null })
      // The machine takes a failure without a retry time only as the last one.
      if (!(asLast instanceof TransitionRefused)) return asLast
      const delay = yield* nextDelay(job.state.context.attempt_count, finding)
      return as({ ...failed, next_retry_at: after(delay) })
    }
  }
})
