/** How much of the dead letters one call may move, and how fast. Beside no code, so that help text has it too. */

/** So that a person says it, and a screen shows it. */
export const maxReasonLength = 500

/** Of one bulk replay. */
export const defaultMaxJobs = 10_000
export const maxMaxJobs = 100_000

/** Jobs a second: each asks the chain's endpoints again. */
export const defaultRate = 100
export const maxRate = 10_000

/** Jobs that are named one by one. */
export const maxNamedJobs = 1_000

export const isReason = (text: string): boolean =>
  text.trim().length > 0 && text.length <= maxReasonLength

export const reasonRule = `must be 1 to ${maxReasonLength} characters that say why`
export const rateRule = `must be a whole number from 1 to ${maxRate}, of jobs a second`
