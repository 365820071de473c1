/**
 * The deposits in Postgres: receiving claims, leasing jobs to workers, appending events.
 *
 * Every write takes many jobs in one statement, and loses only the members that another writer
 * overtook: a job whose sequence moved on is left out, the rest goes through.
 */
import { PgClient } from "@effect/sql-pg"
import { Clock, Context, Duration, Effect, Layer, Option, type Schema } from "effect"
import { SecureRandom } from "effect/crypto"
import type { SqlError } from "effect/sql"
import type {
  DepositReceived,
  DepositTransition,
  ProviderReport
} from "../../machines/deposit-events.ts"
import type { ChainName } from "../domain/chain.ts"
import { type Environment, JobId, type SourceId, type TenantId } from "../domain/ids.ts"
import { type TransferClaim, transferKey } from "../domain/transfer.ts"
import { hashes, integers, jsonTexts, numerics, texts, times, uuids } from "../event-log/columns.ts"
import { insertEvents } from "../event-log/event-log.ts"
import { storable } from "../event-log/storable.ts"
import type { Status } from "./deposit-state.ts"
import { makeFairClaim } from "./fair-claim.ts"
import { type Advance, advance, type Job, receive, TransitionRefused } from "./job.ts"
import { type JobRow, jobColumns, jobFromRow, updateRows } from "./job-row.ts"
import { retryLockConflicts } from "./lock-conflicts.ts"

/** A claim that a verified webhook made. */
export interface ReceivedClaim {
  readonly tenant_id: TenantId
  readonly environment: Environment
  readonly source: SourceId
  readonly claim: TransferClaim
  /** What the provider says became of the transfer. */
  readonly report: ProviderReport
  /** The message was handled before: its report is no news. */
  readonly isRepeated?: boolean
  readonly priority: number
  readonly max_attempts: number
  /** SHA-256 of the raw body, hex. */
  readonly payload_digest: string
  readonly payload: Schema.Json
  readonly trace_parent: string | null
}

/** Undefined if the claim only says that a transfer is gone, and no job knows of it. */
export type ReceiveOutcome =
  | {
      readonly job_id: JobId
      /** True if this call made the job, false if an equal claim had made it before. */
      readonly created: boolean
      readonly status: Status
    }
  | undefined

export class Deposits extends Context.Service<
  Deposits,
  {
    /**
     * Makes a job of each new claim; what else a provider says of a known one is appended to it.
     * The answer is durable; outcomes are in the claims' order.
     */
    readonly receive: (
      claims: ReadonlyArray<ReceivedClaim>
    ) => Effect.Effect<ReadonlyArray<ReceiveOutcome>, SqlError.SqlError>
    /**
     * Leases up to `limit` due jobs of these chains to a worker, fair between tenants;
     * `processing.started` is appended.
     */
    readonly claim: (options: {
      readonly worker: string
      readonly chains: ReadonlyArray<ChainName>
      readonly limit: number
      readonly lease: Duration.Duration
    }) => Effect.Effect<ReadonlyArray<Job>, SqlError.SqlError>
    /**
     * Appends one event each for different jobs and updates their rows. Returns the jobs whose
     * history was still the one that the event was decided upon; the others belong to another
     * writer now.
     */
    readonly append: (
      advances: ReadonlyArray<Advance>
    ) => Effect.Effect<ReadonlySet<JobId>, SqlError.SqlError>
    /** Locks those jobs that are still at this event until the transaction ends. */
    readonly lock: (
      jobs: ReadonlyArray<Job>
    ) => Effect.Effect<ReadonlySet<JobId>, SqlError.SqlError>
    /**
     * Those of these jobs that the worker still has in the same attempt, as they are now: others may
     * have appended to them on the side.
     */
    readonly heldBy: (
      worker: string,
      jobs: ReadonlyArray<Job>
    ) => Effect.Effect<ReadonlyMap<JobId, Job>, SqlError.SqlError>
    /** Takes back the leases of lost workers: `lease.expired` is appended. Returns those jobs. */
    readonly expireLeases: (options: {
      readonly actor: string
      readonly limit: number
    }) => Effect.Effect<ReadonlyArray<Job>, SqlError.SqlError>
    /**
     * Runs an effect in one transaction. After a deadlock all of it runs again, so it must do
     * nothing but database work.
     */
    readonly transaction: <A, E, R>(
      effect: Effect.Effect<A, E, R>
    ) => Effect.Effect<A, E | SqlError.SqlError, R>
  }
