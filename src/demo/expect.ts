/** What the verdict must expect of what was played. */

import { label } from "./live-view.ts"
import type { Sent, Played as Whole } from "./play.ts"
import type { Expectation, ExpectedAnswer } from "./verdict.ts"

/** A scenario that was played, on whatever chain. */
type Played = Omit<Whole, "chain">

export const expectationOf = (played: ReadonlyArray<Played>): Expectation => ({
  confirmed: played.flatMap(({ payments }) => payments.filter(({ isReal }) => isReal)),
  answers: expectedAnswers(played)
})

const expectedAnswers = (played: ReadonlyArray<Played>): ReadonlyArray<ExpectedAnswer> => {
  const answers: Array<ExpectedAnswer> = []
  for (const { subject, sent } of played) {
    const firstOfScenario = answers.length
    for (const [index, one] of sent.entries()) {
      const what = `${label(subject)}${sent.length > 1 ? `, webhook ${index + 1}` : ""}`
      const firstOfCopies = answers.length
      const duplicate = (of: number) => ({
        what,
        answer: "duplicate",
        because: null,
        fate: null,
        duplicateOf: of
      })
      answers.push(
        one.webhook.fate._tag === "Duplicate"
          ? duplicate(firstOfScenario)
          : { what, duplicateOf: null, ...expectedOf(one) },
        ...one.answers.slice(1).map(() => duplicate(firstOfCopies))
      )
    }
  }
  return answers
}

const expectedOf = ({
  webhook: { fate }
}: Sent): Pick<ExpectedAnswer, "answer" | "because" | "fate"> => {
  const accepted = (becomes: string, because: string | null = null) => ({
    answer: "accepted",
    because: null,
    fate: { fate: becomes, because }
  })
  switch (fate._tag) {
    case "Credited":
      return accepted("credited")
    case "AlreadyCredited":
      return accepted("already credited")
    case "DeadLettered":
      return accepted("dead-lettered", fate.because)
    case "Duplicate":
      return { answer: "duplicate", because: null, fate: null }
    case "Ignored":
      return { answer: "ignored", because: fate.because, fate: null }
    case "Refused":
      return { answer: `refused ${fate.status}`, because: fate.because, fate: null }
  }
}
