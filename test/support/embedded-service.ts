/**
 * A process of its own that starts the embedded Postgres in the folder it is given, says so in one
 * line of JSON, and keeps it until SIGINT. Then it asks the database once more, and stops.
 * SIGTERM makes it end without closing anything, as an uncaught error would.
 */
import { Deferred, Effect, Option, Redacted } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { layer as clientLayer } from "../../src/postgres/client.ts"
import { EmbeddedPostgres } from "../../src/postgres/embedded.ts"

const say = (line: unknown) => Effect.sync(() => console.log(JSON.stringify(line)))

// Listens before anything is said, because the answer may be the signal.
const interrupted = Deferred.makeUnsafe<void>()
process.once("SIGINT", () => Deferred.doneUnsafe(interrupted, Effect.void))
// A listener for a signal alone does not keep a process running.
const keepRunning = setInterval(() => {}, 60_000)

process.once("SIGTERM", () => process.exit(1))

const service = Effect.gen(function* () {
  const server = yield* EmbeddedPostgres.acquire({ dataDir: process.argv[2] ?? "", port: 0 })
  yield* say({
    url: Redacted.value(server.url),
    attached: server.attached,
    pid: Option.getOrNull(yield* server.pid)
  })
  yield* Deferred.await(interrupted)
  const sql = yield* SqlClient.pipe(
    Effect.flatMap((client) => client`SELECT 1`),
    Effect.provide(clientLayer({ url: server.url, maxConnections: 1 })),
    Effect.exit
  )
  yield* say({ answeredAfterInterrupt: sql._tag === "Success" })
})

// Effect's default logger writes to standard output, which is for the lines above.
console.info = console.error
await Effect.runPromise(Effect.scoped(service))
clearInterval(keepRunning)
