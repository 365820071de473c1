/**
 * A real Postgres from npm, for whoever has none: started with the service, stopped with it.
 *
 * ```
 * acquire ─ start lock ─┬─ the owner lives ─▶ attach: its url, never stop it
 *                       └─ nobody, or a dead owner ─▶ stop what it left ─▶ own: initdb, start
 * own: the server dies by itself ─▶ started again on the same port
 * scope closes ─ start lock ─▶ stop, resign
 * ```
 *
 * The server survives the death of the service (its own session, so that Ctrl-C does not take the
 * database from under draining workers), and so the next start has to deal with what it finds.
 */
import {
  Context,
  Duration,
  Effect,
  Layer,
  Option,
  type Redacted,
  Schedule,
  Scope,
  Semaphore
} from "effect"
import { locateBinaries, thisPlatform } from "./embedded-binaries.ts"
import { clusterPassword, connectionUrl, ensureCluster } from "./embedded-cluster.ts"
import { type EmbeddedPostgresError, embeddedPostgresError } from "./embedded-error.ts"
import { becomeOwner, holdStartLock, livingOwner, resignOwnership } from "./embedded-ownership.ts"
import { findPlace, type Place } from "./embedded-place.ts"
import {
  becomesReady,
  choosePort,
  clearLeftovers,
  type RunningServer,
  readPostmasterFile,
  startServer,
  stopServer
} from "./embedded-server.ts"

export { EmbeddedPostgresError } from "./embedded-error.ts"

export const defaultPort = 54329

export interface EmbeddedPostgresOptions {
  readonly dataDir: string
  /** Tried first; another is taken if it is not free. */
  readonly port?: number
  /** Server settings besides our own. */
  readonly settings?: Readonly<Record<string, string>>
  /** The npm package's name after the slash, such as linux-x64. */
  readonly platform?: string
}

const restartPauseFirst = Duration.millis(100)
const restartPauseMax = Duration.seconds(5)
const restartPauses = Schedule.min([
  Schedule.exponential(restartPauseFirst),
  Schedule.spaced(restartPauseMax)
])
/** How long to wait for the server of a living owner, which may be restarting it. */
const attachTimeout = Duration.seconds(15)

export class EmbeddedPostgres extends Context.Service<
  EmbeddedPostgres,
  {
    readonly url: Redacted.Redacted<string>
    readonly port: number
    /** Where the data is: not in the wanted folder if root's server user cannot enter it. */
    readonly clusterDir: string
    readonly logFile: string
    /** The server belongs to another process, and outlives this one. */
    readonly attached: boolean
    /** The server process, if it runs. */
    readonly pid: Effect.Effect<Option.Option<number>>
    /** Takes the database away, for tests of what happens then. */
    readonly stop: Effect.Effect<void, EmbeddedPostgresError>
    /** Brings it back, on the same port. */
    readonly start: Effect.Effect<void, EmbeddedPostgresError>
  }
>()("surehook/postgres/EmbeddedPostgres") {
  static readonly acquire = Effect.fnUntraced(function* (
    options: EmbeddedPostgresOptions
  ): Effect.fn.Return<EmbeddedPostgres["Service"], EmbeddedPostgresError, Scope.Scope> {
    const scope = yield* Effect.scope
    const place = yield* findPlace(options.dataDir)
    return yield* Effect.scoped(
      Effect.gen(function* () {
        yield* holdStartLock(place.root)
        const owner = yield* livingOwner(place.root)
        return Option.isSome(owner)
          ? yield* attach(place, owner.value.pid)
          : yield* own(place, options, scope)
      })
    )
  })

  static readonly layer = (options: EmbeddedPostgresOptions) =>
    Layer.effect(EmbeddedPostgres, EmbeddedPostgres.acquire(options))
}

