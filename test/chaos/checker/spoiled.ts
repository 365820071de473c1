/** The ways in which a clean database is spoiled, and what the checker must say of each. */
import { randomUUID } from "node:crypto"
import type { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import type { ChainTransfer, Facts, Promised, Violation } from "./facts.ts"
import { accountOf, type Deposit, insertCredit } from "./history.ts"

export interface Case {
  readonly name: string
  readonly check: Violation["check"]
  readonly of: "job" | "tx" | "neither"
  /** What a person reads. */
  readonly says: RegExp
  readonly promised?: Partial<Promised>
  readonly spoil?: (
    sql: PgClient.PgClient,
    deposit: Deposit
  ) => Effect.Effect<unknown, unknown, PgClient.PgClient>
  readonly facts?: (facts: Facts, deposit: Deposit) => Facts
}

/** With that many reversals of the deposit's credit, each with its entries. */
export const reversed = (facts: Facts, { ledger_id, job_id }: Deposit, times: number): Facts => {
  const { database } = facts
  const ids = Array.from({ length: times }, () => randomUUID())
  const credits = database.transactions.filter(({ id }) => id === ledger_id)
  const entries = database.entries.filter(({ transaction_id }) => transaction_id === ledger_id)
  const opposite = ({ amount }: { readonly amount: string }) =>
    amount.startsWith("-") ? amount.slice(1) : `-${amount}`
  return {
    ...facts,
    balances: [],
    database: {
      ...database,
      transactions: [
        ...database.transactions,
        ...ids.flatMap((id) =>
          credits.map((credit) => ({
            ...credit,
            id,
            job_id,
            kind: "reversal",
            reverses_id: ledger_id
          }))
        )
      ],
      entries: [
        ...database.entries,
        ...ids.flatMap((transaction_id) =>
          entries.map((entry) => ({ ...entry, transaction_id, amount: opposite(entry) }))
        )
      ]
    }
  }
}

const elsewhere = (transfer: ChainTransfer): ChainTransfer => ({
  ...transfer,
  tx_hash: `0x${"9".repeat(64)}`
})

export const cases: ReadonlyArray<Case> = [
  {
    name: "a transfer that is credited twice",
    check: "doubled",
    of: "job",
    says: /log:0 is credited 2 times/,
    spoil: (sql, deposit) =>
      sql`DROP INDEX IF EXISTS ledger_transactions_transfer`.pipe(
        Effect.andThen(insertCredit({ ...deposit, ledger_id: randomUUID() }))
      )
  },
  {
    name: "a credit that the chain knows nothing of",
    check: "phantom",
    of: "job",
    says: /not in the chain/,
    facts: (facts) => ({ ...facts, chain: facts.chain.slice(1) })
  },
  {
    name: "a credit that nobody announced",
    check: "phantom",
    of: "job",
    says: /nobody announced/,
    spoil: (sql, { job_id }) =>
      sql`UPDATE funding_event_jobs SET amount = 2 WHERE id = ${job_id}::uuid`
  },
  {
    name: "a confirmed transfer that is not credited",
    check: "lost",
    of: "job",
    says: /confirmed and not credited/,
    spoil: (sql, { ledger_id }) =>
      sql`DELETE FROM ledger_transactions WHERE id = ${ledger_id}::uuid`
  },
  {
    name: "a transfer to a registered address of which no webhook came, where that is promised",
    check: "lost",
    of: "tx",
    says: /no job claims it/,
    promised: { neverAnnounced: true },
    spoil: (sql, { to }) => sql`
      INSERT INTO deposit_addresses VALUES ('acme', 'localchain', ${to}, 'ann', 'test', now())`,
    facts: (facts, { transfer }) => ({ ...facts, chain: [...facts.chain, elsewhere(transfer)] })
  },
  {
    name: "a deposit that the faults dead-lettered, where a reconciler is promised",
    check: "dead-lettered",
    of: "job",
    says: /its job is dlq: the endpoint was down/,
    promised: { reconciler: true },
    spoil: (sql, { job_id, ledger_id }) =>
      Effect.andThen(
        sql`DELETE FROM ledger_transactions WHERE id = ${ledger_id}::uuid`,
        sql`UPDATE funding_event_jobs SET status = 'dlq', sub_state = null,
              error_type = 'rpc_failure', last_error = 'the endpoint was down'
            WHERE id = ${job_id}::uuid`
      )
  },
  {
    name: "a credit that was reversed though its transfer stands",
    check: "lost",
    of: "job",
    says: /confirmed and not credited/,
    facts: (facts, deposit) => reversed(facts, deposit, 1)
  },
  {
    name: "a credit that was reversed twice",
    check: "ledger",
    of: "job",
    says: /was reversed more than once/,
    facts: (facts, deposit) => reversed(facts, deposit, 2)
  },
  {
    name: "entries that do not sum to zero",
    check: "ledger",
    of: "job",
    says: /sums to 0\.000001 USDC/,
    spoil: (sql, { ledger_id, to }) =>
      sql`UPDATE ledger_entries SET amount = 1.500001
          WHERE transaction_id = ${ledger_id}::uuid AND account_id = ${accountOf(to)}::uuid`
  },
  {
    name: "an entry that is missing",
    check: "ledger",
    of: "job",
    says: /has 1 entries/,
    spoil: (sql, { ledger_id, to }) =>
      sql`DELETE FROM ledger_entries
          WHERE transaction_id = ${ledger_id}::uuid AND account_id = ${accountOf(to)}::uuid`
  },
  {
    name: "a credit of another amount than the chain's",
    check: "ledger",
    of: "job",
    says: /says 3 USDC to .* the chain says 1\.5 USDC/,
    spoil: (sql, { ledger_id }) =>
      sql`UPDATE ledger_entries SET amount = amount * 2 WHERE transaction_id = ${ledger_id}::uuid`
  },
  {
    name: "a credit that no event tells of",
    check: "ledger",
    of: "job",
    says: /told by 0 events/,
    spoil: (sql, { job_id }) =>
      sql`UPDATE deposit_events SET type = 'deposit.already_credited'
          WHERE job_id = ${job_id}::uuid AND sequence = 3`
  },
  {
    name: "a balance that is not the sum of its entries",
    check: "balance",
    of: "neither",
    says: /shows 1 USDC .* sum to 1\.5/,
    facts: (facts, { to }) => ({
      ...facts,
      balances: facts.balances.map((one) => (one.address === to ? { ...one, amount: "1" } : one))
    })
  },
  {
    name: "a gap in a job's sequence",
    check: "log",
    of: "job",
    says: /event 3 .* stands where event 2 should/,
    spoil: (sql, { job_id }) =>
      sql`DELETE FROM deposit_events WHERE job_id = ${job_id}::uuid AND sequence = 2`
  },
  {
    name: "an event that does not link to the one before it",
    check: "log",
    of: "job",
    says: /does not link/,
    spoil: (sql, { job_id }) =>
      sql`UPDATE deposit_events SET previous_hash = sha256('x')
          WHERE job_id = ${job_id}::uuid AND sequence = 2`
  },
  {
    name: "an event that was changed afterwards",
    check: "log",
    of: "job",
    says: /event 2 .* does not have the hash of what it says/,
    spoil: (sql, { job_id }) =>
      sql`UPDATE deposit_events SET actor = 'somebody else'
          WHERE job_id = ${job_id}::uuid AND sequence = 2`
  },
  {
    name: "an event that does not go on from the state before it",
    check: "log",
    of: "job",
    says: /goes on from dlq; the one before it led to pending/,
    spoil: (sql, { job_id }) =>
      sql`UPDATE deposit_events SET from_state = 'dlq'
          WHERE job_id = ${job_id}::uuid AND sequence = 2`
  },
  {
    name: "a row that disagrees with its log",
    check: "row",
    of: "job",
    says: /the row says dlq; its log ends in completed\.final/,
    spoil: (sql, { job_id }) =>
      sql`UPDATE funding_event_jobs SET status = 'dlq', sub_state = null
          WHERE id = ${job_id}::uuid`
  },
  {
    name: "a log without a row",
    check: "row",
    of: "job",
    says: /the log has no row/,
    spoil: (sql, { job_id }) => sql`DELETE FROM funding_event_jobs WHERE id = ${job_id}::uuid`
  },
  {
    name: "a webhook that got a 200 and is no job",
    check: "acknowledged",
    of: "tx",
    says: /msg_1 got a 200, and there is no job/,
    spoil: (sql, { job_id }) => sql`DELETE FROM funding_event_jobs WHERE id = ${job_id}::uuid`
  },
  {
    name: "two jobs of one claim",
    check: "doubled",
    of: "tx",
    says: /is of the very same claim/,
    facts: (facts) => ({
      ...facts,
      database: {
        ...facts.database,
        jobs: facts.database.jobs.flatMap((job) => [job, { ...job, id: randomUUID() }])
      }
    })
  },
  {
    name: "a job that is left in processing",
    check: "unsettled",
    of: "job",
    says: /left in processing/,
    spoil: (sql, { job_id }) =>
      sql`UPDATE funding_event_jobs SET status = 'processing', sub_state = null
          WHERE id = ${job_id}::uuid`
  }
]
