/** What the depositors do and what is told of it, made from the seed alone. */
import type { Random } from "./random.ts"

export interface PlannedPayment {
  readonly to: string
  readonly token: "USDC" | "ETH"
  /** Smallest units. */
  readonly units: bigint
}

export interface PlannedWebhook {
  /** Which of the payments it tells of. */
  readonly payment: number
  /** Smallest units that it says too much. */
  readonly excess: bigint
  /** It names the log, for which the transaction must be mined. */
  readonly withIndex: boolean
  readonly id: string
  readonly delayMillis: number
}

export interface PlannedTransaction {
  readonly atMillis: number
  readonly sender: number
  /**
   * `spoof`: a contract that is not the token's logs a transfer that never was. `invented`: there is
   * no such transaction.
   */
  readonly kind: "token" | "native" | "split" | "reverts" | "spoof" | "invented"
  readonly payments: ReadonlyArray<PlannedPayment>
  /** None if nobody ever tells of it. */
  readonly webhooks: ReadonlyArray<PlannedWebhook>
}

export interface PlanOptions {
  readonly durationMillis: number
  readonly transactionsPerSecond: number
  readonly senders: number
  readonly addresses: ReadonlyArray<string>
  /** The longest that a webhook comes late. */
  readonly mostDelayMillis: number
}

const kinds = [
  "token",
  "token",
  "token",
  "native",
  "native",
  "split",
  "split",
  "reverts",
  "spoof",
  "invented"
] as const
const paymentsOfSplit = 4
const neverShare = 0.08
const lateShare = 0.15
const wrongShare = 0.08
const indexedShare = 0.1
const mostCopies = 3
const promptMillis = 800

const payment = (random: Random, options: PlanOptions, token: "USDC" | "ETH"): PlannedPayment => ({
  to: options.addresses[random.integer(0, options.addresses.length - 1)] ?? "",
  token,
  // Many different ones, so that claims of one transaction can be told apart.
  units: BigInt(random.integer(1, 1_000_000)) * (token === "ETH" ? 10n ** 9n : 1n)
})

const webhooksOf = (
  random: Random,
  options: PlanOptions,
  index: number,
  isLogged: boolean
): ReadonlyArray<PlannedWebhook> => {
  const isLate = random.chance(lateShare)
  const delayMillis = (): number =>
    random.integer(0, isLate ? options.mostDelayMillis : promptMillis)
  const isWrong = random.chance(wrongShare)
  const first: PlannedWebhook = {
    payment: index,
    excess: isWrong ? BigInt(random.integer(1, 9)) : 0n,
    withIndex: false,
    id: `msg_${random.hex(16)}`,
    delayMillis: delayMillis()
  }
  // Each with a delay of its own, so that they come in any order.
  const copies = Array.from({ length: random.integer(0, mostCopies - 1) }, () => ({
    ...first,
    id: random.chance(0.5) ? first.id : `msg_${random.hex(16)}`,
    delayMillis: delayMillis()
  }))
  const more = { ...first, id: `msg_${random.hex(16)}`, delayMillis: delayMillis() }
  const corrected = isWrong && random.chance(0.5) ? [{ ...more, excess: 0n }] : []
  const indexed =
    isLogged && random.chance(indexedShare) ? [{ ...more, excess: 0n, withIndex: true }] : []
  return [first, ...copies, ...corrected, ...indexed]
}

export const makePlan = (
  random: Random,
  options: PlanOptions
): ReadonlyArray<PlannedTransaction> => {
  const gapMillis = 1000 / options.transactionsPerSecond
  const count = Math.floor(options.durationMillis / gapMillis)
  return Array.from({ length: count }, (_, number) => {
    const kind = random.pick(kinds)
    const token = kind === "native" ? "ETH" : "USDC"
    const payments = Array.from({ length: kind === "split" ? paymentsOfSplit : 1 }, () =>
      payment(random, options, token)
    )
    const isLogged = kind === "token" || kind === "split"
    const webhooks = random.chance(neverShare)
      ? []
      : payments.flatMap((_, index) => webhooksOf(random, options, index, isLogged))
    const sender = random.integer(0, options.senders - 1)
    return { atMillis: Math.floor(number * gapMillis), sender, kind, payments, webhooks }
  })
}
