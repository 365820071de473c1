/** Jobs in words, as every command shows them. */
import type { JobView } from "../../deposits/job-queries.ts"
import type { Color } from "./table.ts"

type State = Pick<JobView, "status" | "sub_state">

/** The state's name in the log: "pending", "failed.scheduled". */
export const stateName = ({ status, sub_state }: State): string =>
  sub_state === null ? status : `${status}.${sub_state}`

/** Green is credited, red needs a person, yellow will be tried again. */
export const stateColor = ({ status, sub_state }: State): Color | undefined => {
  if (status === "completed") return "green"
  if (status === "dlq" || sub_state === "settled") return "red"
  if (status === "failed") return "yellow"
  return status === "processing" ? "cyan" : undefined
}

/** Text that came from outside, without what a terminal would obey. */
export const printable = (text: string): string => text.replace(/\p{Cc}/gu, "\ufffd")

/** What went wrong last, or undefined. */
export const faultText = ({
  error_type,
  failure_reason,
  last_error
}: Pick<JobView, "error_type" | "failure_reason" | "last_error">): string | undefined => {
  const error = last_error === null ? [] : [`${error_type}: ${last_error}`]
  const reason = failure_reason === null || failure_reason === last_error ? [] : [failure_reason]
  const parts = [...error, ...reason]
  return parts.length === 0 ? undefined : printable(parts.join("; "))
}

/** The id first, as the API has it. */
export const jobJson = ({ id, ...rest }: JobView) => ({ id, ...rest })

/** "2026-01-31 12:00:00.123", in UTC. */
export const timeText = (iso: string): string => iso.replace("T", " ").replace("Z", "")

const second = 1_000
const units = [
  ["d", 86_400 * second],
  ["h", 3_600 * second],
  ["m", 60 * second],
  ["s", second]
] as const

/** "3m": the largest unit alone. */
export const ageText = (iso: string, nowMillis: number): string => {
  const age = Math.max(0, nowMillis - Date.parse(iso))
  const [unit, size] = units.find(([, size]) => age >= size) ?? units[3]
  return `${Math.floor(age / size)}${unit}`
}
