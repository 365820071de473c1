/**
 * The terminal: lines that scroll, and one line at the bottom that changes.
 *
 * Colours only on a terminal, and not if NO_COLOR is set (https://no-color.org); the changing line
 * only on a terminal. Only colours that stand out on dark and on light backgrounds.
 */
import process from "node:process"
import { Deferred, Effect, Schema } from "effect"

const widest = 110

const codes = { red: 31, green: 32, magenta: 35, cyan: 36, dim: 2, bold: 1 } as const
export type Color = keyof typeof codes

/** Whoever watched is gone: the terminal was closed, or the reader of a pipe. */
export class ScreenGone extends Schema.TaggedError<ScreenGone>()("ScreenGone", {
  message: Schema.String
}) {}

export interface Screen {
  /** A person may read along, who needs time; a pipe does not. */
  readonly isWatched: boolean
  /** How wide a line may be. */
  readonly columns: number
  readonly paint: (text: string, ...colors: ReadonlyArray<Color>) => string
  readonly print: (text: string) => Effect.Effect<void>
  /** What is awaited now; an empty text for nothing. */
  readonly status: (text: string) => Effect.Effect<void>
  readonly gone: Effect.Effect<never, ScreenGone>
}

const clearLine = "\r\u001b[2K"

export const makeScreen = Effect.gen(function* () {
  const { stdout } = process
  const isTerminal = stdout.isTTY === true
  const hasColors = isTerminal && (process.env.NO_COLOR ?? "") === ""
  const gone = yield* Deferred.make<never, ScreenGone>()
  const columns = isTerminal ? Math.min(widest, stdout.columns) : widest
  let status = ""

  const leave = () =>
    Deferred.doneUnsafe(gone, new ScreenGone({ message: "nobody reads the demo any more" }))
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      stdout.on("error", leave)
      process.on("SIGHUP", leave)
    }),
    () =>
      Effect.sync(() => {
        // The listener of errors stays: what is still to be written would be an uncaught one.
        process.off("SIGHUP", leave)
        if (status !== "") stdout.write(clearLine)
      })
  )

  const paint: Screen["paint"] = (text, ...colors) =>
    hasColors && colors.length > 0
      ? `\u001b[${colors.map((color) => codes[color]).join(";")}m${text}\u001b[0m`
      : text

  return {
    isWatched: isTerminal,
    columns,
    paint,
    print: (text) =>
      Effect.sync(() => {
        stdout.write(status === "" ? `${text}\n` : `${clearLine}${text}\n${status}`)
      }),
    status: (text) =>
      Effect.sync(() => {
        // One that is wrapped by the terminal could not be taken back.
        const fitting = text === "" ? "" : paint(cut(text, columns - 1), "dim")
        if (!isTerminal || fitting === status) return
        stdout.write(`${clearLine}${fitting}`)
        status = fitting
      }),
    gone: Deferred.await(gone)
  } satisfies Screen
})

/** As many characters as there is room for. */
export const cut = (text: string, width: number): string =>
  text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`

/** Lines of words, none wider than this. */
export const wrap = (text: string, width: number): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let line = ""
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`
    if (longer.length > width && line !== "") {
      lines.push(line)
      line = word
    } else line = longer
  }
  return [...lines, line]
}
