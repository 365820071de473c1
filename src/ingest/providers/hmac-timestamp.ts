/** When a call was signed, in the format that the source is configured with. */
import { Duration } from "effect"
import type { WebhookProblem } from "../problem.ts"
import { ageFault, checkSenderClock, malformedTimestamp } from "../timestamp.ts"
import { defaultTolerance, type HmacOptions, parseTolerance } from "./hmac-options.ts"

type TimestampOptions = NonNullable<HmacOptions["timestamp"]>

const formats: Record<
  TimestampOptions["format"],
  { readonly pattern: RegExp; readonly millis: (text: string) => number; readonly rule: string }
> = {
  seconds: {
    pattern: /^\d{1,11}$/,
    millis: (text) => Number(text) * 1000,
    rule: "seconds since 1970, as a whole number"
  },
  milliseconds: {
    pattern: /^\d{1,14}$/,
    millis: Number,
    rule: "milliseconds since 1970, as a whole number"
  },
  iso8601: {
    pattern: /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})$/,
    millis: Date.parse,
    rule: "a time of ISO 8601 with its zone, such as 2026-01-31T12:00:00Z"
  }
}

export const timestampFault = (
  { format, header, tolerance = defaultTolerance }: TimestampOptions,
  text: string,
  receivedAt: number
): WebhookProblem | undefined => {
  const { millis, pattern, rule } = formats[format]
  const signedAt = pattern.test(text) ? millis(text) : Number.NaN
  return Number.isNaN(signedAt)
    ? malformedTimestamp(header, rule)
    : ageFault(signedAt, receivedAt, {
        place: header,
        advice: checkSenderClock,
        toleranceSeconds: Duration.toSeconds(parseTolerance(tolerance) ?? Duration.zero)
      })
}
