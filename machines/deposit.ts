/**
 * The deposit machine: the only judge of what may happen to a deposit.
 *
 *     (received) ─▶ pending ─▶ processing ─▶ completed.watching ─▶ completed.final
 *                     ▲  ▲       │  │  │          │
 *                     │  └───────┘  │  └─▶ dlq ◀──┼── permanent, attempts exhausted, poison pill
 *                     │             ▼             ▼ reorg
 *                     └── failed.scheduled     failed.settled ──▶ pending (operator, provider)
 *
 * The reconciler takes what the chain confirms after all to processing, from wherever it got stuck.
 *
 * It is pure: no clocks, no randomness, no effects. A job's state is the fold of its events
 * through this machine, and its row in `funding_event_jobs` is that state's projection: the
 * context's fields have the names of the row's columns.
 */
import { and, assertEvent, assign, setup } from "xstate"
import type {
  DepositReceived,
  DepositTransition,
  ProviderReport,
  SettledBecause
} from "./deposit-events.ts"

/** Bumped when the meaning of an event or state changes; stored with each event. */
export const depositMachineVersion = 3

/** A deposit that loses so many workers in a row is a poison pill: it kills no further one. */
export const maxLostWorkers = 3

export interface DepositContext {
  readonly tenant_id: string
  readonly environment: string
  readonly source: string
  readonly chain: string
  readonly tx_hash: string
  readonly token: string
  readonly amount: string
  readonly to_address: string
  readonly transfer_index: number | null
  readonly priority: number
  readonly max_attempts: number
  /** Workers lost in a row while they held it. */
  readonly lost_worker_count: number
  /** Attempts begun and not given back; a wait for confirmations costs none. */
  readonly attempt_count: number
  readonly last_error: string | null
  readonly error_type: string | null
  /** Why the job is in dlq or failed.settled. */
  readonly failure_reason: string | null
  /** What ended it in failed.settled. */
  readonly settled_because: SettledBecause | null
  readonly first_seen_at: string
  readonly last_attempt_at: string | null
  /** When to look next; null means now, if the job can be taken at all. */
  readonly next_retry_at: string | null
  readonly completed_at: string | null
  readonly moved_to_dlq_at: string | null
  readonly lease_until: string | null
  readonly leased_by: string | null
  /** The newest that a provider said of the transfer. A hint: only the chain decides. */
  readonly provider_report: ProviderReport
  /** The credit that stands; none after it was reversed. */
  readonly ledger_transaction_id: string | null
}

const isGone = (report: ProviderReport | null): boolean =>
  report === "removed" || report === "dropped"

/** An end that somebody may come back from. */
const notSettled = { failure_reason: null, settled_because: null, moved_to_dlq_at: null } as const

/** Before version 3 nobody counted: see `src/deposits/recorded-event.ts`. */
const countsWorker = (event: DepositTransition): boolean =>
  !("is_counted" in event) || event.is_counted !== false

const noLease = { lease_until: null, leased_by: null } as const

