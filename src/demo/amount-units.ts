/** Amounts as chains count them. */
import { BigDecimal } from "effect"

/** The smallest units of a decimal amount in whole tokens. */
export const amountUnits = (amount: string, decimals: number): bigint =>
  BigDecimal.scale(BigDecimal.fromStringUnsafe(amount), decimals).value
