/** When a webhook was signed: what is too old may be a replay. */
import { WebhookProblem } from "./problem.ts"

export interface TimestampRules {
  /** Where it stands, as the sender knows it: `webhook-timestamp`. */
  readonly place: string
  /** How to mend a time that is too far off. */
  readonly advice: string
  /** How far off it may be, either way; Standard Webhooks, Hook0 and QuickNode all have five minutes. */
  readonly toleranceSeconds?: number
}

const fiveMinutes = 300

const refusal = (detail: string) => new WebhookProblem({ code: "timestamp_invalid", detail })

/** For providers whose senders are our users' own. */
export const checkSenderClock = "sign each delivery anew, and check the sender's clock"

export const malformedTimestamp = (place: string, rule: string): WebhookProblem =>
  refusal(`${place} must be ${rule}`)

/** Both times are in milliseconds since 1970. */
export const ageFault = (
  signedAt: number,
  receivedAt: number,
  { advice, place, toleranceSeconds = fiveMinutes }: TimestampRules
): WebhookProblem | undefined => {
  const age = Math.floor(receivedAt / 1000) - Math.floor(signedAt / 1000)
  return Math.abs(age) <= toleranceSeconds
    ? undefined
    : refusal(
        `${place} is ${Math.abs(age)} s in the ${age > 0 ? "past" : "future"}, and ${toleranceSeconds} s are allowed: ${advice}`
      )
}

/** A timestamp in seconds, which all but `hmac` have. `receivedAt` is in milliseconds since 1970. */
export const secondsFault = (
  text: string,
  receivedAt: number,
  rules: TimestampRules
): WebhookProblem | undefined =>
  /^\d{1,11}$/.test(text)
    ? ageFault(Number(text) * 1000, receivedAt, rules)
    : malformedTimestamp(rules.place, "seconds since 1970, as a whole number")
