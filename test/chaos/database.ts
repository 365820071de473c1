/** The database of a run: an embedded Postgres of its own behind a TCP proxy, and what can befall both. */
import process from "node:process"
import { PgClient } from "@effect/sql-pg"
import { Duration, Effect, Option, Redacted, Schema } from "effect"
import { EmbeddedPostgres } from "../../src/postgres/embedded.ts"
import { serverProcessesIn } from "../../src/postgres/embedded-process.ts"
import { mountSmallDisk, smallDiskSettings } from "./small-disk.ts"
import { startTcpProxy } from "./tcp-proxy.ts"

const databaseName = "chaos"
const queryLimit = Duration.seconds(3)

const withPort = (url: string, port: number): string => {
  const other = new URL(url)
  other.port = `${port}`
  other.pathname = `/${databaseName}`
  return other.href
}

const Waiting = Schema.Struct({
  processing: Schema.Int,
  waiting: Schema.Int,
  watching: Schema.Int,
  completed: Schema.Int,
  dlq: Schema.Int,
  /** When the next of those that wait is due: milliseconds since 1970. */
  next_due: Schema.NullOr(Schema.Finite),
  /** When the reconciler is to look next: an instance that was killed holds on to what it had taken. */
  next_check: Schema.NullOr(Schema.Finite),
  /** When the first lease of those in processing is over, likewise. */
  next_expiry: Schema.NullOr(Schema.Finite)
})
export type JobCounts = typeof Waiting.Type
const decodeWaiting = Schema.decodeUnknownEffect(Schema.Tuple([Waiting]))

export const startDatabase = (dataDir: string, wantsSmallDisk: boolean) =>
  Effect.gen(function* () {
    const disk = wantsSmallDisk ? yield* mountSmallDisk(dataDir) : undefined
    const settings = disk === undefined ? {} : smallDiskSettings
    const server = yield* EmbeddedPostgres.acquire({ dataDir, port: 0, settings })
    const url = Redacted.value(server.url)
    const directUrl = withPort(url, server.port)
    const administrator = PgClient.layer({ url: server.url, maxConnections: 1 })
    yield* PgClient.PgClient.use((sql) => sql`CREATE DATABASE ${sql(databaseName)}`).pipe(
      Effect.provide(administrator)
    )
    const proxy = yield* startTcpProxy(server.port)

    /**
     * On a connection of its own, because the server may die at any moment. A server that is killed
     * while one connects may leave the driver waiting, hence the limit.
     */
    const query = <A, E>(use: Effect.Effect<A, E, PgClient.PgClient>) =>
      use.pipe(
        Effect.provide(PgClient.layer({ url: Redacted.make(directUrl), maxConnections: 1 })),
        Effect.timeoutOption(queryLimit),
        Effect.option,
        Effect.map(Option.flatten)
      )

    return {
      /** By way of the proxy: for the instances. */
      proxiedUrl: withPort(url, proxy.port),
      /** For the checker. */
      directUrl,
      proxy,
      /** Undefined where none can be had that may be filled. */
      disk,
      kill: Effect.gen(function* () {
        const postmaster = yield* server.pid
        const all = serverProcessesIn(server.clusterDir) ?? Option.toArray(postmaster)
        for (const pid of [...Option.toArray(postmaster), ...all]) {
          try {
            process.kill(pid, "SIGKILL")
          } catch {
            // Gone with its postmaster.
          }
        }
      }),
      /** None while the database is away. */
      counts: query(
        Effect.flatMap(
          PgClient.PgClient,
          (sql) => sql`
            SELECT count(*) FILTER (WHERE status = 'processing')::int AS processing,
                   count(*) FILTER (WHERE status = 'pending' OR sub_state = 'scheduled')::int
                     AS waiting,
                   count(*) FILTER (WHERE sub_state = 'watching')::int AS watching,
                   count(*) FILTER (WHERE status = 'completed')::int AS completed,
                   count(*) FILTER (WHERE status = 'dlq')::int AS dlq,
                   (extract(epoch FROM min(coalesce(next_retry_at, first_seen_at)) FILTER (
                     WHERE status = 'pending' OR sub_state = 'scheduled')) * 1000)::float8
                     AS next_due,
                   (extract(epoch FROM greatest(
                     (SELECT min(due_at) FROM reconciliation_checks),
                     (SELECT max(claimed_until) FROM scan_cursors))) * 1000)::float8 AS next_check,
                   (extract(epoch FROM min(lease_until) FILTER (
                     WHERE status = 'processing')) * 1000)::float8 AS next_expiry
            FROM funding_event_jobs`
        ).pipe(
          Effect.flatMap(decodeWaiting),
          Effect.map(([counts]) => counts)
        )
      ),
      /** Whether a worker of this process holds a job right now. */
      isWorking: (pid: number) =>
        query(
          Effect.flatMap(
            PgClient.PgClient,
            (sql) => sql`
              SELECT FROM funding_event_jobs
              WHERE status = 'processing' AND leased_by LIKE ${`%-${pid}-%`} LIMIT 1`
          ).pipe(Effect.map((rows) => rows.length > 0))
        ).pipe(Effect.map(Option.getOrElse(() => false)))
    }
  })

export type ChaosDatabase = Effect.Success<ReturnType<typeof startDatabase>>
