/** One transaction as Helius' enhanced webhooks tell of it: https://www.helius.dev/docs/webhooks */
import { randomBytes } from "node:crypto"
import { base58 } from "@scure/base"
import type { Payment } from "../demo-chain.ts"

export interface Enhanced {
  readonly payer: string
  readonly payments: ReadonlyArray<Payment>
  readonly isFailed: boolean
  /** Null for SOL. */
  readonly mintOf: (payment: Payment) => string | null
  readonly units: (payment: Payment) => bigint
  readonly decimals: (payment: Payment) => number
}

const feeLamports = 5000

export const enhancedBody = (told: Enhanced) => {
  const { isFailed, payer, payments } = told
  return [
    {
      signature: payments[0]?.tx_hash,
      slot: 1,
      type: "TRANSFER",
      source: "SYSTEM_PROGRAM",
      fee: feeLamports,
      feePayer: payer,
      transactionError: isFailed ? { InstructionError: [0, { Custom: 1 }] } : null,
      nativeTransfers: payments.flatMap((payment) =>
        told.mintOf(payment) === null
          ? [
              {
                fromUserAccount: payer,
                toUserAccount: payment.to_address,
                amount: Number(told.units(payment))
              }
            ]
          : []
      ),
      tokenTransfers: [],
      accountData: payments.map((payment) => accountOf(payment, told))
    }
  ]
}

const accountOf = (payment: Payment, told: Enhanced) => {
  const mint = told.mintOf(payment)
  const units = told.units(payment)
  return mint === null
    ? {
        account: payment.to_address,
        nativeBalanceChange: Number(units),
        tokenBalanceChanges: []
      }
    : {
        account: base58.encode(randomBytes(32)),
        nativeBalanceChange: 0,
        tokenBalanceChanges: [
          {
            userAccount: payment.to_address,
            tokenAccount: base58.encode(randomBytes(32)),
            mint,
            rawTokenAmount: { tokenAmount: `${units}`, decimals: told.decimals(payment) }
          }
        ]
      }
}