>()("surehook/deposits/Deposits") {
  static readonly layer = Layer.effect(
    Deposits,
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const random = yield* SecureRandom.SecureRandom

      const transaction: Deposits["Service"]["transaction"] = (effect) =>
        effect.pipe(sql.withTransaction, retryLockConflicts(sql))

      const claimKey = (received: ReceivedClaim): string =>
        [
          received.tenant_id,
          received.environment,
          received.claim.chain,
          received.claim.tx_hash,
          transferKey(received.claim)
        ].join("|")

      const insertJobs = (
        received: ReadonlyArray<{ readonly from: ReceivedClaim; readonly made: Advance }>
      ) => sql<{ job_id: JobId }>`
        WITH created AS (
          INSERT INTO funding_event_jobs (
            id, tenant_id, environment, source, tx_hash, chain, token, amount, to_address,
            transfer_index, transfer_key, status, sequence, head_hash, priority, attempt_count,
            max_attempts, first_seen_at, webhook_payload, trace_parent, provider_report)
          SELECT id, tenant_id, environment, source, tx_hash, chain, token, amount, to_address,
                 transfer_index, transfer_key, 'pending', 1, head_hash, priority, 0,
                 max_attempts, first_seen_at, webhook_payload, trace_parent, provider_report
          FROM unnest(
            ${uuids(received.map(({ made }) => made.job.id))},
            ${texts(received.map(({ from }) => from.tenant_id))},
            ${texts(received.map(({ from }) => from.environment))},
            ${texts(received.map(({ from }) => from.source))},
            ${texts(received.map(({ from }) => from.claim.tx_hash))},
            ${texts(received.map(({ from }) => from.claim.chain))},
            ${texts(received.map(({ from }) => from.claim.token))},
            ${numerics(received.map(({ from }) => from.claim.amount))},
            ${texts(received.map(({ from }) => from.claim.to_address))},
            ${integers(received.map(({ from }) => from.claim.transfer_index))},
            ${texts(received.map(({ from }) => transferKey(from.claim)))},
            ${hashes(received.map(({ made }) => made.job.head_hash))},
            ${integers(received.map(({ from }) => from.priority))},
            ${integers(received.map(({ from }) => from.max_attempts))},
            ${times(received.map(({ made }) => made.record.recorded_at))},
            ${jsonTexts(received.map(({ from }) => storable(from.payload)))}::jsonb[],
            ${texts(received.map(({ from }) => from.trace_parent))},
            ${texts(received.map(({ from }) => from.report))}
          ) AS claim (id, tenant_id, environment, source, tx_hash, chain, token, amount,
                      to_address, transfer_index, transfer_key, head_hash, priority,
                      max_attempts, first_seen_at, webhook_payload, trace_parent, provider_report)
          -- Two batches that hold the same claims must meet them in one order, or they deadlock.
          ORDER BY tx_hash, transfer_key, chain, tenant_id, environment
          ON CONFLICT (tx_hash, transfer_key, chain, tenant_id, environment) DO NOTHING
          RETURNING id
        ), logged AS (${insertEvents(
          sql,
          received.map(({ made }) => made.record),
          sql`SELECT id FROM created`
        )})
        SELECT job_id FROM logged`

      const findJobs = (claims: ReadonlyArray<ReceivedClaim>) => sql<{
        job_id: JobId
        status: Status
        provider_report: ProviderReport
        tenant_id: string
        environment: string
        chain: string
        tx_hash: string
        transfer_key: string
      }>`
        SELECT id AS job_id, status, provider_report, tenant_id, environment, chain, tx_hash, transfer_key
        FROM funding_event_jobs
        JOIN unnest(
          ${texts(claims.map((c) => c.claim.tx_hash))},
          ${texts(claims.map((c) => transferKey(c.claim)))},
          ${texts(claims.map((c) => c.claim.chain))},
          ${texts(claims.map((c) => c.tenant_id))},
          ${texts(claims.map((c) => c.environment))}
        ) AS claim (tx_hash, transfer_key, chain, tenant_id, environment)
        USING (tx_hash, transfer_key, chain, tenant_id, environment)`

      /** What providers say of jobs that are there, where it is news to them. */
      const appendReports = (reports: ReadonlyMap<JobId, ReceivedClaim>, recorded_at: string) =>
        Effect.gen(function* () {
          const rows = yield* sql<JobRow>`
            SELECT ${jobColumns(sql)} FROM funding_event_jobs
            WHERE id = ANY(${uuids([...reports.keys()])})
            ORDER BY id
            FOR NO KEY UPDATE`
          const advances = rows.flatMap((row): ReadonlyArray<Advance> => {
            const from = reports.get(row.id)
            if (from === undefined) return []
            const { report, source, payload_digest } = from
            const event = {
              type: "provider.reported",
              recorded_at,
              report,
              source,
              payload_digest
            } as const
            // The machine refuses what is no news.
            const made = advance(jobFromRow(row), event, `source:${source}`)
            return made instanceof TransitionRefused ? [] : [made]
          })
          yield* append(advances)
          return advances.map(({ job }) => job)
        }).pipe(transaction)

      const receiveClaims = Effect.fnUntraced(function* (claims: ReadonlyArray<ReceivedClaim>) {
        if (claims.length === 0) return []
        const now = new Date(yield* Clock.currentTimeMillis).toISOString()
        const byKey = new Map<string, { readonly from: ReceivedClaim; readonly made: Advance }>()
        for (const from of claims) {
          const key = claimKey(from)
          if (byKey.has(key) || isGone(from)) continue
          const id = JobId.make(yield* random.uuidV7())
          const event: DepositReceived = {
            type: "deposit.received",
            recorded_at: now,
            tenant_id: from.tenant_id,
            environment: from.environment,
            source: from.source,
            ...from.claim,
            priority: from.priority,
            max_attempts: from.max_attempts,
            payload_digest: from.payload_digest,
            report: from.report
          }
          const made = receive(id, event, `source:${from.source}`, from.trace_parent)
          byKey.set(key, { from, made })
        }
        const candidates = [...byKey.values()]
        const created =
          candidates.length === 0
            ? new Set<JobId>()
            : new Set((yield* insertJobs(candidates)).map((row) => row.job_id))
        const outcomes = new Map<string, Exclude<ReceiveOutcome, undefined>>()
        for (const { from, made } of candidates) {
          if (!created.has(made.job.id)) continue
          outcomes.set(claimKey(from), { job_id: made.job.id, created: true, status: "pending" })
        }
        const lastReports = new Map<JobId, ProviderReport>()
        const known = claims.filter((from) => !outcomes.has(claimKey(from)))
        for (const row of known.length === 0 ? [] : yield* findJobs(known)) {
          const key = [row.tenant_id, row.environment, row.chain, row.tx_hash, row.transfer_key]
          outcomes.set(key.join("|"), { job_id: row.job_id, created: false, status: row.status })
          lastReports.set(row.job_id, row.provider_report)
        }

        const reports = new Map<JobId, ReceivedClaim>()
        for (const from of claims) {
          const outcome = outcomes.get(claimKey(from))
          const isFirstWord = outcome?.created === true && byKey.get(claimKey(from))?.from === from
          if (outcome === undefined || isFirstWord || from.isRepeated === true) continue
          // Most are the same word again, for which no row is locked. The machine judges the rest.
          if (from.report === (lastReports.get(outcome.job_id) ?? "seen")) continue
          reports.set(outcome.job_id, from)
        }
        if (reports.size > 0) {
          const moved = yield* appendReports(reports, now)
          const statuses = new Map(moved.map(({ id, state }) => [id, state.status]))
          for (const [key, outcome] of outcomes) {
            const status = statuses.get(outcome.job_id)
            if (status !== undefined) outcomes.set(key, { ...outcome, status })
          }
        }

        const answered = new Set<string>()
        return yield* Effect.forEach(claims, (from) => {
          const key = claimKey(from)
          const outcome = outcomes.get(key)
          if (outcome === undefined && !isGone(from))
            return Effect.die(`no job for the claim ${key}`)
          const isFirst = !answered.has(key)
          answered.add(key)
          return Effect.succeed(
            outcome === undefined || isFirst ? outcome : { ...outcome, created: false }
          )
        })
      }, retryLockConflicts(sql))

      const append = Effect.fnUntraced(function* (advances: ReadonlyArray<Advance>) {
        if (advances.length === 0) return new Set<JobId>()
        if (new Set(advances.map(({ job }) => job.id)).size !== advances.length) {
          return yield* Effect.die(new Error("a batch holds two events of one deposit"))
        }
        const rows = yield* sql<{ job_id: JobId }>`
          WITH projected AS (${updateRows(sql, advances)}),
          logged AS (${insertEvents(
            sql,
            advances.map(({ record }) => record),
            sql`SELECT id FROM projected`
          )})
          SELECT job_id FROM logged`
        return new Set(rows.map((row) => row.job_id))
      }, retryLockConflicts(sql))

      /** Appends one event to each of these rows, which the transaction has locked. */
      const appendAll = Effect.fnUntraced(function* (
        rows: ReadonlyArray<JobRow>,
        actor: string,
        event: (job: Job) => DepositTransition
      ) {
        const advances: Array<Advance> = []
        for (const row of rows) {
          const job = jobFromRow(row)
          const made = advance(job, event(job), actor)
          // The rows were selected by their state, so a refusal means that row and log disagree.
          if (made instanceof TransitionRefused) yield* Effect.logError(made.message)
          else advances.push(made)
        }
        const appended = yield* append(advances)
        return advances.flatMap(({ job }) => (appended.has(job.id) ? [job] : []))
      })

      /** Whether the running transaction is the outermost one, and not part of a caller's. */
      const isOutermost = Effect.map(
        Effect.serviceOption(sql.transactionService),
        Option.exists(([, depth]) => depth === 0)
      )

      /**
       * A claim lost in a crash of the database only sends the job back to pending, and the next
       * durable commit carries it along: no need to wait for the disk. What a worker then appends
       * upon the lost claim is refused, since its hash is not the row's. Not in a caller's
       * transaction, which may write what has to be durable.
       */
      const doNotWaitForDisk = sql`SELECT set_config('synchronous_commit', 'off', true)`

      /**
       * Reads rows in the order of an index. The statistics of a queue are always of another
       * moment: on a backlog that they do not know of, the planner would fetch and sort all of it
       * for every claim, instead of reading the first few from the index that has them in order.
       */
      const inIndexOrder = <A, E>(query: Effect.Effect<A, E>) =>
        planWith("off").pipe(
          Effect.andThen(query),
          Effect.tap(() => planWith("on"))
        )
      const planWith = (sorts: "on" | "off") => sql`
        SELECT set_config('enable_sort', ${sorts}, true),
               set_config('enable_bitmapscan', ${sorts}, true)`

      const dueJobs = makeFairClaim(sql)

      const claim: Deposits["Service"]["claim"] = ({ worker, chains, limit, lease }) =>
        Effect.gen(function* () {
          const now = yield* Clock.currentTimeMillis
          const recorded_at = new Date(now).toISOString()
          const lease_until = new Date(now + Duration.toMillis(lease)).toISOString()
          if (yield* isOutermost) yield* doNotWaitForDisk
          const rows = yield* inIndexOrder(dueJobs({ chains, now: new Date(now), limit }))
          if (rows.length === 0) return []
          return yield* appendAll(rows, `worker:${worker}`, (job) => ({
            type: "processing.started",
            recorded_at,
            attempt: job.state.context.attempt_count + 1,
            worker,
            lease_until
          }))
        }).pipe(transaction)

      const expireLeases: Deposits["Service"]["expireLeases"] = ({ actor, limit }) =>
        Effect.gen(function* () {
          const now = yield* Clock.currentTimeMillis
          const recorded_at = new Date(now).toISOString()
          const rows = yield* sql<JobRow>`
            SELECT ${jobColumns(sql)} FROM funding_event_jobs
            WHERE status = 'processing' AND lease_until <= ${new Date(now)}
            ORDER BY lease_until
            LIMIT ${limit}
            FOR UPDATE SKIP LOCKED`
          if (rows.length === 0) return []
          return yield* appendAll(rows, actor, ({ state: { context } }) => ({
            type: "lease.expired",
            recorded_at,
            worker: context.leased_by,
            lease_until: context.lease_until ?? recorded_at
          }))
        }).pipe(transaction)

      const lock: Deposits["Service"]["lock"] = Effect.fnUntraced(function* (jobs) {
        if (jobs.length === 0) return new Set()
        const rows = yield* sql<{ id: JobId }>`
          SELECT id FROM funding_event_jobs
          JOIN unnest(
            ${uuids(jobs.map((job) => job.id))},
            ${integers(jobs.map((job) => job.sequence))},
            ${hashes(jobs.map((job) => job.head_hash))}
          ) AS expected (id, sequence, head_hash) USING (id, sequence, head_hash)
          ORDER BY id
          FOR UPDATE OF funding_event_jobs`
        return new Set(rows.map((row) => row.id))
      })

      const heldBy: Deposits["Service"]["heldBy"] = (worker, jobs) => {
        const attempts = new Map(jobs.map(({ id, state }) => [id, state.context.attempt_count]))
        return sql<JobRow>`
          SELECT ${jobColumns(sql)} FROM funding_event_jobs
          WHERE id = ANY(${uuids([...attempts.keys()])})
            AND status = 'processing' AND leased_by = ${worker}`.pipe(
          Effect.map((rows) => {
            const held = rows.filter((row) => row.attempt_count === attempts.get(row.id))
            return new Map(held.map((row) => [row.id, jobFromRow(row)]))
          })
        )
      }

      return Deposits.of({
        heldBy,
        receive: receiveClaims,
        claim,
        append,
        lock,
        expireLeases,
        transaction
      })
    })
  )
}

/** A claim that makes no job, because it says that there is no transfer any more. */
const isGone = ({ report }: ReceivedClaim): boolean => report === "removed" || report === "dropped"
