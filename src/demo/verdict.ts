/**
 * Was each confirmed deposit credited exactly once, and nothing else? Pure: what must be on one
 * side, what was observed on the other, and every difference in words.
 */

/** A payment on chain, or an entry of the ledger for one: they are compared in every part. */
export interface Transfer {
  readonly tx_hash: string
  readonly to_address: string
  readonly token: string
  /** Canonical decimal. */
  readonly amount: string
}

/** How a webhook was answered: `accepted`, `duplicate`, or the status of its refusal and why. */
export interface ExpectedAnswer {
  readonly what: string
  readonly answer: string
  /** Stands in the refusal. */
  readonly because: string | null
  /** What must become of each job that it makes; null if it makes none. */
  readonly fate: ExpectedFate | null
  /** The answer, by its place, whose jobs it must name again; null if it is no duplicate. */
  readonly duplicateOf: number | null
}

export interface ExpectedFate {
  /** As `Job.fate`. */
  readonly fate: string
  /** Stands in the job's last error. */
  readonly because: string | null
}

export interface ObservedAnswer {
  readonly answer: string
  readonly reason: string | null
  readonly job_ids: ReadonlyArray<string>
}

export interface Expectation {
  /** What the chain confirmed: each is to be credited once. */
  readonly confirmed: ReadonlyArray<Transfer>
  readonly answers: ReadonlyArray<ExpectedAnswer>
}

export interface Job {
  readonly job_id: string
  /** `credited`, `already credited`, `dead-lettered`, or the state in which it is left. */
  readonly fate: string
  readonly reason: string | null
}

export interface Balance {
  readonly address: string
  readonly token: string
  /** As the public API says. */
  readonly credited: string
  /** As the chain says. */
  readonly onChain: string
}

export interface Outcome {
  /** In the order of the expected ones. */
  readonly answers: ReadonlyArray<ObservedAnswer>
  /** All that the database holds. */
  readonly jobs: ReadonlyArray<Job>
  /** All that the ledger holds. */
  readonly credits: ReadonlyArray<Transfer>
  readonly balances: ReadonlyArray<Balance>
  /** The sum of all entries of a token. */
  readonly sums: ReadonlyArray<{ readonly token: string; readonly sum: string }>
}

/** Everything that differs; nothing if all is as it must be. */
export const differences = (expected: Expectation, outcome: Outcome): ReadonlyArray<string> => [
  ...answerFaults(expected, outcome),
  ...jobFaults(expected, outcome),
  ...creditFaults(expected, outcome),
  ...balanceFaults(expected, outcome),
  ...outcome.sums.flatMap(({ token, sum }) =>
    sum === "0" ? [] : [`the ledger's entries in ${token} sum to ${sum}, not to 0`]
  )
]

const told = (what: string, reason: string | null) =>
  reason === null ? what : `${what}: ${reason}`

/** Whether the reason is the expected one. */
const isBecause = (because: string | null, reason: string | null): boolean =>
  because === null || reason?.includes(because) === true

const answerFaults = (expected: Expectation, { answers }: Outcome): ReadonlyArray<string> =>
  expected.answers.flatMap(({ what, answer, because, duplicateOf }, index) => {
    const given = answers[index]
    if (given === undefined) return [`${what}: it was not sent`]
    if (given.answer !== answer || !isBecause(because, given.reason)) {
      return [
        `${what}: answered ${told(given.answer, given.reason)}, expected ${told(answer, because)}`
      ]
    }
    const named = given.job_ids.join(", ")
    return duplicateOf === null || named === answers[duplicateOf]?.job_ids.join(", ")
      ? []
      : [`${what}: answered with job ${named}, which is not that of the first`]
  })

const jobFaults = (expected: Expectation, { answers, jobs }: Outcome): ReadonlyArray<string> => {
  const announced = new Set(answers.flatMap(({ job_ids }) => job_ids))
  const wrong = expected.answers.flatMap(({ what, fate }, index) => {
    if (fate === null) return []
    return (answers[index]?.job_ids ?? []).flatMap((job_id) => {
      const job = jobs.find((one) => one.job_id === job_id)
      if (job === undefined) return [`${what}: its job ${job_id} is not in the database`]
      return job.fate === fate.fate && isBecause(fate.because, job.reason)
        ? []
        : [
            `${what}: its job ended as ${told(job.fate, job.reason)}, expected ${told(fate.fate, fate.because)}`
          ]
    })
  })
  const unannounced = jobs.flatMap(({ job_id, fate }) =>
    announced.has(job_id) ? [] : [`job ${job_id} (${fate}) belongs to no accepted webhook`]
  )
  return [...wrong, ...unannounced]
}

const transferText = ({ amount, token, to_address, tx_hash }: Transfer) =>
  `${amount} ${token} to ${to_address} in transaction ${tx_hash}`

const creditFaults = ({ confirmed }: Expectation, { credits }: Outcome): ReadonlyArray<string> => {
  const counts = (transfers: ReadonlyArray<Transfer>) =>
    Map.groupBy(transfers.map(transferText), (text) => text)
  const wanted = counts(confirmed)
  const made = counts(credits)
  return [
    ...[...wanted].flatMap(([text, { length }]) => {
      const times = made.get(text)?.length ?? 0
      if (times === length) return []
      return times === 0
        ? [`not credited, though confirmed: ${text}`]
        : [`credited ${times} times instead of ${length}: ${text}`]
    }),
    ...[...made.keys()].flatMap((text) =>
      wanted.has(text) ? [] : [`credited, though never confirmed: ${text}`]
    )
  ]
}

const balanceFaults = (
  { confirmed }: Expectation,
  { balances }: Outcome
): ReadonlyArray<string> => {
  const unequal = balances.flatMap(({ address, token, credited, onChain }) =>
    credited === onChain
      ? []
      : [`${address} has ${credited} ${token} in its account and ${onChain} on chain`]
  )
  const uncompared = confirmed.flatMap(({ to_address, token }) =>
    balances.some((balance) => balance.address === to_address && balance.token === token)
      ? []
      : [`the ${token} of ${to_address} were not compared with the chain`]
  )
  return [...unequal, ...uncompared]
}
