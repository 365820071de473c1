/** The query parameter `limit`: how many a page has. */
import { Effect, Schema } from "effect"

export const pageLimit = (max: number, otherwise: number) => {
  const message = `must be a whole number from 1 to ${max}`
  return Schema.String.pipe(
    Schema.check(Schema.isPattern(/^\d{1,9}$/, { message })),
    Schema.decodeTo(Schema.NumberFromString),
    Schema.check(Schema.isBetween({ minimum: 1, maximum: max }, { message })),
    Schema.withDecodingDefaultKey(Effect.succeed(`${otherwise}`))
  )
}
