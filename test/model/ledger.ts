/** The model's `ledger_transactions`: what `Creditor.credit` and `Creditor.reverse` do in a transaction. */
import type { JobId } from "../../src/domain/ids.ts"
import type { Database, Flaw, LedgerRow } from "./database.ts"

/** In tenths of a token: the claims are about 1.5. */
export const amount = 15n

/** The transfer's place on chain, the same for all claims about it. */
export const transfer = "log:3"

export type Credited =
  | { readonly db: Database; readonly by: LedgerRow }
  /** A transaction that fails: nothing of it happened. */
  | { readonly died: string }

export const standing = (db: Database): ReadonlyArray<LedgerRow> =>
  db.ledger.filter(
    ({ id, kind }) => kind === "credit" && !db.ledger.some(({ reverses_id }) => reverses_id === id)
  )

export const net = ({ ledger }: Database): number =>
  ledger.reduce((sum, { kind }) => sum + (kind === "credit" ? 1 : -1), 0)

const keyOf = ({ credit_number, kind, transfer }: LedgerRow) =>
  `${transfer} ${credit_number} ${kind}`

/**
 * `INSERT INTO ledger_transactions … credit_number = 1 + (SELECT count(*) … kind = 'reversal')
 * ON CONFLICT (…, credit_number, kind) DO NOTHING`, after which the trigger `surehook_credits_in_turn`
 * looks at what was added. If nothing was, `SELECT` the credit that stands.
 */
export const credit = (
  db: Database,
  id: string,
  job_id: JobId,
  isReplayed: boolean,
  flaw: Flaw | undefined
): Credited => {
  const place =
    isReplayed && flaw === "a replayed deposit gets a ledger key of its own"
      ? `${transfer} of ${job_id}`
      : transfer
  const before = db.ledger.filter((row) => row.transfer === place)
  const counted =
    flaw === "a credit's number counts credits, and not reversals" ? "credit" : "reversal"
  const credit_number =
    flaw === "every credit of a transfer has the same number"
      ? 1
      : 1 + before.filter(({ kind }) => kind === counted).length
  const row: LedgerRow = {
    id,
    transfer: place,
    kind: "credit",
    credit_number,
    job_id,
    reverses_id: null,
    amount
  }
  const isTaken =
    flaw !== "it looks first whether a transfer is credited, and there is no unique key" &&
    before.some((one) => keyOf(one) === keyOf(row))
  if (!isTaken) {
    const isInTurn =
      credit_number === 1 ||
      counted === "credit" ||
      before.some((one) => one.kind === "reversal" && one.credit_number === credit_number - 1)
    return isInTurn
      ? { db: { ...db, ledger: [...db.ledger, row] }, by: row }
      : { died: `credit ${credit_number} came before its turn` }
  }
  const by = standing(db).find((one) => one.transfer === place)
  return by === undefined
    ? { died: `the credit of ${job_id} was neither made nor found` }
    : { db, by }
}

/** `INSERT INTO ledger_transactions … 'reversal', credit_number … ON CONFLICT (…) DO NOTHING RETURNING`. */
export const reverse = (db: Database, id: string, reverses_id: string): Database | undefined => {
  const credited = db.ledger.find((row) => row.id === reverses_id && row.kind === "credit")
  if (credited === undefined) return undefined
  const row: LedgerRow = {
    ...credited,
    id,
    kind: "reversal",
    reverses_id,
    amount: -credited.amount
  }
  const isTaken = db.ledger.some((one) => keyOf(one) === keyOf(row))
  return isTaken ? undefined : { ...db, ledger: [...db.ledger, row] }
}
