/**
 * What came of it all, from whoever knows: jobs and balances from the public API, the ledger from
 * its tables, and what addresses hold from the chain.
 */
import { Effect } from "effect"
import type { EventView } from "../api/api.ts"
import type { Address } from "../domain/chain.ts"
import type { JobId } from "../domain/ids.ts"
import { makeDemoApi } from "./demo-api.ts"
import type { DemoChain } from "./demo-chain.ts"
import type { Played } from "./play.ts"
import type { Stage } from "./stage.ts"
import type { Balance, Job, Outcome, Transfer } from "./verdict.ts"

const concurrency = 8

export const observe = Effect.fnUntraced(function* (
  { apiToken, service: { sql, url } }: Stage,
  played: ReadonlyArray<Played>
) {
  const api = yield* makeDemoApi(url, apiToken)

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

  const balancesOf = Effect.fnUntraced(function* ({ chain, address }: Place) {
    const credited = new Map(
      (yield* api.balances(chain.name, address)).map(({ token, amount }) => [token, amount])
    )
    return yield* Effect.forEach(chain.tokens, (token) =>
      Effect.map(
        chain.balance(token, address),
        (onChain): Balance => ({ address, token, credited: credited.get(token) ?? "0", onChain })
      )
    )
  })
  const balances = yield* Effect.forEach(placesOf(played), balancesOf, { concurrency })

  return {
    answers: played.flatMap(({ sent }) =>
      sent.flatMap(({ answers }) =>
        answers.map((answer) =>
          answer._tag === "Taken"
            ? { answer: answer.status, reason: answer.detail, job_ids: answer.job_ids }
            : { answer: `refused ${answer.status}`, reason: answer.detail, job_ids: [] }
        )
      )
    ),
    jobs,
    credits,
    balances: balances.flat(),
    sums
  } satisfies Outcome
})

interface Place {
  readonly chain: DemoChain
  readonly address: Address
}

/** Every address that something was paid to, or was said to be. */
const placesOf = (played: ReadonlyArray<Played>): ReadonlyArray<Place> => {
  const places = new Map<Address, Place>()
  for (const { chain, payments, sent } of played) {
    for (const { to_address } of [...payments, ...sent.flatMap((one) => one.payments)]) {
      places.set(to_address, { chain, address: to_address })
    }
  }
  return [...places.values()]
}

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
