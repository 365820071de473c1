/**
 * Registers the addresses of a CSV file, in one pass and one transaction.
 *
 *     read 1,000 lines ─▶ check each ─▶ register them     at the end: commit, or undo it all
 *                                    └▶ from the first fault on only checked, so that one run names many
 *
 * So standard input is as good as a file, and none is too large: what is held is one batch.
 */
import {
  Console,
  Effect,
  FileSystem,
  Option,
  type PlatformError,
  Result,
  Stdio,
  Stream
} from "effect"
import { Csv } from "effect/encoding"
import { Addresses, conflictText, maxRegistrations } from "../../addresses/addresses.ts"
import {
  checkRegistration,
  type Registrable,
  type Registration
} from "../../addresses/registration.ts"
import { refuse } from "../failure.ts"
import { type Cells, type Columns, columnsOf, type Line, linesOf, textOf } from "./addresses-csv.ts"
import { registering, tenantOf } from "./addresses-registering.ts"
import { printable } from "./job-text.ts"

interface ImportInput {
  readonly file: string
  readonly tenant: Option.Option<string>
}

/** More would only hide the first. */
const maxNamedFaults = 20
const maxLineLength = 10_000

interface Fault {
  readonly line: number
  readonly message: string
}

interface Header {
  readonly columns: Columns
  readonly width: number
  /** Of lines that name none. */
  readonly tenant: string
}

interface Progress {
  readonly nextLine: number
  readonly header: Header | undefined
  /** The first of them. */
  readonly faults: ReadonlyArray<Fault>
  readonly faultCount: number
  readonly lines: number
  readonly registered: number
}

const beginning: Progress = {
  nextLine: 1,
  header: undefined,
  faults: [],
  faultCount: 0,
  lines: 0,
  registered: 0
}

export const importAddresses = ({ file, tenant }: ImportInput) => {
  const name = file === "-" ? "standard input" : file
  return registering(
    Effect.fnUntraced(function* (known, by) {
      const addresses = yield* Addresses

      const headerOf = Effect.fnUntraced(function* (cells: Cells) {
        const columns = columnsOf(cells)
        if (Result.isFailure(columns)) {
          return yield* refuse(`${name}: the first line is wrong: ${printable(columns.failure)}`)
        }
        const names = columns.success.has("tenant_id")
        if (names && Option.isSome(tenant)) {
          return yield* refuse(`${name} has a column tenant_id: leave out --tenant.`)
        }
        return {
          columns: columns.success,
          width: cells.length,
          tenant: names ? "" : yield* tenantOf(known, tenant, "--tenant, or in a column tenant_id")
        }
      })

      /** How many are new, or which lines give away an address that belongs to another account. */
      const register = (checked: ReadonlyArray<Checked>) =>
        addresses
          .register(
            checked.map(({ registration }) => registration),
            by
          )
          .pipe(
            Effect.map(({ registered }) => ({ registered, faults: [] })),
            Effect.catchTag("AddressConflict", ({ conflicts }) =>
              Effect.succeed({
                registered: 0,
                faults: conflicts.map((conflict) => ({
                  line: checked[conflict.index]?.line ?? 0,
                  message: `${conflict.address} ${conflictText(conflict)}`
                }))
              })
            )
          )

      const step = Effect.fnUntraced(function* (progress: Progress, records: ReadonlyArray<Cells>) {
        const { lines, next: nextLine } = linesOf(progress.nextLine, records)
        const first = progress.header === undefined ? lines[0] : undefined
        const header = first === undefined ? progress.header : yield* headerOf(first.cells)
        if (header === undefined) return { ...progress, nextLine }
        const rows = first === undefined ? lines : lines.slice(1)
        const { checked, faults: wrong } = checkLines(known, header, rows)
        const isSound = progress.faultCount === 0 && wrong.length === 0
        const result = isSound ? yield* register(checked) : { registered: 0, faults: wrong }
        return {
          nextLine,
          header,
          faults: [...progress.faults, ...result.faults].slice(0, maxNamedFaults),
          faultCount: progress.faultCount + result.faults.length,
          lines: progress.lines + rows.length,
          registered: progress.registered + result.registered
        }
      })

      const end = yield* recordsOf(file, name).pipe(
        Stream.grouped(maxRegistrations),
        Stream.runFoldEffect(() => beginning, step)
      )
      if (end.header === undefined) {
        return yield* refuse(`${name} is empty: its first line names the columns.`)
      }
      if (end.faultCount > 0) return yield* refuse(faultsText(name, end))
      yield* Console.log(successText(end))
    })
  )
}

const recordsOf = (file: string, name: string) =>
  bytesOf(file).pipe(
    Stream.catch(() => Stream.fromEffect(refuse(`${name} cannot be read as a file.`))),
    Stream.pipeThroughChannel(Csv.decode({ maxRecordSize: maxLineLength })),
    Stream.catchTag("CsvError", ({ line, message }) =>
      Stream.fromEffect(
        refuse(`${name} is not a CSV file, and nothing was registered:\n  line ${line}: ${message}`)
      )
    )
  )

const bytesOf = (
  file: string
): Stream.Stream<Uint8Array, PlatformError.PlatformError, FileSystem.FileSystem | Stdio.Stdio> =>
  file === "-"
    ? Stream.unwrap(Effect.map(Stdio.Stdio, ({ stdin }) => stdin))
    : Stream.unwrap(Effect.map(FileSystem.FileSystem, (fs) => fs.stream(file)))

interface Checked {
  readonly line: number
  readonly registration: Registration
}

const checkLines = (known: Registrable, header: Header, lines: ReadonlyArray<Line>) => {
  const checked: Array<Checked> = []
  const faults: Array<Fault> = []
  for (const { cells, number: line } of lines) {
    const text = textOf(header.columns, header.width, cells, header.tenant)
    if (Result.isFailure(text)) {
      faults.push({ line, message: text.failure })
      continue
    }
    const result = checkRegistration(known, text.success)
    if (Result.isSuccess(result)) checked.push({ line, registration: result.success })
    else {
      for (const { field, message } of result.failure) {
        faults.push({ line, message: `${field} ${message}` })
      }
    }
  }
  return { checked, faults }
}

const faultsText = (name: string, { faultCount, faults }: Progress): string =>
  [
    `${name} has faults, and nothing was registered:`,
    ...faults.map(({ line, message }) => `  line ${line}: ${printable(message)}`),
    ...(faultCount > faults.length ? [`  and ${faultCount - faults.length} more`] : [])
  ].join("\n")

const successText = ({ lines, registered }: Progress): string => {
  const before = lines - registered
  return before === 0
    ? `Registered ${registered} addresses.`
    : `Registered ${registered} addresses; ${before} of ${lines} were registered before.`
}
