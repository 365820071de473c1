/** Text laid out for a terminal: aligned columns and broken lines. For anything else, as wide as it is. */
import { Effect, Stdio, Terminal } from "effect"
import { CliOutput, TerminalCapabilities } from "effect/cli"

export interface Screen {
  /** Infinity if nobody reads it on a terminal. */
  readonly columns: number
  readonly paint: (text: string, color: Color | undefined) => string
}

const colors = { red: 31, green: 32, yellow: 33, cyan: 36, dim: 2, bold: 1 } as const
export type Color = keyof typeof colors

export const screen = Effect.gen(function* () {
  const { canColor } = yield* TerminalCapabilities.TerminalCapabilities
  const isTerminal = yield* (yield* Stdio.Stdio).stdoutIsTerminal
  const columns = yield* (yield* Terminal.Terminal).columns
  return {
    columns: isTerminal && columns > 0 ? columns : Number.POSITIVE_INFINITY,
    paint: (text, color) =>
      canColor && color !== undefined ? `\u001b[${colors[color]}m${text}\u001b[0m` : text
  } satisfies Screen
})

export interface Column<Row> {
  readonly title: string
  readonly text: (row: Row) => string
  readonly color?: (row: Row) => Color | undefined
  /** If the table is too wide, values are cut down to this width, the last such column first. */
  readonly shrinksTo?: number
  /** Where values are cut: hashes are told apart by both of their ends. */
  readonly cut?: "middle" | "end"
}

const gap = "  "

export const table = <Row>(
  columns: ReadonlyArray<Column<Row>>,
  rows: ReadonlyArray<Row>,
  { columns: available, paint }: Screen
): string => {
  const widths = columns.map(({ text, title }) =>
    Math.max(...[title, ...rows.map(text)].map(CliOutput.displayWidth))
  )
  const fitted = fittingWidths(columns, widths, available)
  const line = (
    cells: ReadonlyArray<{ readonly text: string; readonly color: Color | undefined }>
  ) =>
    cells
      .map(({ color, text }, index) => {
        const width = fitted[index] ?? 0
        const shown = shorten(text, width, columns[index]?.cut ?? "end")
        const padding = " ".repeat(Math.max(0, width - CliOutput.displayWidth(shown)))
        return paint(shown, color) + (index === cells.length - 1 ? "" : padding)
      })
      .join(gap)
  return [
    line(columns.map(({ title }) => ({ text: title, color: "dim" }))),
    ...rows.map((row) =>
      line(columns.map(({ color, text }) => ({ text: text(row), color: color?.(row) })))
    )
  ].join("\n")
}

const fittingWidths = <Row>(
  columns: ReadonlyArray<Column<Row>>,
  widths: ReadonlyArray<number>,
  available: number
): ReadonlyArray<number> => {
  let excess =
    widths.reduce((sum, width) => sum + width, 0) + gap.length * (widths.length - 1) - available
  return columns
    .map(({ shrinksTo }, index) => ({ shrinksTo, width: widths[index] ?? 0 }))
    .toReversed()
    .map(({ shrinksTo, width }) => {
      const less = shrinksTo === undefined ? 0 : Math.max(0, Math.min(excess, width - shrinksTo))
      excess -= less
      return width - less
    })
    .toReversed()
}

const shorten = (text: string, width: number, cut: "middle" | "end"): string => {
  if (text.length <= width) return text
  const kept = width - 1
  const tail = cut === "middle" ? Math.floor(kept / 2) : 0
  return `${text.slice(0, kept - tail)}…${tail === 0 ? "" : text.slice(-tail)}`
}

/** The text after an indent, broken at spaces so that it stays right of it. */
export const indented = (indent: number, text: string, { columns }: Screen): string => {
  const margin = " ".repeat(indent)
  const lines = [""]
  for (const word of text.split(" ")) {
    const line = lines.at(-1) ?? ""
    if (line === "") lines[lines.length - 1] = word
    else if (indent + line.length + 1 + word.length > columns) lines.push(word)
    else lines[lines.length - 1] = `${line} ${word}`
  }
  return lines.map((line) => margin + line).join("\n")
}
