/** Amounts against a token's thresholds. */
import { BigDecimal } from "effect"
import type { Amount } from "./amount.ts"

export const isAbove = (amount: Amount, threshold: Amount | undefined): boolean =>
  threshold !== undefined &&
  BigDecimal.isGreaterThan(
    BigDecimal.fromStringUnsafe(amount),
    BigDecimal.fromStringUnsafe(threshold)
  )

const ordinaryPriority = 0
const largePriority = 1

/** Of a tenant's deposits those above a token's `large_above` go first. */
export const priorityOf = (amount: Amount, largeAbove: Amount | undefined): number =>
  isAbove(amount, largeAbove) ? largePriority : ordinaryPriority
