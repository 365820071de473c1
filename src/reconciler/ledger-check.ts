/**
 * The ledger against the chain: is each balance the sum of what the validator saw?
 *
 *     event log ── follow the feed, sum the amounts of its credits and reversals ──▶ seen_totals
 *     seen_totals (+ what the feed does not show yet) ◀── compare ──▶ sum of the ledger's entries
 *
 * Those whose sums have changed are compared in each pass, all others in turn. Both sides are read from
 * one snapshot, and an event is written in the transaction of its entries: a difference is never one of
 * time. It is told, and never mended: who knows which side is wrong?
 */
import type { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import type { Fragment } from "effect/sql/Statement"
import { appendAudit } from "../event-log/audit-log.ts"
import { numerics, texts } from "../event-log/columns.ts"

/** Events in one transaction. */
const feedBatchSize = 10_000
/** Balances that are compared in turn in one pass, beside those that have changed. */
const comparedInTurn = 10_000
/** A pass names no more; the next ones name the rest. */
const maxDifferences = 1_000

export interface Difference {
  readonly address: string
  readonly chain: string
  readonly tenant_id: string
  readonly environment: string
  readonly token: string
  /** What the validator saw, less what was reorganised away. Canonical, in whole tokens. */
  readonly seen: string
  /** What the ledger says. */
  readonly booked: string
}

/** Before the first. */
const firstAccount = "00000000-0000-0000-0000-000000000000"

export const makeLedgerCheck = (sql: PgClient.PgClient) => {
  const afterCursor = sql.literal(`(event.transaction_id, event.position)
    > (SELECT cursor.transaction_id, cursor.position FROM seen_totals_cursor AS cursor)`)

  const accountsInTurn = sql`
    SELECT id, address, chain FROM ledger_accounts
    WHERE kind = 'deposits' AND id > (SELECT compared_to FROM seen_totals_cursor)
    ORDER BY id LIMIT ${comparedInTurn}`

  /** What an event says was seen, signed. */
  const seenAmounts = (where: Fragment) => sql`
    SELECT job.to_address AS address, job.chain, job.tenant_id, job.environment, job.token,
           CASE event.type WHEN 'deposit.credited' THEN 1 ELSE -1 END
             * (event.data->>'amount')::numeric AS amount
    FROM deposit_events AS event JOIN funding_event_jobs AS job ON job.id = event.job_id
    WHERE event.type IN ('deposit.credited', 'deposit.reversed') AND ${where}`

  /** Adds the next events of the feed to the totals. Returns the addresses touched; null at its end. */
  const follow = Effect.gen(function* () {
    yield* sql`SELECT FROM seen_totals_cursor FOR UPDATE`
    const [next] = yield* sql<{ transaction_id: string; position: string; count: number }>`
      SELECT transaction_id::text, position::text, count FROM (
        SELECT transaction_id, position, count(*) OVER ()::integer AS count,
               row_number() OVER (ORDER BY transaction_id DESC, position DESC) AS from_end
        FROM (
          SELECT event.transaction_id, event.position FROM deposit_events AS event
          WHERE ${afterCursor}
            AND event.transaction_id < pg_snapshot_xmin(pg_current_snapshot())
          ORDER BY event.transaction_id, event.position
          LIMIT ${feedBatchSize}
        ) AS batch
      ) AS numbered WHERE from_end = 1`
    if (next === undefined) return { isLast: true, touched: [] }
    const touched = yield* sql<Key>`
      WITH seen AS (
        ${seenAmounts(afterCursor)}
          AND (event.transaction_id, event.position)
            <= (${next.transaction_id}::text::xid8, ${next.position}::text::bigint)
      )
      INSERT INTO seen_totals (address, chain, tenant_id, environment, token, amount)
      SELECT address, chain, tenant_id, environment, token, sum(amount) FROM seen
      GROUP BY address, chain, tenant_id, environment, token
      ON CONFLICT (address, chain, tenant_id, environment, token)
        DO UPDATE SET amount = seen_totals.amount + excluded.amount
      RETURNING address, chain`
    yield* sql`
      UPDATE seen_totals_cursor
      SET transaction_id = ${next.transaction_id}::text::xid8, position = ${next.position}::text::bigint`
    return { isLast: next.count < feedBatchSize, touched }
  }).pipe(sql.withTransaction)

  /** Balances that are not the sum of what was seen, of these addresses and of the next in turn. */
  const compare = (touched: ReadonlyArray<Key>) =>
    sql<Compared>`
      WITH target AS MATERIALIZED (
        SELECT address, chain FROM unnest(
          ${texts(touched.map(({ address }) => address))},
          ${texts(touched.map(({ chain }) => chain))}
        ) AS touched (address, chain)
        UNION SELECT address, chain FROM seen_totals WHERE reported_difference <> 0
        UNION SELECT address, chain FROM (${accountsInTurn}) AS in_turn
      ), seen AS (
        SELECT address, chain, tenant_id, environment, token, sum(amount) AS amount,
               sum(reported_difference) AS reported_difference
        FROM (
          SELECT address, chain, tenant_id, environment, token, amount, reported_difference
          FROM seen_totals JOIN target USING (address, chain)
          UNION ALL
          SELECT address, chain, tenant_id, environment, token, amount, 0
          FROM (${seenAmounts(afterCursor)}) AS later JOIN target USING (address, chain)
        ) AS parts
        GROUP BY address, chain, tenant_id, environment, token
      ), booked AS (
        SELECT address, chain, tenant_id, environment, token, sum(entry.amount) AS amount
        FROM target
        JOIN ledger_accounts AS account USING (address, chain)
        JOIN ledger_entries AS entry ON entry.account_id = account.id
        WHERE account.kind = 'deposits'
        GROUP BY address, chain, tenant_id, environment, token
      )
      SELECT address, chain, tenant_id, environment, token,
             trim_scale(coalesce(seen.amount, 0))::text AS seen,
             trim_scale(coalesce(booked.amount, 0))::text AS booked,
             trim_scale(coalesce(booked.amount, 0) - coalesce(seen.amount, 0))::text AS difference,
             coalesce(booked.amount, 0) <> coalesce(seen.amount, 0) AS differs,
             coalesce(booked.amount, 0) - coalesce(seen.amount, 0)
               <> coalesce(reported_difference, 0) AS is_news
      FROM seen FULL JOIN booked USING (address, chain, tenant_id, environment, token)
      WHERE coalesce(seen.amount, 0) <> coalesce(booked.amount, 0) OR reported_difference <> 0
      ORDER BY is_news DESC, address, chain, tenant_id, environment, token
      LIMIT ${maxDifferences}`

  /** Where the next pass begins; at the first account again after the last. */
  const moveOn = sql`
    UPDATE seen_totals_cursor SET compared_to = coalesce(
      (SELECT id FROM (${accountsInTurn}) AS in_turn ORDER BY id OFFSET ${comparedInTurn - 1}),
      ${firstAccount}::uuid)`

  /** Tells what is new among the differences, and remembers it. */
  const tell = Effect.fnUntraced(function* (found: ReadonlyArray<Compared>, actor: string) {
    const news = found.filter(({ is_news }) => is_news)
    yield* sql`
      INSERT INTO seen_totals (
        address, chain, tenant_id, environment, token, amount, reported_difference)
      SELECT address, chain, tenant_id, environment, token, 0, difference FROM unnest(
        ${texts(news.map(({ address }) => address))},
        ${texts(news.map(({ chain }) => chain))},
        ${texts(news.map(({ tenant_id }) => tenant_id))},
        ${texts(news.map(({ environment }) => environment))},
        ${texts(news.map(({ token }) => token))},
        ${numerics(news.map(({ difference }) => difference))}
      ) AS news (address, chain, tenant_id, environment, token, difference)
      ORDER BY address, chain, tenant_id, environment, token
      ON CONFLICT (address, chain, tenant_id, environment, token)
        DO UPDATE SET reported_difference = excluded.reported_difference`
    yield* appendAudit(
      sql,
      news.map(({ differs, is_news: _, tenant_id, ...details }) => ({
        action: differs ? "ledger_differs" : "ledger_agrees_again",
        actor,
        tenant_id,
        details
      }))
    )
  })

  /** How many balances differ. */
  return Effect.fnUntraced(function* (actor: string) {
    const touched = new Map<string, Key>()
    for (let isLast = false; !isLast; ) {
      const step = yield* follow
      isLast = step.isLast
      for (const key of step.touched) touched.set(`${key.chain} ${key.address}`, key)
    }
    const found = yield* sql.withTransaction(
      sql`SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY`.pipe(
        Effect.andThen(compare([...touched.values()]))
      )
    )
    yield* sql.withTransaction(Effect.andThen(moveOn, tell(found, actor)))
    const differing = found.filter(({ differs }) => differs)
    for (const { address, booked, chain, environment, seen, tenant_id, token } of differing) {
      yield* Effect.logError(
        `the ledger differs from the chain: ${booked} ${token} are booked for ${address}, and ${seen} were seen`
      ).pipe(Effect.annotateLogs({ chain, tenant_id, environment }))
    }
    return differing.length
  })
}

interface Key {
  readonly address: string
  readonly chain: string
}

interface Compared extends Difference {
  /** Booked less seen. */
  readonly difference: string
  readonly differs: boolean
  /** It was not told yet, or otherwise. */
  readonly is_news: boolean
}
