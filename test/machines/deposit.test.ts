/** The deposit machine: what may happen to a deposit, what may not, and what it remembers. */
import { assert, describe, it } from "@effect/vitest"
import { getShortestPaths, getStateNodes } from "xstate/graph"
import { depositMachine } from "../../machines/deposit.ts"
import type { DepositEvent, DepositTransition } from "../../machines/deposit-events.ts"
import {
  begin,
  type DepositState,
  fold,
  stateName,
  step
} from "../../src/deposits/deposit-state.ts"
import * as a from "./deposit-samples.ts"

type Snapshot = ReturnType<typeof depositMachine.resolveState>

const leaf = ({ value }: Snapshot): string =>
  typeof value === "string" ? value : Object.entries(value).flat().join(".")

/** Every event that can matter to a state, in the variants that its guards tell apart. */
const variants = ({ context }: Pick<Snapshot, "context">): ReadonlyArray<DepositTransition> => {
  const attempt = context.attempt_count + 1
  // A lost lease may be taken over without end; the search does not follow it.
  const next = attempt > context.max_attempts + 1 ? [] : [a.started({ attempt })]
  const overtaken = next.flatMap(() => [
    a.confirmed({ attempt }),
    a.confirmed({ attempt, recorded_at: context.lease_until ?? a.at(1) })
  ])
  const worker = context.leased_by ?? "w1"
  return [
    ...next,
    ...overtaken,
    a.extended({ worker }),
    // One way only, or the search would go round in circles.
    ...(context.provider_report === "seen" ? [a.reported()] : []),
    a.awaited(),
    a.released(),
    a.expired({ worker, recorded_at: context.lease_until ?? a.at(1) }),
    a.failed(),
    a.failed({ error_type: "permanent" }),
    a.credited(),
    a.credited({ finality: "final" }),
    a.alreadyCredited(),
    a.finalized(),
    a.reversed(),
    a.creditReversed(),
    a.rejected(),
    a.replayed(),
    a.discarded()
  ]
}

/** A shortest way to each state by each edge that leads into it, found by XState's own graph. */
const paths = getShortestPaths(depositMachine, {
  input: a.received(),
  events: variants,
  filterEvents: (snapshot, event) => snapshot.can(event),
  limit: 50_000,
  // XState's own would find one way to each state, and leave out the other edges into it.
  serializeState: ({ value, context }, event, before) =>
    JSON.stringify([value, context, event?.type, before?.value])
})

describe("the paths through the deposit machine", () => {
  const nodes = getStateNodes(depositMachine)
  const leaves = nodes.filter((node) => node.type === "atomic")

  it("reach every state", () => {
    const reached = new Set(paths.map((path) => leaf(path.state)))
    assert.deepStrictEqual([...reached].sort(), leaves.map((node) => node.path.join(".")).sort())
  })

  it("take every edge", () => {
    const edges = [depositMachine.root, ...nodes].flatMap((node) => [...node.transitions.values()])
    const untaken = new Set(edges.flat())
    for (const { steps } of paths) {
      for (const [index, { event, state }] of steps.entries()) {
        // The first step is how the machine began.
        const before = steps[index - 1]?.state
        if (before === undefined) continue
        for (const edge of depositMachine.getTransitionData(before, event) ?? []) {
          untaken.delete(edge)
        }
        assert.notStrictEqual(state, before)
      }
    }
    assert.isAbove(edges.length, 10)
    assert.deepStrictEqual(
      [...untaken].map((edge) => edge.toJSON()),
      []
    )
  })

  it("give the same states when each is stored as plain JSON between two events", () => {
    for (const { steps } of paths) {
      let state = begin(a.received())
      for (const { event, state: expected } of steps.slice(1)) {
        const next = step(JSON.parse(JSON.stringify(state)), event)
        assert.isDefined(next)
        state = next
        assert.strictEqual(stateName(state), leaf(expected))
        assert.deepStrictEqual(state.context, expected.context)
      }
    }
  })
})

/** The state after these events, all of which the machine must accept. */
const stateAfter = (...events: ReadonlyArray<DepositTransition>): DepositState =>
  stateOf(a.received(), ...events)

