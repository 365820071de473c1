/**
 * Loaded into an instance before anything else (`--import`): shifts what it takes for the time by as
 * many milliseconds as stand in a file, now and whenever they change.
 *
 * It stands for a machine's clock that is set wrong, or is set right at a stroke by NTP. Only `Date`
 * is shifted, which all times that the service stores and compares come from; timers go on, as the
 * monotonic clock of a machine does.
 */
import { readFileSync } from "node:fs"
import process from "node:process"
import { setInterval } from "node:timers"

const file = process.env.CHAOS_CLOCK_FILE ?? ""
const readEveryMillis = 50
const RealDate = Date
let shiftMillis = 0

const read = (): void => {
  try {
    const read = Number(readFileSync(file, "utf8"))
    if (Number.isFinite(read)) shiftMillis = read
  } catch {
    // Not there: the clock stays as it is.
  }
}
read()
setInterval(read, readEveryMillis).unref()

const now = (): number => RealDate.now() + shiftMillis

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args, newTarget) =>
    Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
  get: (target, name) => (name === "now" ? now : Reflect.get(target, name))
})
