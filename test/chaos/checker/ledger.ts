/** Double entry: every transaction sums to zero per token, and every balance to its entries. */
import { attoOf, shown } from "./amounts.ts"
import type { Facts, Violation } from "./facts.ts"
import { groupBy, sumBy } from "./groups.ts"

export const checkLedger = ({ database, balances }: Facts): ReadonlyArray<Violation> => {
  const { accounts, entries, events, transactions } = database
  const violations: Array<Violation> = []
  const known = new Set(transactions.map(({ id }) => id))
  const accountOf = new Map(accounts.map((account) => [account.id, account]))
  const entriesOf = groupBy(entries, ({ transaction_id }) => transaction_id)

  for (const { id, job_id, tx_hash } of transactions) {
    const own = entriesOf.get(id) ?? []
    if (own.length < 2) {
      const what = `ledger transaction ${id} has ${own.length} entries`
      violations.push({ check: "ledger", job_id, tx_hash, what })
    }
    for (const [token, sum] of sumBy(
      own,
      (entry) => entry.token,
      ({ amount }) => attoOf(amount)
    )) {
      if (sum === 0n) continue
      const what = `ledger transaction ${id} sums to ${shown(sum)} ${token}`
      violations.push({ check: "ledger", job_id, tx_hash, what })
    }
  }
  for (const { account_id, transaction_id } of entries) {
    if (!known.has(transaction_id)) {
      const what = `an entry belongs to ledger transaction ${transaction_id}, which is not there`
      violations.push({ check: "ledger", what })
    }
    if (!accountOf.has(account_id)) {
      violations.push({ check: "ledger", what: `there is no account ${account_id} of an entry` })
    }
  }

  // Each credit and each reversal is told by exactly one event.
  const told = groupBy(
    events.flatMap(({ data, type }) => {
      const fields: Readonly<Record<string, unknown>> = JSON.parse(data)
      if (type === "deposit.credited") return [String(fields.ledger_transaction_id)]
      return type === "deposit.reversed" ? [String(fields.reversing_ledger_transaction_id)] : []
    }),
    (id) => id
  )
  for (const { id, job_id, kind, tx_hash } of transactions) {
    const times = told.get(id)?.length ?? 0
    if (times === 1) continue
    const what = `${kind} ${id} is told by ${times} events`
    violations.push({ check: "ledger", job_id, tx_hash, what })
  }
  for (const id of told.keys()) {
    if (known.has(id)) continue
    const what = `an event tells of ledger transaction ${id}, which is not there`
    violations.push({ check: "ledger", what })
  }

  const owed = sumBy(
    entries.filter(({ account_id }) => accountOf.get(account_id)?.kind === "deposits"),
    ({ account_id, token }) => `${accountOf.get(account_id)?.address} ${token}`,
    ({ amount }) => attoOf(amount)
  )
  for (const { address, amount, token } of balances) {
    const entered = owed.get(`${address} ${token}`) ?? 0n
    if (attoOf(amount) === entered) continue
    const what = `the service shows ${amount} ${token} for ${address}; its entries sum to ${shown(entered)}`
    violations.push({ check: "balance", what })
  }
  const isShown = new Set(balances.map(({ address, token }) => `${address} ${token}`))
  for (const [place, entered] of owed) {
    if (entered === 0n || balances.length === 0 || isShown.has(place)) continue
    const what = `the service shows nothing for ${place}; its entries sum to ${shown(entered)}`
    violations.push({ check: "balance", what })
  }
  return violations
}
