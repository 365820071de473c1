/** Exact amounts: integers of 10^-18 tokens, the finest that the columns hold. */

const fractionDigits = 18

/** Of a decimal as Postgres prints it, `-1.500000000000000000`. Throws on anything else. */
export const attoOf = (text: string): bigint => {
  const [, sign = "", whole = "", fraction = ""] = /^(-?)(\d+)(?:\.(\d{0,18}))?$/.exec(text) ?? []
  if (whole === "") throw new Error(`not an amount: ${text}`)
  const atto = BigInt(whole + fraction.padEnd(fractionDigits, "0"))
  return sign === "-" ? -atto : atto
}

/** Of a token's smallest units. */
export const attoOfUnits = (units: bigint, decimals: number): bigint =>
  units * 10n ** BigInt(fractionDigits - decimals)

export const shown = (atto: bigint): string => {
  const digits = (atto < 0n ? -atto : atto).toString().padStart(fractionDigits + 1, "0")
  const whole = digits.slice(0, -fractionDigits)
  const fraction = digits.slice(-fractionDigits).replace(/0+$/, "")
  return `${atto < 0n ? "-" : ""}${whole}${fraction === "" ? "" : `.${fraction}`}`
}
