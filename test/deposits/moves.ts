/** Random events for a job in any state: most of them legal there, the others not. */
import { Schema } from "effect"
import { type DepositTransition, ErrorType } from "../../machines/deposit-events.ts"
import { type DepositState, stateName } from "../../src/deposits/deposit-state.ts"
import { Members, Text } from "../event-log/json-values.ts"
import * as a from "../machines/deposit-samples.ts"

/** The raw material of one event. */
export const Move = Schema.Struct({
  pick: Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 999 }))),
  /** Whether the event is made to fit the state. */
  fits: Schema.Literals([true, true, true, false]),
  elapsedMillis: Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 200_000 }))),
  waitMillis: Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 }))),
  error_type: ErrorType,
  finality: Schema.Literals(["watching", "watching", "final"]),
  text: Text,
  evidence: Members
})
export type Move = typeof Move.Type

type Type = DepositTransition["type"]

const fitting: Record<string, ReadonlyArray<Type>> = {
  pending: [
    "processing.started",
    "processing.started",
    "processing.started",
    "reconciliation.confirmed",
    "reconciliation.rejected"
  ],
  processing: [
    "lease.extended",
    "confirmation.awaited",
    "processing.released",
    "lease.expired",
    "attempt.failed",
    "attempt.failed",
    "deposit.credited",
    "deposit.already_credited",
    "reconciliation.confirmed",
    "provider.reported"
  ],
  "failed.scheduled": ["processing.started", "reconciliation.confirmed", "reconciliation.rejected"],
  "failed.settled": ["dlq.replayed", "reconciliation.confirmed", "provider.reported"],
  dlq: [
    "dlq.replayed",
    "dlq.discarded",
    "provider.reported",
    "reconciliation.confirmed",
    "reconciliation.rejected"
  ],
  "completed.watching": ["deposit.finalized", "deposit.reversed", "provider.reported"],
  "completed.final": ["provider.reported", "credit.reversed"]
}

const allTypes = [...new Set(Object.values(fitting).flat())]

/** The event that a move makes of this state, at `now` milliseconds. */
export const eventOf = (move: Move, state: DepositState, now: number): DepositTransition => {
  const { context } = state
  const legal = fitting[stateName(state)] ?? []
  const types = move.fits && legal.length > 0 ? legal : allTypes
  const type = types[move.pick % types.length] ?? "dlq.replayed"
  const at = (millis: number) => a.at(millis / 60_000)
  const later = at(now + move.waitMillis)
  const recorded_at = at(now)
  const attempt = context.attempt_count + (move.fits ? 1 : move.pick % 3)
  const worker = move.fits ? (context.leased_by ?? "w1") : "w9"
  const { text, evidence } = move
  switch (type) {
    case "provider.reported":
      return a.reported({
        recorded_at,
        report: context.provider_report === "confirmed" ? "removed" : "confirmed"
      })
    case "processing.started":
      return a.started({ recorded_at, attempt, worker: "w1", lease_until: later })
    case "lease.extended":
      return a.extended({ recorded_at, worker, lease_until: later })
    case "confirmation.awaited":
      return a.awaited({ recorded_at, look_again_at: later, evidence })
    case "processing.released":
      return a.released({ recorded_at, look_again_at: move.fits ? null : later })
    case "lease.expired": {
      // At its end, or a while after it.
      const over = context.lease_until ?? recorded_at
      return a.expired({ recorded_at: move.pick % 2 === 0 ? over : later, worker })
    }
    case "attempt.failed":
      return a.failed({
        recorded_at,
        error_type: move.error_type,
        error: text,
        next_retry_at: move.fits ? later : null,
        evidence
      })
    case "deposit.credited":
      return a.credited({ recorded_at, finality: move.finality, evidence })
    case "deposit.already_credited":
      return a.alreadyCredited({ recorded_at, evidence })
    case "deposit.finalized":
      return a.finalized({ recorded_at })
    case "deposit.reversed":
      return a.reversed({ recorded_at, reason: text, evidence })
    case "credit.reversed":
      return a.creditReversed({
        recorded_at,
        ledger_transaction_id: context.ledger_transaction_id ?? "none",
        reason: text
      })
    case "reconciliation.confirmed":
      return a.confirmed({ recorded_at, attempt, lease_until: later, evidence })
    case "reconciliation.rejected":
      return a.rejected({ recorded_at, reason: text, evidence })
    case "dlq.replayed":
      return a.replayed({ recorded_at, operator: text, reason: text })
    case "dlq.discarded":
      return a.discarded({ recorded_at, operator: text, reason: text })
  }
}
