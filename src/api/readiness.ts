/** How each part of the service is that traffic depends on, or that an operator wants to see. */
import { Clock, Duration, Effect, Option } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { type Circuit, Validator } from "../chains/validator.ts"
import { Manager, type ManagerState, type PartHealth } from "../manager/manager.ts"
import { ReconciliationHealth } from "../manager/reconciliation-health.ts"
import { type MigrationStatus, migrationStatus } from "../postgres/migrator.ts"
import type { WorkersHealth } from "../workers/worker-set.ts"
import { Workers } from "../workers/workers.ts"
import type { ReadyPartsView } from "./health-api.ts"

type ReadyParts = typeof ReadyPartsView.Type

/** A database that is slower is of no use to webhooks. */
const databaseTimeout = Duration.seconds(2)

/** Gives an effect that looks anew each time. */
export const makeReadiness = Effect.gen(function* () {
  const sql = yield* SqlClient
  const manager = yield* Manager
  const workers = yield* Workers
  const validator = yield* Validator
  const reconciliation = yield* ReconciliationHealth
  const startedAt = yield* Clock.currentTimeMillis
  const migrations = Effect.provideService(migrationStatus(), SqlClient, sql)

  const stored = Effect.gen(function* () {
    const answer = yield* inTime(sql`SELECT 1`)
    const found = Option.isSome(answer) ? yield* inTime(migrations) : Option.none()
    return {
      database: { status: Option.isSome(answer) ? "ok" : "unreachable" },
      migrations: Option.isSome(found) ? migrationsView(found.value) : { status: "unknown" }
    } satisfies Partial<ReadyParts>
  })

  return Effect.gen(function* () {
    return {
      manager: managerView(yield* manager.state),
      ...(yield* stored),
      workers: workersView(yield* manager.parts, yield* workers.health),
      reconciliation: reconciliationView(
        reconciliation,
        yield* reconciliation.lastCompletedAt,
        startedAt,
        yield* Clock.currentTimeMillis
      ),
      circuits: circuitsView(yield* validator.circuits)
    } satisfies ReadyParts
  })
})

/**
 * The parts without which no traffic may come; the others are worth a look, but webhooks can be taken.
 * While a newer version is rolled out, the older instances serve on: a new schema takes nothing from them.
 */
export const unreadyParts = ({
  manager,
  database,
  migrations
}: ReadyParts): ReadonlyArray<string> =>
  Object.entries({ manager, database, migrations }).flatMap(([name, { status }]) =>
    status === "ok" || status === "newer" ? [] : [`${name} ${status}`]
  )

const inTime = <A, E extends Error>(effect: Effect.Effect<A, E>): Effect.Effect<Option.Option<A>> =>
  effect.pipe(
    Effect.timeout(databaseTimeout),
    Effect.tapError(({ message }) =>
      Effect.logWarning(`the database did not answer whether it is ready: ${message}`)
    ),
    Effect.option
  )

const managerView = (state: ManagerState): ReadyParts["manager"] => ({
  status: state === "running" ? "ok" : state === "idle" ? "starting" : state
})

const migrationsView = (all: ReadonlyArray<MigrationStatus>): ReadyParts["migrations"] => {
  const namesOf = (isSo: (one: MigrationStatus) => boolean) =>
    all.filter(isSo).map(({ version, name }) => `${`${version}`.padStart(3, "0")}_${name}`)
  const newer = namesOf(({ known }) => !known)
  const changed = namesOf((one) => one.changed)
  const pending = namesOf(({ applied_at }) => applied_at === null)
  if (newer.length > 0) return { status: "newer", newer }
  if (changed.length > 0) return { status: "changed", changed }
  return pending.length > 0 ? { status: "pending", pending } : { status: "ok" }
}

const workersView = (
  parts: ReadonlyArray<PartHealth>,
  health: WorkersHealth
): ReadyParts["workers"] => {
  const status = parts.find(({ name }) => name === "workers")?.status ?? "disabled"
  const { expected, alive } = health
  if (status === "disabled") return { ...health, expected: 0, status }
  return { ...health, status: status === "ok" && alive < expected ? "degraded" : status }
}

const reconciliationView = (
  { isEnabled, lateAfter }: ReconciliationHealth["Service"],
  lastMillis: number | null,
  startedAt: number,
  now: number
): ReadyParts["reconciliation"] => {
  // Before the first, it is due as long after the start as later ones are after each other.
  const isLate = now - (lastMillis ?? startedAt) > Duration.toMillis(lateAfter)
  return {
    status: !isEnabled ? "disabled" : isLate ? "late" : "ok",
    last_completed_at: lastMillis === null ? null : new Date(lastMillis).toISOString()
  }
}

const circuitsView = (circuits: ReadonlyArray<Circuit>): ReadyParts["circuits"] => {
  const namesOf = (wanted: Circuit["state"]) =>
    circuits
      .filter(({ state }) => state === wanted)
      .map(({ chain, endpoint }) => `${chain}/${endpoint}`)
  const [open, half_open] = [namesOf("open"), namesOf("half_open")]
  return { status: open.length + half_open.length === 0 ? "ok" : "degraded", open, half_open }
}
