/**
 * What came of it all, from whoever knows: jobs and balances from the public API, the ledger from
 * its tables, and what addresses hold from the chain.
 */
import { Effect } from "effect"
import type { EventView } from "../api/api.ts"
import type { Address } from "../domain/chain.ts"
import type { JobId } from "../domain/ids.ts"
import { makeDemoApi } from "./demo-api.ts"
import type { Played } from "./play.ts"
import type { DemoToken } from "./scenarios.ts"
import type { Stage } from "./stage.ts"
import type { Balance, Job, Outcome, Transfer } from "./verdict.ts"

const concurrency = 8

export const observe = Effect.fnUntraced(function* (
  { chain, secrets, service: { sql, url } }: Stage,
  played: ReadonlyArray<Played>
) {
  const api = yield* makeDemoApi(url, secrets.apiToken)

  const ids = yield* sql<{ id: JobId }>`SELECT id FROM funding_event_jobs ORDER BY id`
  const jobs = yield* Effect.forEach(
    ids,
    ({ id }) => Effect.map(api.events(id), (events) => jobOf(id, events)),
    { concurrency }
  )

  const credits = yield* sql<Transfer>`
    SELECT transaction.tx_hash, account.address AS to_address, entry.token,
           trim_scale(entry.amount)::text AS amount
    FROM ledger_transactions AS transaction
    JOIN ledger_entries AS entry ON entry.transaction_id = transaction.id
    JOIN ledger_accounts AS account ON account.id = entry.account_id
    WHERE account.kind = 'deposits'`
  const sums = yield* sql<{ token: string; sum: string }>`
    SELECT token, trim_scale(sum(amount))::text AS sum
    FROM ledger_entries GROUP BY token ORDER BY token`

  const balancesOf = Effect.fnUntraced(function* (address: Address) {
    const credited = new Map(
      (yield* api.balances(address)).map(({ token, amount }) => [token, amount])
    )
    return yield* Effect.forEach(tokens, (token) =>
      Effect.map(
        chain.balance(token, address),
        (onChain): Balance => ({ address, token, credited: credited.get(token) ?? "0", onChain })
      )
    )
  })
  const balances = yield* Effect.forEach(addressesOf(played), balancesOf, { concurrency })

  return {
    answers: played.flatMap(({ sent }) =>
      sent.flatMap(({ answers }) =>
        answers.map((answer) =>
          answer._tag === "Taken"
            ? { answer: answer.status, reason: null, job_id: answer.job_id }
            : { answer: `refused ${answer.status}`, reason: answer.detail, job_id: null }
        )
      )
    ),
    jobs,
    credits,
    balances: balances.flat(),
    sums
  } satisfies Outcome
})

const tokens: ReadonlyArray<DemoToken> = ["ETH", "USDC"]

/** Every address that something was paid to, or was said to be. */
const addressesOf = (played: ReadonlyArray<Played>): ReadonlyArray<Address> => [
  ...new Set(
    played.flatMap(({ payments, sent }) =>
      [...payments, ...sent.map(({ payment }) => payment)].map(({ to_address }) => to_address)
    )
  )
]

const jobOf = (job_id: JobId, events: ReadonlyArray<typeof EventView.Type>): Job => {
  const state = events.at(-1)?.to_state ?? "unknown"
  const error = events.findLast(({ type }) => type === "attempt.failed")?.data.error
  const reason = typeof error === "string" ? error : null
  const has = (wanted: string) => events.some(({ type }) => type === wanted)
  const fate =
    state === "dlq"
      ? "dead-lettered"
      : state.startsWith("completed")
        ? has("deposit.already_credited")
          ? "already credited"
          : "credited"
        : state
  return { job_id, fate, reason }
}