/** Uses the server of another process, which alone starts and stops it. */
const attach = Effect.fnUntraced(function* (place: Place, owner: number) {
  const ready = yield* becomesReady(place.clusterDir, attachTimeout)
  const server = readPostmasterFile(place.clusterDir)
  if (!ready || server === undefined) {
    return yield* embeddedPostgresError(
      `it belongs to process ${owner}, whose database in ${place.clusterDir} takes no connections`
    )
  }
  const notOurs = Effect.suspend(() =>
    Effect.fail(embeddedPostgresError(`it belongs to process ${owner}, which starts and stops it`))
  )
  return EmbeddedPostgres.of({
    url: connectionUrl(yield* clusterPassword(place), server.port),
    port: server.port,
    clusterDir: place.clusterDir,
    logFile: place.logFile,
    attached: true,
    pid: Effect.sync(() => Option.fromUndefinedOr(readPostmasterFile(place.clusterDir)?.pid)),
    stop: notOurs,
    start: notOurs
  })
})

/** Starts the server, keeps it running, and stops it when the scope closes. The caller holds the start lock. */
const own = Effect.fnUntraced(function* (
  place: Place,
  options: EmbeddedPostgresOptions,
  scope: Scope.Scope
) {
  const binaries = yield* locateBinaries(place.user, options.platform ?? thisPlatform)
  yield* clearLeftovers(place.clusterDir)
  const password = yield* ensureCluster(place, binaries)

  // Guarded by the semaphore, except in the synchronous exit hook.
  const turn = Semaphore.makeUnsafe(1)
  let current: RunningServer | undefined
  let wanted = true

  // The last resort if the process ends without closing its scopes: the server stops by itself after us.
  const stopOnExit = () => {
    if (current !== undefined && !current.hasEnded()) process.kill(current.pid, "SIGINT")
  }
  const stop = turn.withPermit(
    Effect.suspend(() => {
      wanted = false
      const server = current
      current = undefined
      return server === undefined ? Effect.void : stopServer(server)
    })
  )

  let mine = true
  const leave = Effect.suspend(() => {
    if (!mine) return Effect.void
    mine = false
    process.off("exit", stopOnExit)
    return Effect.andThen(stop, resignOwnership(place.root))
  })
  // Registered before the watchers are forked, so that it runs after they are interrupted.
  yield* Scope.addFinalizer(
    scope,
    // Whoever starts meanwhile waits, and then starts afresh instead of attaching to a server that goes.
    Effect.scoped(Effect.andThen(Effect.ignore(holdStartLock(place.root)), leave))
  )
  process.on("exit", stopOnExit)

  const launch = (port: number) =>
    clearLeftovers(place.clusterDir).pipe(
      Effect.andThen(
        startServer(place, binaries, port, options.settings ?? {}, (server) => {
          current = server
        })
      ),
      Effect.onError(() =>
        Effect.sync(() => {
          current = undefined
        })
      ),
      Effect.tap((server) => Effect.forkIn(watch(server), scope))
    )

  const ensureRunning = (port: number) =>
    turn.withPermit(
      Effect.suspend(() => (wanted && current === undefined ? launch(port) : Effect.void))
    )

  /** Waits for the end of one run of the server; if nobody asked for it, starts the next. */
  const watch = (server: RunningServer): Effect.Effect<void> =>
    Effect.gen(function* () {
      const how = yield* server.ended
      if (current !== server) return
      current = undefined
      yield* Effect.logWarning(
        `The embedded Postgres ended by itself (${how}); starting it again on port ${server.port}`
      )
      yield* Effect.sleep(restartPauseFirst)
      yield* ensureRunning(server.port).pipe(
        Effect.tapError((error) => Effect.logWarning(error.message)),
        Effect.retry(restartPauses),
        Effect.ignore
      )
    })

  const first = yield* becomeOwner(place.root).pipe(
    Effect.andThen(choosePort(options.port ?? defaultPort)),
    Effect.flatMap(launch),
    // Between looking and starting somebody else may have taken the port.
    Effect.retry({ times: 2, while: (error) => error.message.includes("TCP/IP sockets") }),
    // The scope may stay open after a failure, and we must not be taken for an owner until then.
    Effect.onError(() => leave)
  )
  return EmbeddedPostgres.of({
    url: connectionUrl(password, first.port),
    port: first.port,
    clusterDir: place.clusterDir,
    logFile: place.logFile,
    attached: false,
    pid: Effect.sync(() => Option.fromUndefinedOr(current?.pid)),
    stop,
    start: Effect.suspend(() => {
      wanted = true
      return Effect.asVoid(ensureRunning(first.port))
    })
  })
})
