/** One line for each transition, and for each thing that happens beside the log. */
import type { EventRecord } from "../event-log/event-record.ts"
import { longestName } from "./scenario.ts"
import { type Color, cut, type Screen } from "./screen.ts"

/** 12:00:01.234 */
const timeWidth = 12
const stateWidth = "processing".length
const arrow = " → "
const transitionWidth = 2 * stateWidth + arrow.length
const gap = "  "
const subjectWidth = "#00 ".length + longestName
const detailStart = timeWidth + subjectWidth + transitionWidth + 3 * gap.length

const stateColors: Readonly<Record<string, Color | undefined>> = {
  processing: "cyan",
  completed: "green",
  failed: "magenta",
  dlq: "red"
}

/** Which scenario a line is about. */
export interface Subject {
  readonly number: number | null
  readonly name: string
}

/** Which deposit of it. */
export interface Deposit {
  readonly subject: Subject
  /** `25 USDC` */
  readonly amount: string
}

export const numberText = (number: number | null): string =>
  `#${number === null ? "··" : `${number}`.padStart(2, "0")}`

export const label = ({ number, name }: Subject): string => `${numberText(number)} ${name}`

/** The last column, as wide as the terminal leaves room for. */
const fitted = ({ columns }: Screen, detail: string) => cut(detail, columns - detailStart)

const timeOf = (iso: string) => iso.slice("2026-01-01T".length, -"Z".length)

const text = (event: EventRecord, field: string): string => `${event.data[field] ?? ""}`

/** What the deposit's first event says. */
export const amountOf = (received: EventRecord): string =>
  `${text(received, "amount")} ${text(received, "token")}`

/** The five states that users know. */
const topState = (state: string | null): string => state?.split(".")[0] ?? "new"

const secondsUntil = (event: EventRecord, field: string): number =>
  Math.round((Date.parse(text(event, field)) - Date.parse(event.recorded_at)) / 1000)

const detailOf = (event: EventRecord, amount: string): string => {
  switch (event.type) {
    case "deposit.received": {
      const to = text(event, "to_address")
      return `${amount} to ${to.slice(0, 6)}…${to.slice(-4)}`
    }
    case "processing.started":
      return `attempt ${text(event, "attempt")} for ${amount}`
    case "confirmation.awaited":
      return `${text(event, "confirmations_seen")} of ${text(event, "confirmations_needed")} confirmations, no attempt spent`
    case "processing.released":
      return `${text(event, "reason").replace("_", " ")}, no attempt spent on ${amount}`
    case "attempt.failed":
      return event.to_state === "dlq"
        ? text(event, "error")
        : `${text(event, "error_type")}: ${amount} again in ${secondsUntil(event, "next_retry_at")} s`
    case "deposit.credited":
      return `credited ${amount}`
    case "deposit.already_credited":
      return "this transfer was credited before"
    default:
      return event.type
  }
}

/** `12:00:01.234  #09 token deposit   pending    → processing  attempt 1 for 25 USDC` */
export const eventLine = (screen: Screen, deposit: Deposit, event: EventRecord): string => {
  const { paint } = screen
  const from = topState(event.from_state)
  const to = topState(event.to_state)
  const color = stateColors[to]
  const paintState = (state: string) => (color === undefined ? state : paint(state, color))
  return [
    paint(timeOf(event.recorded_at), "dim"),
    label(deposit.subject).padEnd(subjectWidth),
    `${paint(from.padEnd(stateWidth), "dim")}${arrow}${paintState(to.padEnd(stateWidth))}`,
    fitted(screen, detailOf(event, deposit.amount))
  ].join(gap)
}

/** What makes no event: a duplicate, a refusal. */
export const answerLine = (
  screen: Screen,
  now: string,
  subject: Subject,
  answer: string,
  detail: string
): string =>
  [
    screen.paint(timeOf(now), "dim"),
    label(subject).padEnd(subjectWidth),
    screen.paint(answer.padEnd(transitionWidth), "magenta"),
    fitted(screen, detail)
  ].join(gap)

/** What happens to the world around the service. */
export const noticeLine = ({ paint }: Screen, now: string, notice: string): string =>
  [paint(timeOf(now), "dim"), paint(`── ${notice}`, "bold")].join(gap)
