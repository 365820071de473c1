/** Carries the schedule out: each fault at its time, undone after its own. */
import { Clock, Duration, Effect } from "effect"
import type { ChaosDatabase } from "./database.ts"
import type { Fault, FaultKind, ScheduledFault } from "./faults.ts"
import type { Instance } from "./instance.ts"
import type { Stage } from "./stage.ts"

/** How long a kill waits for its instance to be in the middle of a batch. */
const awaitWork = Duration.seconds(2)
const lookEveryMillis = 20

const awaitBatch = (database: ChaosDatabase, instance: Instance): Effect.Effect<void> =>
  Effect.suspend(() => database.isWorking(instance.pid() ?? 0)).pipe(
    Effect.flatMap((isWorking) =>
      isWorking
        ? Effect.void
        : Effect.andThen(Effect.sleep(lookEveryMillis), awaitBatch(database, instance))
    )
  )

/** For a while, then back, also if the run is interrupted meanwhile. */
const during = (millis: number, begin: Effect.Effect<void>, end: Effect.Effect<void>) =>
  Effect.acquireUseRelease(
    begin,
    () => Effect.sleep(millis),
    () => end
  )

export const inject = (stage: Stage, fault: Fault): Effect.Effect<void> => {
  const { chain, database, endpoints, instances } = stage
  switch (fault.kind) {
    case "kill-instance": {
      const instance = instances[fault.instance] ?? instances[0]
      return awaitBatch(database, instance).pipe(
        Effect.timeoutOption(awaitWork),
        Effect.andThen(instance.end("SIGKILL", fault.pauseMillis))
      )
    }
    case "stop-instance":
      return (instances[fault.instance] ?? instances[0]).end("SIGTERM", fault.pauseMillis)
    case "kill-postgres":
      return database.kill
    case "cut-database":
      return during(fault.millis, database.proxy.cut, database.proxy.restore)
    case "hang-database":
      return during(fault.millis, database.proxy.hang, database.proxy.restore)
    case "full-disk": {
      const { disk } = database
      return disk === undefined ? Effect.void : during(fault.millis, disk.fill, disk.free)
    }
    case "clock-jump": {
      const instance = instances[fault.instance] ?? instances[0]
      return during(fault.millis, instance.setClockShift(fault.byMillis), instance.setClockShift(0))
    }
    case "chain-stall":
      return during(fault.millis, chain.setStalled(true), chain.setStalled(false))
    case "reorg":
      return chain.reorg(fault.depth, fault.dropsSender)
    default: {
      const hit = endpoints.filter((_, index) => fault.endpoints.includes(index))
      const setAll = (to: typeof fault | null) =>
        Effect.forEach(hit, (endpoint) => endpoint.setFault(to), { discard: true })
      return during(fault.millis, setAll(fault), setAll(null))
    }
  }
}

/** Faults overlap: one begins at its time whether or not another still lasts. */
export const runSchedule = Effect.fnUntraced(function* (
  stage: Stage,
  schedule: ReadonlyArray<ScheduledFault>,
  injected: Map<FaultKind, number>
) {
  const begin = yield* Clock.currentTimeMillis
  yield* Effect.forEach(
    schedule,
    ({ atMillis, fault }) =>
      Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        yield* Effect.sleep(Math.max(begin + atMillis - now, 0))
        injected.set(fault.kind, (injected.get(fault.kind) ?? 0) + 1)
        yield* inject(stage, fault)
      }),
    { concurrency: "unbounded", discard: true }
  )
})