const stateOf = (...events: ReadonlyArray<DepositEvent>): DepositState => {
  const result = fold(events)
  if ("refusedAt" in result) throw new Error(`event ${result.refusedAt} is refused`)
  return result.state
}

const permanent = a.failed({ error_type: "permanent", next_retry_at: null })
const lastAttempt = [a.started(), a.failed(), a.started({ attempt: 2 })] as const

const states = {
  pending: stateAfter(),
  processing: stateAfter(a.started()),
  "processing (last attempt)": stateAfter(...lastAttempt),
  "processing (two workers lost)": stateOf(
    a.received({ max_attempts: 9 }),
    a.started(),
    a.expired(),
    a.started({ attempt: 2 }),
    a.expired(),
    a.started({ attempt: 3 })
  ),
  "failed.scheduled": stateAfter(a.started(), a.failed()),
  "failed.settled": stateAfter(a.rejected()),
  dlq: stateAfter(a.started(), permanent),
  "dlq (attempts exhausted)": stateAfter(...lastAttempt, a.failed({ next_retry_at: null })),
  "completed.watching": stateAfter(a.started(), a.credited()),
  "completed.final": stateAfter(a.started(), a.credited({ finality: "final" })),
  "completed.final (by another job)": stateAfter(a.started(), a.alreadyCredited())
} as const

const asTheyAre = Object.fromEntries(
  Object.entries(states).map(([name, state]) => [name, stateName(state)])
)

/** Where each event leads from the states in which it is legal; it is refused in all others. */
const table: ReadonlyArray<
  readonly [
    event: string,
    make: (state: DepositState) => DepositTransition,
    leads: Partial<Record<keyof typeof states, string>>
  ]
> = [
  [
    "processing.started",
    ({ context }) => a.started({ attempt: context.attempt_count + 1 }),
    { pending: "processing", "failed.scheduled": "processing" }
  ],
  [
    "processing.started of an attempt that is not the next",
    ({ context }) => a.started({ attempt: context.attempt_count + 2 }),
    {}
  ],
  [
    "processing.started of the same attempt again",
    ({ context }) => a.started({ attempt: context.attempt_count }),
    {}
  ],
  [
    "lease.extended",
    () => a.extended(),
    {
      processing: "processing",
      "processing (last attempt)": "processing",
      "processing (two workers lost)": "processing"
    }
  ],
  ["lease.extended by a worker that does not hold it", () => a.extended({ worker: "w2" }), {}],
  [
    "confirmation.awaited",
    () => a.awaited(),
    {
      processing: "pending",
      "processing (last attempt)": "pending",
      "processing (two workers lost)": "pending"
    }
  ],
  [
    "processing.released",
    () => a.released(),
    {
      processing: "pending",
      "processing (last attempt)": "pending",
      "processing (two workers lost)": "pending"
    }
  ],
  [
    "lease.expired",
    () => a.expired(),
    {
      processing: "pending",
      "processing (last attempt)": "dlq",
      "processing (two workers lost)": "dlq"
    }
  ],
  ["lease.expired before its time", () => a.expired({ recorded_at: a.at(1) }), {}],
  ["lease.expired of another worker", () => a.expired({ worker: "w2" }), {}],
  [
    "attempt.failed",
    () => a.failed(),
    {
      processing: "failed.scheduled",
      "processing (last attempt)": "dlq",
      "processing (two workers lost)": "failed.scheduled"
    }
  ],
  [
    "attempt.failed for good",
    () => permanent,
    {
      processing: "dlq",
      "processing (last attempt)": "dlq",
      "processing (two workers lost)": "dlq"
    }
  ],
  [
    "attempt.failed without a time to try again",
    () => a.failed({ next_retry_at: null }),
    { "processing (last attempt)": "dlq" }
  ],
  [
    "deposit.credited, not yet final",
    () => a.credited(),
    {
      processing: "completed.watching",
      "processing (last attempt)": "completed.watching",
      "processing (two workers lost)": "completed.watching"
    }
  ],
  [
    "deposit.credited, final",
    () => a.credited({ finality: "final" }),
    {
      processing: "completed.final",
      "processing (last attempt)": "completed.final",
      "processing (two workers lost)": "completed.final"
    }
  ],
  [
    "deposit.already_credited",
    () => a.alreadyCredited(),
    {
      processing: "completed.final",
      "processing (last attempt)": "completed.final",
      "processing (two workers lost)": "completed.final"
    }
  ],
  ["deposit.finalized", () => a.finalized(), { "completed.watching": "completed.final" }],
  ["deposit.reversed", () => a.reversed(), { "completed.watching": "failed.settled" }],
  [
    "credit.reversed",
    () => a.creditReversed(),
    { "completed.final (by another job)": "failed.settled" }
  ],
  [
    "reconciliation.confirmed",
    ({ context }) => a.confirmed({ attempt: context.attempt_count + 1 }),
    {
      pending: "processing",
      "failed.scheduled": "processing",
      "failed.settled": "processing",
      dlq: "processing",
      "dlq (attempts exhausted)": "processing",
      processing: "processing",
      "processing (last attempt)": "processing",
      "processing (two workers lost)": "processing"
    }
  ],
  [
    "reconciliation.confirmed while the lease holds",
    ({ context }) => a.confirmed({ attempt: context.attempt_count + 1, recorded_at: a.at(1) }),
    {
      pending: "processing",
      "failed.scheduled": "processing",
      "failed.settled": "processing",
      dlq: "processing",
      "dlq (attempts exhausted)": "processing"
    }
  ],
  [
    "reconciliation.confirmed of an attempt that is not the next",
    ({ context }) => a.confirmed({ attempt: context.attempt_count }),
    {}
  ],
  [
    "reconciliation.rejected",
    () => a.rejected(),
    {
      pending: "failed.settled",
      "failed.scheduled": "failed.settled",
      dlq: "failed.settled",
      "dlq (attempts exhausted)": "failed.settled"
    }
  ],
  [
    "dlq.discarded",
    () => a.discarded(),
    { dlq: "failed.settled", "dlq (attempts exhausted)": "failed.settled" }
  ],
  [
    "dlq.replayed",
    () => a.replayed(),
    { dlq: "pending", "dlq (attempts exhausted)": "pending", "failed.settled": "pending" }
  ],
  [
    "provider.reported, that it is confirmed",
    () => a.reported(),
    { ...asTheyAre, "dlq (attempts exhausted)": "pending", "failed.settled": "pending" }
  ],
  ["provider.reported, that it is removed", () => a.reported({ report: "removed" }), asTheyAre],
  ["provider.reported, and no news", () => a.reported({ report: "seen" }), {}]
]

