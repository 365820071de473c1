/**
 * What works in the background of this process, as one: it starts in order, and stops at one time.
 *
 *   idle ──start──▶ running ──shutdown──▶ stopping ──▶ stopped ──start──▶ running
 */
import { Context, Duration, Effect, Layer } from "effect"
import { Settings } from "../config/settings.ts"
import { Reconciler } from "../reconciler/reconciler.ts"
import { Workers } from "../workers/workers.ts"
import type { ManagedPart } from "./managed-part.ts"

export type ManagerState = "idle" | "running" | "stopping" | "stopped"

export interface PartHealth {
  readonly name: string
  /** `dead`: it should run, and does not. `stopped`: as it should, before a start or after a shutdown. */
  readonly status: "ok" | "disabled" | "stopping" | "stopped" | "dead"
}

/** With the seconds in which parts give up what they hold, less than the 30 s that orchestrators give a process between SIGTERM and SIGKILL. */
const drainTimeout = Duration.seconds(20)

const make = (all: ReadonlyArray<ManagedPart>): Manager["Service"] => {
  const enabled = all.filter(({ isEnabled }) => isEnabled)
  let state: ManagerState = "idle"

  const stop = (part: ManagedPart, timeout: Duration.Duration) =>
    part.shutdown(timeout).pipe(
      // A bug in one is no reason to cut off the others.
      Effect.catchCause((cause) =>
        Effect.as(Effect.logError(`${part.name} could not be shut down`, cause), false)
      )
    )

  return {
    start: Effect.suspend(() => {
      state = "running"
      return Effect.forEach(enabled, ({ start }) => start, { discard: true })
    }),
    shutdown: Effect.fnUntraced(function* (timeout) {
      state = "stopping"
      const finished = yield* Effect.forEach(enabled, (part) => stop(part, timeout), {
        concurrency: "unbounded"
      }).pipe(
        // Also if nobody waits any more: the parts end without being watched.
        Effect.ensuring(
          Effect.sync(() => {
            if (state === "stopping") state = "stopped"
          })
        )
      )
      return finished.every((isFinished) => isFinished)
    }),
    isRunning: Effect.suspend(() =>
      state === "running"
        ? Effect.map(
            Effect.filter(enabled, ({ isRunning }) => isRunning),
            ({ length }) => length === enabled.length
          )
        : Effect.succeed(false)
    ),
    state: Effect.sync(() => state),
    parts: Effect.forEach(all, ({ name, isEnabled, isRunning }) =>
      Effect.map(isRunning, (runs): PartHealth => {
        if (!isEnabled) return { name, status: "disabled" }
        if (state === "stopping") return { name, status: "stopping" }
        if (state !== "running") return { name, status: "stopped" }
        return { name, status: runs ? "ok" : "dead" }
      })
    )
  }
}

export class Manager extends Context.Service<
  Manager,
  {
    /** Starts every part that this process should run, in order; none twice. */
    readonly start: Effect.Effect<void>
    /** Stops all of them at the same time, and says whether each finished what it held. */
    readonly shutdown: (timeout: Duration.Duration) => Effect.Effect<boolean>
    /** Whether it was started and every part of it runs. */
    readonly isRunning: Effect.Effect<boolean>
    readonly state: Effect.Effect<ManagerState>
    readonly parts: Effect.Effect<ReadonlyArray<PartHealth>>
  }
>()("surehook/manager/Manager") {
  static readonly layerOf = (parts: ReadonlyArray<ManagedPart>): Layer.Layer<Manager> =>
    Layer.sync(Manager, () => make(parts))

  /** Starts nothing by itself: that is `managerLayer`. A part that a process can run is added here. */
  static readonly layer = Layer.effect(
    Manager,
    Effect.gen(function* () {
      const { reconciliation, worker } = yield* Settings
      const workers = yield* Workers
      const reconciler = yield* Reconciler
      return make([
        { name: "workers", isEnabled: worker.enabled, ...workers },
        { name: "reconciler", isEnabled: reconciliation.enabled, ...reconciler }
      ])
    })
  )
}

/** Runs what the manager manages for as long as the scope is open. */
export const managerLayer: Layer.Layer<never, never, Manager> = Layer.effectDiscard(
  Effect.gen(function* () {
    const manager = yield* Manager
    // Before the start, of which a part may fail after others were started.
    yield* Effect.addFinalizer(() => manager.shutdown(drainTimeout))
    yield* manager.start
  })
)
