/** The lines of a CSV file of addresses, read one by one: what each says, or what is wrong with it. Pure. */
import { Result } from "effect"
import type { RegistrationText } from "../../addresses/registration.ts"

export type Cells = ReadonlyArray<string>

/** Where each field stands in a line. */
export type Columns = ReadonlyMap<keyof RegistrationText, number>

const required = ["chain", "address", "account_reference"] as const
const known = [...required, "tenant_id"] as const

export interface Line {
  readonly number: number
  readonly cells: Cells
}

/** Records with the numbers of their lines, the first of which is given; blank ones are left out. */
export const linesOf = (
  first: number,
  records: ReadonlyArray<Cells>
): { readonly lines: ReadonlyArray<Line>; readonly next: number } => {
  let next = first
  const lines = records.map((cells) => {
    const number = next
    next += heightOf(cells)
    return { number, cells }
  })
  return { lines: lines.filter(({ cells }) => cells.some((cell) => cell.trim() !== "")), next }
}

/** How many lines of the file a record takes: cells in quotes may hold line breaks. */
const heightOf = (cells: Cells): number =>
  cells.reduce((height, cell) => height + (cell.match(/\r\n|\r|\n/g)?.length ?? 0), 1)

/** What the first line says, or how to mend it. */
export const columnsOf = (header: Cells): Result.Result<Columns, string> => {
  const names = header.map((name) => name.trim().toLowerCase())
  const columns = new Map(
    known.flatMap((field) => {
      const index = names.indexOf(field)
      return index === -1 ? [] : [[field, index] as const]
    })
  )
  const missing = required.filter((field) => !columns.has(field))
  const unknown = names.filter((name) => !known.some((field) => field === name))
  const twice = names.filter((name, index) => names.indexOf(name) !== index)
  const faults = [
    ...(missing.length === 0 ? [] : [`${missing.join(" and ")} missing`]),
    ...(unknown.length === 0 ? [] : [`${unknown.map((name) => `"${name}"`).join(", ")} unknown`]),
    ...(twice.length === 0 ? [] : [`${twice.join(", ")} twice`])
  ]
  return faults.length === 0
    ? Result.succeed(columns)
    : Result.fail(
        `it must name the columns ${required.join(",")} and may name tenant_id, with commas between; ${faults.join("; ")}`
      )
}

/** A line under those columns; `tenant` is for files that have no such column. */
export const textOf = (
  columns: Columns,
  width: number,
  cells: Cells,
  tenant: string
): Result.Result<RegistrationText, string> => {
  if (cells.length !== width) {
    return Result.fail(`has ${cells.length} columns, and the first line has ${width}`)
  }
  const cell = (field: keyof RegistrationText) => cells[columns.get(field) ?? -1]?.trim()
  return Result.succeed({
    tenant_id: cell("tenant_id") ?? tenant,
    chain: cell("chain") ?? "",
    address: cell("address") ?? "",
    account_reference: cell("account_reference") ?? ""
  })
}