describe("the table of the deposit's events", () => {
  it.each(table)("%s", (_, make, leads) => {
    for (const [name, state] of Object.entries(states)) {
      const next = step(state, make(state))
      assert.strictEqual(
        next && stateName(next),
        Object.entries(leads).find(([n]) => n === name)?.[1],
        `from ${name}`
      )
    }
  })

  it("names every event of the machine", () => {
    const handled = getStateNodes(depositMachine).flatMap((node) => node.ownEvents)
    const named = new Set(table.map(([event]) => event.split(/[ ,]/)[0]))
    assert.deepStrictEqual([...named].sort(), [...new Set(handled)].sort())
  })

  it("lets a log begin only with deposit.received, and holds it only there", () => {
    assert.deepStrictEqual(fold([]), { refusedAt: 0 })
    assert.deepStrictEqual(fold([a.started()]), { refusedAt: 0 })
    assert.deepStrictEqual(fold([a.received(), a.started(), a.received()]), { refusedAt: 2 })
  })
})

describe("the deposit machine", () => {
  it("begins with what the webhook claimed, and nothing else", () => {
    const event = a.received({ transfer_index: 3, priority: 7 })
    const { status, sub_state, context } = begin(event)
    const { type: _, recorded_at, payload_digest: __, ...claim } = event
    assert.deepStrictEqual([status, sub_state], ["pending", null])
    const begun = {
      first_seen_at: recorded_at,
      attempt_count: 0,
      lost_worker_count: 0,
      provider_report: "seen"
    } as const
    assert.include(context, { ...claim, ...begun })
    for (const [name, value] of Object.entries(context)) {
      if (!(name in claim || name in begun)) {
        assert.isNull(value, name)
      }
    }
  })

  it("looks now at what the provider has confirmed, and at nothing else before its time", () => {
    const waiting = [a.started(), a.awaited({ look_again_at: a.at(9) })]
    const failing = [a.started(), a.failed({ next_retry_at: a.at(9) })]
    for (const events of [waiting, failing]) {
      assert.include(stateAfter(...events, a.reported()).context, {
        next_retry_at: null,
        provider_report: "confirmed"
      })
      for (const report of ["removed", "dropped"] as const) {
        assert.include(stateAfter(...events, a.reported({ report })).context, {
          next_retry_at: a.at(9),
          provider_report: report
        })
      }
    }
  })

  it("takes a first word that comes late for none, and for news after the transfer was gone", () => {
    const gone = [a.reported({ report: "removed" })]
    assert.include(stateAfter(...gone, a.reported({ report: "seen" })).context, {
      provider_report: "seen"
    })
    assert.isUndefined(step(stateAfter(a.reported()), a.reported({ report: "seen" })))
    const exhausted = [...lastAttempt, a.failed({ next_retry_at: null })]
    const back = stateAfter(...exhausted, ...gone, a.reported({ report: "seen" }))
    assert.strictEqual(stateName(back), "pending")
  })

  it("takes nothing from a worker when a provider reports", () => {
    const before = stateAfter(a.started()).context
    assert.deepStrictEqual(stateAfter(a.started(), a.reported({ report: "removed" })).context, {
      ...before,
      provider_report: "removed"
    })
  })

  it("tries again what is confirmed after its attempts ran out, and not what the chain refused", () => {
    const exhausted = [...lastAttempt, a.failed({ next_retry_at: null })]
    assert.include(stateAfter(...exhausted, a.reported()).context, {
      attempt_count: 0,
      failure_reason: null,
      moved_to_dlq_at: null
    })
    assert.strictEqual(stateName(stateAfter(a.started(), permanent, a.reported())), "dlq")
  })

  it("leases the job with the attempt", () => {
    assert.include(stateAfter(a.started({ worker: "w7" })).context, {
      attempt_count: 1,
      last_attempt_at: a.at(1),
      leased_by: "w7",
      lease_until: a.at(a.leaseEnd)
    })
    assert.include(stateAfter(a.started(), a.extended({ lease_until: a.at(9) })).context, {
      leased_by: "w1",
      lease_until: a.at(9)
    })
  })

  it("ends the lease with the attempt, however it ends", () => {
    for (const end of [a.awaited(), a.released(), a.expired(), a.failed(), permanent]) {
      const { context } = stateAfter(a.started(), end)
      assert.include(context, { leased_by: null, lease_until: null }, end.type)
    }
    for (const end of [a.credited(), a.alreadyCredited()]) {
      assert.include(stateAfter(a.started(), end).context, { leased_by: null, lease_until: null })
    }
  })

  it("counts no attempt for waiting, and none for a job that was given back", () => {
    const waits = Array.from({ length: 20 }, () => [
      a.started(),
      a.awaited(),
      a.started(),
      a.released()
    ])
    assert.include(stateAfter(...waits.flat()).context, { attempt_count: 0, next_retry_at: null })
    assert.include(stateAfter(a.started(), a.awaited({ look_again_at: a.at(5) })).context, {
      next_retry_at: a.at(5)
    })
  })

  it("counts the attempt of a lost worker, so that a deposit that kills workers ends in the dlq", () => {
    const lost = stateAfter(a.started(), a.expired())
    assert.include(lost.context, { attempt_count: 1, error_type: "unknown", next_retry_at: null })
    const twice = stateAfter(a.started(), a.expired(), a.started({ attempt: 2 }), a.expired())
    assert.strictEqual(stateName(twice), "dlq")
    assert.include(twice.context, {
      moved_to_dlq_at: a.at(a.leaseEnd),
      failure_reason: "the worker was lost while it held the lease"
    })
  })

  it("dead-letters a deposit that lost three workers in a row as a poison pill, whatever attempts are left", () => {
    const lost = [1, 2].flatMap((attempt) => [a.started({ attempt }), a.expired()])
    const received = a.received({ max_attempts: 9 })
    const pill = stateOf(received, ...lost, a.started({ attempt: 3 }), a.expired())
    assert.strictEqual(stateName(pill), "dlq")
    assert.match(pill.context.failure_reason ?? "", /^poison pill: 3 workers/)

    for (const survived of [a.released(), a.awaited(), a.failed()]) {
      const attempt = survived.type === "attempt.failed" ? 4 : 3
      const spared = [a.started({ attempt: 3 }), survived, a.started({ attempt }), a.expired()]
      assert.strictEqual(stateName(stateOf(received, ...lost, ...spared)), "pending")
    }
    assert.include(
      stateOf(received, ...lost, a.started({ attempt: 3 }), a.expired(), a.replayed()).context,
      {
        lost_worker_count: 0
      }
    )
  })

  it("comes back when its provider has seen it after all, but not from what an operator discarded", () => {
    const settled = [
      a.rejected({ because: "not_seen" }),
      a.reported({ report: "removed" }),
      a.reported({ report: "seen" })
    ] as const
    assert.strictEqual(stateName(stateAfter(...settled.slice(0, 2))), "failed.settled")
    const { context, status } = stateAfter(...settled)
    assert.include(
      { ...context, status },
      { status: "pending", settled_because: null, attempt_count: 0 }
    )
    const discarded = [a.started(), permanent, a.discarded(), a.reported()]
    assert.strictEqual(stateName(stateAfter(...discarded)), "failed.settled")
  })

  it("counts no lost workers in what versions before 3 wrote", () => {
    const lost = [1, 2, 3].flatMap((attempt) => [
      a.started({ attempt }),
      a.expired({ is_counted: false })
    ])
    const { context, status } = stateOf(a.received({ max_attempts: 9 }), ...lost)
    assert.include({ ...context, status }, { status: "pending", lost_worker_count: 0 })
  })

  it("says what ended it without a credit, until it comes back", () => {
    const ends = [
      ["reversed", [a.started(), a.credited(), a.reversed()]],
      ["not_seen", [a.rejected({ because: "not_seen" })]],
      ["reverted", [a.started(), permanent, a.rejected()]],
      ["discarded", [a.started(), permanent, a.discarded()]]
    ] as const
    for (const [settled_because, events] of ends) {
      const settled = stateAfter(...events)
      assert.strictEqual(stateName(settled), "failed.settled")
      assert.include(settled.context, { settled_because, moved_to_dlq_at: null })
      const back = [a.replayed(), a.confirmed({ attempt: settled.context.attempt_count + 1 })]
      for (const event of back) {
        assert.include(stateAfter(...events, event).context, {
          settled_because: null,
          failure_reason: null
        })
      }
    }
  })

  it("keeps why and until when an attempt failed", () => {
    assert.include(
      stateAfter(a.started(), a.failed({ error_type: "rpc_failure", error: "503" })).context,
      {
        error_type: "rpc_failure",
        last_error: "503",
        next_retry_at: a.at(3),
        failure_reason: null
      }
    )
  })

  it("says in the dlq why it is there, and has no time to try again", () => {
    const sent = a.failed({ error_type: "permanent", error: "wrong token", recorded_at: a.at(8) })
    assert.include(stateAfter(a.started(), sent).context, {
      failure_reason: "wrong token",
      moved_to_dlq_at: a.at(8),
      next_retry_at: null
    })
  })

  it("starts afresh after a replay, with all attempts", () => {
    const { context } = stateAfter(...lastAttempt, a.failed(), a.replayed())
    assert.include(context, { attempt_count: 0, moved_to_dlq_at: null, failure_reason: null })
    assert.strictEqual(
      stateName(stateAfter(...lastAttempt, a.failed(), a.replayed(), ...lastAttempt)),
      "processing"
    )
  })

  it("forgets earlier failures once it is credited", () => {
    const { context } = stateAfter(a.started(), a.failed(), a.started({ attempt: 2 }), a.credited())
    assert.include(context, {
      last_error: null,
      error_type: null,
      completed_at: a.at(1),
      ledger_transaction_id: "0197a000-0000-7000-8000-000000000001"
    })
  })

  it("names no credit and no completion after the credit was reversed", () => {
    const settled = stateAfter(a.started(), a.credited(), a.reversed())
    assert.include(settled.context, {
      completed_at: null,
      ledger_transaction_id: null,
      failure_reason: "block 7 was reorganised away"
    })
  })
})
