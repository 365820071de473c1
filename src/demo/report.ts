/** The end of the demo: what was sent and what came of it, and every balance beside the chain's. */
import { label } from "./live-view.ts"
import { jobsOf, type Played } from "./play.ts"
import { longestName } from "./scenario.ts"
import { type Color, type Screen, wrap } from "./screen.ts"
import type { Balance, Expectation, Outcome } from "./verdict.ts"
import type { Answer } from "./webhooks.ts"

interface Row {
  readonly name: string
  readonly counts: ReadonlyArray<number>
  /** Why something was refused or dead-lettered. */
  readonly reasons: ReadonlyArray<string>
}

const headings = [
  "sent",
  "accepted",
  "duplicate",
  "ignored",
  "refused",
  "credited",
  "dead-lettered"
] as const
const headingColors: ReadonlyArray<Color | undefined> = [
  undefined,
  undefined,
  undefined,
  "magenta",
  "magenta",
  "green",
  "red"
]
const nameWidth = "#00 ".length + longestName
const gap = "  "
const indent = " ".repeat("#00 ".length)

const rowOf = ({ subject, sent }: Played, { jobs }: Outcome): Row => {
  const answers = sent.flatMap((one) => one.answers)
  const own = jobsOf(answers)
  const made = jobs.filter(({ job_id }) => own.has(job_id))
  const count = (is: (answer: Answer) => boolean) => answers.filter(is).length
  const became = (fate: string) => made.filter((job) => job.fate === fate)
  const deadLettered = became("dead-lettered")
  return {
    name: label(subject),
    counts: [
      answers.length,
      count((answer) => answer._tag === "Taken" && answer.status === "accepted"),
      count((answer) => answer._tag === "Taken" && answer.status === "duplicate"),
      count((answer) => answer._tag === "Taken" && answer.status === "ignored"),
      count((answer) => answer._tag === "Refused"),
      became("credited").length,
      deadLettered.length
    ],
    reasons: [
      ...answers.flatMap((answer) =>
        answer.detail === null ? [] : [`${answer.status}: ${answer.detail}`]
      ),
      ...deadLettered.map(({ reason }) => `dead-lettered: ${reason ?? "no reason"}`),
      ...became("already credited").map(() => "the second claim is completed without a credit")
    ]
  }
}

const rowLines = (
  { paint, columns }: Screen,
  { name, counts, reasons }: Row
): ReadonlyArray<string> => {
  const cells = headings.map((heading, index) => {
    const count = counts[index] ?? 0
    const text = (count === 0 ? "·" : `${count}`).padStart(heading.length)
    const color = count === 0 ? "dim" : headingColors[index]
    return color === undefined ? text : paint(text, color)
  })
  return [
    [name.padEnd(nameWidth), ...cells].join(gap),
    ...reasons
      .flatMap((reason) => wrap(reason, columns - indent.length))
      .map((line) => indent + paint(line, "dim"))
  ]
}

const tableLines = (
  screen: Screen,
  played: ReadonlyArray<Played>,
  outcome: Outcome
): ReadonlyArray<string> => {
  const rows = played.map((one) => rowOf(one, outcome))
  const totals = headings.map((_, index) =>
    rows.reduce((sum, { counts }) => sum + (counts[index] ?? 0), 0)
  )
  return [
    screen.paint(["".padEnd(nameWidth), ...headings].join(gap), "bold"),
    ...rows.flatMap((row) => rowLines(screen, row)),
    ...rowLines(screen, { name: `${indent}in all`, counts: totals, reasons: [] })
  ]
}

const mark = ({ paint }: Screen, isRight: boolean) =>
  isRight ? paint("✓", "green") : paint("✗", "red", "bold")

const isEqual = ({ credited, onChain }: Balance) => credited === onChain

const balanceLines = (
  screen: Screen,
  played: ReadonlyArray<Played>,
  { balances }: Outcome
): ReadonlyArray<string> => {
  const nameOf = (address: string) => {
    const found = played.find(({ payments }) =>
      payments.some(({ to_address }) => to_address === address)
    )
    return found === undefined ? "" : label(found.subject)
  }
  const isNothing = ({ credited, onChain }: Balance) => credited === "0" && onChain === "0"
  const held = balances.filter((balance) => !isNothing(balance))
  const empty = new Set(balances.map(({ address }) => address))
  for (const { address } of held) empty.delete(address)
  const amountWidth = Math.max(...held.map(({ credited }) => credited.length))
  return [
    ...held.map((balance) => {
      const { address, token, credited, onChain } = balance
      const sign = isEqual(balance) ? "=" : "≠"
      return [
        mark(screen, isEqual(balance)),
        nameOf(address).padEnd(nameWidth),
        screen.paint(address, "dim"),
        `${credited.padStart(amountWidth)} ${sign} ${onChain} ${token}`
      ].join(gap)
    }),
    [
      mark(screen, true),
      `${empty.size} other addresses, of refused and dead-lettered claims: nothing, here and there`
    ].join(gap)
  ]
}

export const reportLines = (
  screen: Screen,
  played: ReadonlyArray<Played>,
  expected: Expectation,
  outcome: Outcome
): ReadonlyArray<string> => {
  const { paint } = screen
  const deposits = expected.confirmed.length
  const credits = outcome.credits.length
  return [
    "",
    paint("What was sent, and what came of it", "bold"),
    ...tableLines(screen, played, outcome),
    "",
    paint("Balances: what GET /v1/accounts says = what the chain says", "bold"),
    ...balanceLines(screen, played, outcome),
    "",
    paint("The ledger", "bold"),
    ...outcome.sums.map(({ token, sum }) =>
      [mark(screen, sum === "0"), `all entries in ${token} sum to ${sum}`].join(gap)
    ),
    [
      mark(screen, deposits === credits),
      `${deposits} deposits were confirmed on chain, ${credits} credits were made`
    ].join(gap),
    ""
  ]
}
