/** Migrations up, down, and where they are. */
import { Console, Effect } from "effect"
import {
  type MigrationStatus,
  migrateDown,
  migrateUp,
  migrationStatus
} from "../../postgres/migrator.ts"
import { withDatabase } from "./command-database.ts"
import { type Color, type Column, screen, table } from "./table.ts"

const label = ({ name, version }: { readonly name: string; readonly version: number }): string =>
  `${String(version).padStart(3, "0")}_${name}`

export const up = Effect.gen(function* () {
  const applied = yield* migrateUp()
  for (const migration of applied) yield* Console.log(`applied ${label(migration)}`)
  if (applied.length === 0) yield* Console.log("The database has every migration already.")
}).pipe(withDatabase({ create: true }))

export const down = (options: { readonly steps: number; readonly destroyEvents: boolean }) =>
  Effect.gen(function* () {
    const undone = yield* migrateDown(options)
    for (const migration of undone) yield* Console.log(`undid ${label(migration)}`)
    if (undone.length === 0) yield* Console.log("The database has no migration to undo.")
  }).pipe(withDatabase({ create: false }))

type State = "applied" | "pending" | "changed" | "unknown"

const stateOf = ({ applied_at, changed, known }: MigrationStatus): State => {
  if (!known) return "unknown"
  if (changed) return "changed"
  return applied_at === null ? "pending" : "applied"
}

const stateColors: Record<State, Color> = {
  applied: "green",
  pending: "yellow",
  changed: "red",
  unknown: "red"
}

const columns: ReadonlyArray<Column<MigrationStatus>> = [
  { title: "MIGRATION", text: label },
  { title: "STATE", text: stateOf, color: (row) => stateColors[stateOf(row)] },
  { title: "APPLIED AT", text: ({ applied_at }) => applied_at ?? "" }
]

/** What to do about it, if anything. */
const advice: ReadonlyArray<readonly [State, string]> = [
  ["pending", "pending: `npm run surehook -- migrate up` applies it, and so does `npm start`."],
  [
    "changed",
    "changed: the file is not what was applied. Restore it; a change is a new migration."
  ],
  ["unknown", "unknown: a newer Surehook has migrated this database, and only that one runs on it."]
]

export const status = Effect.gen(function* () {
  const migrations = yield* migrationStatus()
  yield* Console.log(table(columns, migrations, yield* screen))
  const states = migrations.map(stateOf)
  for (const [state, text] of advice) if (states.includes(state)) yield* Console.error(text)
}).pipe(withDatabase({ create: false }))
