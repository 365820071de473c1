/** Gives up the dead letters that are named. */
import { Effect, type Option } from "effect"
import { DeadLetters } from "../../deposits/dead-letters.ts"
import { refuse } from "../failure.ts"
import { changing } from "./command-database.ts"
import { deadLettersLayer, idsOf, reasonOf, tell } from "./dlq-database.ts"
import { operatorName } from "./operator-name.ts"

export const discardDeadLetters = Effect.fnUntraced(function* (input: {
  readonly jobIds: ReadonlyArray<string>
  readonly reason: Option.Option<string>
}) {
  if (input.jobIds.length === 0) {
    return yield* refuse("Name the jobs to discard: `dlq list` shows them.")
  }
  const ids = yield* idsOf(input.jobIds)
  const decision = { operator: yield* operatorName, reason: yield* reasonOf(input.reason) }
  const discard = Effect.flatMap(DeadLetters, (letters) => letters.discard(ids, decision))
  yield* tell(yield* discard.pipe(Effect.provide(deadLettersLayer), changing), "discarded")
})
