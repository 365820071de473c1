/** A moment as a person writes it: a date, a time, or how long ago it was. */
import { Option } from "effect"

/** Told when the command is run, since it may count back from then. */
export type Moment = (nowMillis: number) => Date

const unitMillis: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000
}

const agoPattern = /^(\d{1,6})([smhdw])$/
/** Without an offset it is UTC, as in everything that is printed. */
const timePattern =
  /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)(Z|[+-]\d{2}:\d{2})?)?$/

export const momentRule = "Expected a time as 2026-01-31T12:00Z, or how long ago as 90m, 2h or 3d"

export const momentFromText = (text: string): Option.Option<Moment> => {
  const [, count, unit = ""] = agoPattern.exec(text) ?? []
  const size = unitMillis[unit]
  if (count !== undefined && size !== undefined) {
    return Option.some((nowMillis) => new Date(nowMillis - Number(count) * size))
  }
  const [, date, clock = "00:00", offset = "Z"] = timePattern.exec(text) ?? []
  const millis = Date.parse(`${date}T${clock}${offset}`)
  return Number.isFinite(millis) ? Option.some(() => new Date(millis)) : Option.none()
}