export const depositMachine = setup({
  types: {
    context: {} as DepositContext,
    events: {} as DepositTransition,
    input: {} as DepositReceived
  },
  guards: {
    isNextAttempt: ({ context, event }) =>
      "attempt" in event && event.attempt === context.attempt_count + 1,
    isPermanent: ({ event }) => "error_type" in event && event.error_type === "permanent",
    attemptsExhausted: ({ context }) => context.attempt_count >= context.max_attempts,
    isPoisonPill: ({ context, event }) =>
      countsWorker(event) && context.lost_worker_count + 1 >= maxLostWorkers,
    hasRetryTime: ({ event }) => "next_retry_at" in event && event.next_retry_at !== null,
    /** The worker that the event names is the one that has the job. */
    holdsLease: ({ context, event }) => "worker" in event && event.worker === context.leased_by,
    leaseIsOver: ({ context, event }) =>
      context.lease_until !== null && event.recorded_at >= context.lease_until,
    /** A first word that comes late is none, unless the transfer was said to be gone: then it is back. */
    isNews: ({ context: { provider_report }, event }) =>
      "report" in event &&
      event.report !== provider_report &&
      (event.report !== "seen" || isGone(provider_report)),
    /** The provider sees what we could not find or ask for: it is worth looking again. */
    isWorthAnotherLook: ({ context, event }) =>
      "report" in event && !isGone(event.report) && context.error_type !== "permanent",
    /** The provider sees what the chain did not show, or took away; an operator's word stands. */
    isSeenAfterAll: ({ context, event }) =>
      "report" in event && !isGone(event.report) && context.settled_because !== "discarded",
    /** The very credit that completed it. */
    restsOnIt: ({ context, event }) =>
      "credited_by_job_id" in event &&
      event.ledger_transaction_id === context.ledger_transaction_id,
    isFinal: ({ event }) => "finality" in event && event.finality === "final"
  },
  actions: {
    beginAttempt: assign(({ event }) => {
      assertEvent(event, ["processing.started", "reconciliation.confirmed"])
      return {
        attempt_count: event.attempt,
        last_attempt_at: event.recorded_at,
        leased_by: event.worker,
        lease_until: event.lease_until,
        next_retry_at: null,
        ...notSettled
      }
    }),
    extendLease: assign(({ event }) => {
      assertEvent(event, "lease.extended")
      return { lease_until: event.lease_until }
    }),
    giveAttemptBack: assign(({ context, event }) => {
      assertEvent(event, ["confirmation.awaited", "processing.released"])
      return {
        ...noLease,
        lost_worker_count: 0,
        attempt_count: context.attempt_count - 1,
        next_retry_at: event.look_again_at
      }
    }),
    recordLostLease: assign(({ context, event }) => ({
      ...noLease,
      lost_worker_count: context.lost_worker_count + (countsWorker(event) ? 1 : 0),
      error_type: "unknown",
      last_error: "the worker was lost while it held the lease"
    })),
    recordPoisonPill: assign(({ context }) => ({
      ...noLease,
      lost_worker_count: context.lost_worker_count + 1,
      error_type: "unknown",
      last_error: `poison pill: ${maxLostWorkers} workers in a row were lost while they held it`
    })),
    recordFailure: assign(({ event }) => {
      assertEvent(event, "attempt.failed")
      return {
        ...noLease,
        lost_worker_count: 0,
        error_type: event.error_type,
        last_error: event.error,
        next_retry_at: event.next_retry_at
      }
    }),
    moveToDlq: assign(({ context, event }) => ({
      next_retry_at: null,
      moved_to_dlq_at: event.recorded_at,
      failure_reason: context.last_error
    })),
    complete: assign(({ event }) => {
      assertEvent(event, ["deposit.credited", "deposit.already_credited"])
      return {
        ...noLease,
        lost_worker_count: 0,
        completed_at: event.recorded_at,
        next_retry_at: null,
        last_error: null,
        error_type: null,
        ledger_transaction_id: event.ledger_transaction_id
      }
    }),
    settleReversed: assign(({ event }) => {
      assertEvent(event, ["deposit.reversed", "credit.reversed"])
      return {
        completed_at: null,
        failure_reason: event.reason,
        settled_because: "reversed",
        ledger_transaction_id: null
      }
    }),
    settleRejected: assign(({ event }) => {
      assertEvent(event, "reconciliation.rejected")
      return {
        next_retry_at: null,
        moved_to_dlq_at: null,
        failure_reason: event.reason,
        settled_because: event.because
      }
    }),
    settleDiscarded: assign(({ event }) => {
      assertEvent(event, "dlq.discarded")
      return {
        moved_to_dlq_at: null,
        failure_reason: event.reason,
        settled_because: "discarded"
      }
    }),
    recordReport: assign(({ event }) => {
      assertEvent(event, "provider.reported")
      return { provider_report: event.report }
    }),
    /** What the provider sees is looked at now, and what it says is gone when it is due. */
    hasten: assign(({ context, event }) => {
      assertEvent(event, "provider.reported")
      return { next_retry_at: isGone(event.report) ? context.next_retry_at : null }
    }),
    resetAttempts: assign({
      ...notSettled,
      attempt_count: 0,
      lost_worker_count: 0,
      next_retry_at: null
    })
  }
}).createMachine({
  id: "deposit",
  initial: "pending",
  context: ({ input }) => ({
    tenant_id: input.tenant_id,
    environment: input.environment,
    source: input.source,
    chain: input.chain,
    tx_hash: input.tx_hash,
    token: input.token,
    amount: input.amount,
    to_address: input.to_address,
    transfer_index: input.transfer_index,
    priority: input.priority,
    max_attempts: input.max_attempts,
    lost_worker_count: 0,
    attempt_count: 0,
    last_error: null,
    error_type: null,
    failure_reason: null,
    settled_because: null,
    first_seen_at: input.recorded_at,
    last_attempt_at: null,
    next_retry_at: null,
    completed_at: null,
    moved_to_dlq_at: null,
    lease_until: null,
    leased_by: null,
    provider_report: input.report ?? "seen",
    ledger_transaction_id: null
  }),
  on: {
    // A worker may have the job now: what a provider says on the side takes nothing from it.
    "provider.reported": { guard: "isNews", actions: "recordReport" }
  },
  states: {
    pending: {
      on: {
        "provider.reported": { guard: "isNews", actions: ["recordReport", "hasten"] },
        "processing.started": {
          target: "processing",
          guard: "isNextAttempt",
          actions: "beginAttempt"
        },
        "reconciliation.confirmed": {
          target: "processing",
          guard: "isNextAttempt",
          actions: "beginAttempt"
        },
        "reconciliation.rejected": { target: "failed.settled", actions: "settleRejected" }
      }
    },
    processing: {
      on: {
        "lease.extended": { guard: "holdsLease", actions: "extendLease" },
        "confirmation.awaited": { target: "pending", actions: "giveAttemptBack" },
        "processing.released": { target: "pending", actions: "giveAttemptBack" },
        "lease.expired": [
          {
            target: "dlq",
            guard: and(["holdsLease", "leaseIsOver", "isPoisonPill"]),
            actions: ["recordPoisonPill", "moveToDlq"]
          },
          {
            target: "dlq",
            guard: and(["holdsLease", "leaseIsOver", "attemptsExhausted"]),
            actions: ["recordLostLease", "moveToDlq"]
          },
          {
            target: "pending",
            guard: and(["holdsLease", "leaseIsOver"]),
            actions: "recordLostLease"
          }
        ],
        "attempt.failed": [
          { target: "dlq", guard: "isPermanent", actions: ["recordFailure", "moveToDlq"] },
          { target: "dlq", guard: "attemptsExhausted", actions: ["recordFailure", "moveToDlq"] },
          { target: "failed.scheduled", guard: "hasRetryTime", actions: "recordFailure" }
        ],
        "deposit.credited": [
          { target: "completed.final", guard: "isFinal", actions: "complete" },
          { target: "completed.watching", actions: "complete" }
        ],
        "deposit.already_credited": { target: "completed.final", actions: "complete" },
        "reconciliation.confirmed": {
          target: "processing",
          guard: and(["leaseIsOver", "isNextAttempt"]),
          actions: "beginAttempt"
        }
      }
    },
    failed: {
      initial: "scheduled",
      on: {
        "reconciliation.confirmed": {
          target: "processing",
          guard: "isNextAttempt",
          actions: "beginAttempt"
        }
      },
      states: {
        scheduled: {
          on: {
            "provider.reported": { guard: "isNews", actions: ["recordReport", "hasten"] },
            "processing.started": {
              target: "#deposit.processing",
              guard: "isNextAttempt",
              actions: "beginAttempt"
            },
            "reconciliation.rejected": { target: "settled", actions: "settleRejected" }
          }
        },
        settled: {
          on: {
            "dlq.replayed": { target: "#deposit.pending", actions: "resetAttempts" },
            "provider.reported": [
              {
                target: "#deposit.pending",
                guard: and(["isNews", "isSeenAfterAll"]),
                actions: ["recordReport", "resetAttempts"]
              },
              { guard: "isNews", actions: "recordReport" }
            ]
          }
        }
      }
    },
    dlq: {
      on: {
        "dlq.replayed": { target: "pending", actions: "resetAttempts" },
        "dlq.discarded": { target: "failed.settled", actions: "settleDiscarded" },
        // Bad luck dead-letters too: what the chain says in the end counts.
        "reconciliation.confirmed": {
          target: "processing",
          guard: "isNextAttempt",
          actions: "beginAttempt"
        },
        "reconciliation.rejected": { target: "failed.settled", actions: "settleRejected" },
        "provider.reported": [
          {
            target: "pending",
            guard: and(["isNews", "isWorthAnotherLook"]),
            actions: ["recordReport", "resetAttempts"]
          },
          { guard: "isNews", actions: "recordReport" }
        ]
      }
    },
    completed: {
      initial: "watching",
      states: {
        watching: {
          on: {
            "deposit.finalized": { target: "final" },
            "deposit.reversed": { target: "#deposit.failed.settled", actions: "settleReversed" }
          }
        },
        final: {
          on: {
            "credit.reversed": {
              target: "#deposit.failed.settled",
              guard: "restsOnIt",
              actions: "settleReversed"
            }
          }
        }
      }
    }
  }
})
