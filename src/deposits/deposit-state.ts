/**
 * The state of a deposit as plain data, and the fold that makes it from events.
 *
 * The machine decides; this file only carries values in and out of it.
 */
import { createActor } from "xstate"
import { type DepositContext, depositMachine } from "../../machines/deposit.ts"
import type {
  DepositEvent,
  DepositReceived,
  DepositTransition
} from "../../machines/deposit-events.ts"

export type Status = "pending" | "processing" | "failed" | "dlq" | "completed"

export interface DepositState {
  readonly status: Status
  /** "scheduled" or "settled" for failed, "watching" or "final" for completed, else null. */
  readonly sub_state: string | null
  readonly context: DepositContext
}

type Snapshot = ReturnType<typeof depositMachine.resolveState>

// XState's own `transition` builds a new actor for each call, which costs three times the
// transition itself. The machine spawns nothing and runs no effects, so one idle actor serves all.
const idle = createActor(depositMachine, {
  input: {
    type: "deposit.received",
    recorded_at: "1970-01-01T00:00:00.000Z",
    tenant_id: "",
    environment: "",
    source: "",
    chain: "",
    tx_hash: "",
    token: "",
    amount: "0",
    to_address: "",
    transfer_index: null,
    priority: 0,
    max_attempts: 0,
    payload_digest: ""
  }
})
const scope: Parameters<typeof depositMachine.transition>[2] = {
  self: idle,
  id: idle.id,
  sessionId: idle.sessionId,
  system: idle.system,
  logger: () => {},
  defer: () => {},
  emit: () => {},
  stopChild: () => {},
  actionExecutor: () => {}
}

const fromSnapshot = ({ value, context }: Snapshot): DepositState => {
  if (typeof value === "string") return { status: value, sub_state: null, context }
  if ("failed" in value) return { status: "failed", sub_state: value.failed, context }
  return { status: "completed", sub_state: value.completed, context }
}

const toSnapshot = ({ status, sub_state, context }: DepositState): Snapshot =>
  depositMachine.resolveState({
    value: sub_state === null ? status : { [status]: sub_state },
    context
  })

/** "pending", "failed.scheduled": the state's name in the log. */
export const stateName = (state: DepositState): string =>
  state.sub_state === null ? state.status : `${state.status}.${state.sub_state}`

/** The state after the first event. */
export const begin = (event: DepositReceived): DepositState =>
  fromSnapshot(depositMachine.getInitialSnapshot(scope, event))

/** The state after one more event, or undefined if the machine does not accept it here. */
export const step = (state: DepositState, event: DepositTransition): DepositState | undefined => {
  const before = toSnapshot(state)
  // XState answers an event that it refuses with the very same snapshot.
  const after = depositMachine.transition(before, event, scope)
  return after === before ? undefined : fromSnapshot(after)
}

/**
 * The state that a whole log gives, or the position (0…) of the first event that the machine
 * does not accept there.
 */
export const fold = (
  events: ReadonlyArray<DepositEvent>
): { readonly state: DepositState } | { readonly refusedAt: number } => {
  const [first, ...rest] = events
  if (first?.type !== "deposit.received") return { refusedAt: 0 }
  let state = begin(first)
  for (const [index, event] of rest.entries()) {
    const next = event.type === "deposit.received" ? undefined : step(state, event)
    if (next === undefined) return { refusedAt: index + 1 }
    state = next
  }
  return { state }
}
