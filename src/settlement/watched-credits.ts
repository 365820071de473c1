/**
 * What becomes of a credit that was made before its transfer was final: it is finalized, or reversed.
 *
 *     BEGIN
 *       lock the rows that are still at our sequence
 *       book the opposite of each credit
 *       append deposit.reversed, and project it
 *     COMMIT
 *
 * As with a credit, the ledger's transaction and the event are durable together or not at all.
 */
import { Clock, Context, Effect, Layer } from "effect"
import { SecureRandom } from "effect/crypto"
import type { SqlError } from "effect/sql"
import type { Evidence } from "../chains/validator.ts"
import { Deposits } from "../deposits/deposits.ts"
import { advance, type Job, TransitionRefused } from "../deposits/job.ts"
import { Creditor } from "../ledger/creditor.ts"

export interface FinalBlock {
  readonly block_number: number
  readonly block_hash: string
}

export interface LostCredit {
  /** The ledger transaction that credited it. */
  readonly ledger_transaction_id: string
  /** Canonical, in whole tokens. */
  readonly amount: string
  /** One sentence for a person. */
  readonly reason: string
  readonly evidence: Evidence
}

/** Each gives the job as it is then, or undefined if another writer was faster. */
export class WatchedCredits extends Context.Service<
  WatchedCredits,
  {
    readonly finalize: (
      actor: string,
      job: Job,
      block: FinalBlock
    ) => Effect.Effect<Job | undefined, SqlError.SqlError>
    readonly reverse: (
      actor: string,
      job: Job,
      credit: LostCredit
    ) => Effect.Effect<Job | undefined, SqlError.SqlError>
  }
>()("surehook/settlement/WatchedCredits") {
  static readonly layer = Layer.effect(
    WatchedCredits,
    Effect.gen(function* () {
      const deposits = yield* Deposits
      const creditor = yield* Creditor
      const random = yield* SecureRandom.SecureRandom
      const now = Effect.map(Clock.currentTimeMillis, (millis) => new Date(millis).toISOString())

      const finalize: WatchedCredits["Service"]["finalize"] = Effect.fnUntraced(function* (
        actor,
        job,
        { block_hash, block_number }
      ) {
        const recorded_at = yield* now
        const event = {
          type: "deposit.finalized",
          recorded_at,
          block_number,
          block_hash
        } as const
        const made = advance(job, event, actor)
        if (made instanceof TransitionRefused) return undefined
        const appended = yield* deposits.append([made])
        return appended.has(job.id) ? made.job : undefined
      })

      const reverse: WatchedCredits["Service"]["reverse"] = Effect.fnUntraced(function* (
        actor,
        job,
        { amount, evidence, ledger_transaction_id, reason }
      ) {
        const recorded_at = yield* now
        const reversing_ledger_transaction_id = yield* random.uuidV7()
        const event = {
          type: "deposit.reversed",
          recorded_at,
          reversing_ledger_transaction_id,
          reversed_ledger_transaction_id: ledger_transaction_id,
          amount,
          reason,
          evidence
        } as const
        const made = advance(job, event, actor)
        if (made instanceof TransitionRefused) return undefined
        return yield* deposits.transaction(
          Effect.gen(function* () {
            const ours = yield* deposits.lock([job])
            if (!ours.has(job.id)) return undefined
            const reversed = yield* creditor.reverse([
              {
                ledger_transaction_id: reversing_ledger_transaction_id,
                reverses_id: ledger_transaction_id,
                recorded_at
              }
            ])
            const appended = yield* deposits.append([made])
            if (reversed.size !== 1 || appended.size !== 1) {
              // Dies, so that neither is there without the other.
              return yield* Effect.die(
                new Error(`the credit of deposit ${job.id} was reversed before`)
              )
            }
            return made.job
          })
        )
      })

      return WatchedCredits.of({ finalize, reverse })
    })
  )
}
