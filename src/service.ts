/**
 * The whole service as one layer: the database, the manager over workers and reconciler, and the HTTP server.
 *
 * It starts from the bottom up. When it stops, webhooks end and workers drain at the same time, then
 * waiting commits are served, and the database goes last.
 */
import { createServer } from "node:http"
import { NodeHttpClient, NodeHttpServer } from "@effect/platform-node"
import { Duration, Effect, Layer } from "effect"
import { HttpRouter } from "effect/http"
import { Addresses } from "./addresses/addresses.ts"
import { apiRoutes } from "./api/handlers.ts"
import { chainsLayer } from "./chains/chains.ts"
import type { Scanners } from "./chains/scanner.ts"
import type { Validator } from "./chains/validator.ts"
import { Settings } from "./config/settings.ts"
import { DeadLetters } from "./deposits/dead-letters.ts"
import { Deposits } from "./deposits/deposits.ts"
import { JobQueries } from "./deposits/job-queries.ts"
import { JobSignal } from "./deposits/job-signal.ts"
import { pooledRandomLayer } from "./deposits/pooled-random.ts"
import { Intake } from "./ingest/intake.ts"
import { webhookRoute } from "./ingest/webhook-route.ts"
import { creditorLayer, Ledger } from "./ledger/ledger.ts"
import { Manager, managerLayer } from "./manager/manager.ts"
import { ReconciliationHealth } from "./manager/reconciliation-health.ts"
import { databaseLayer } from "./postgres/database.ts"
import { Reconciler } from "./reconciler/reconciler.ts"
import { Settlement } from "./settlement/settlement.ts"
import { WatchedCredits } from "./settlement/watched-credits.ts"
import { Workers } from "./workers/workers.ts"

/** Beside one for each worker: ingest, the listener, the sweeper, the reconciler, the API. */
const connectionsBesideWorkers = 14
/**
 * Longer than the 60 s for which load balancers keep a connection: if the server closes it first,
 * the next webhook meets a closed door.
 */
const keepAliveMillis = 65_000
const httpDrainTimeout = Duration.seconds(5)

const database = Layer.unwrap(
  Effect.map(Settings, ({ databaseUrl, dataDir, worker }) =>
    databaseLayer({
      url: databaseUrl,
      dataDir,
      maxConnections: (worker.enabled ? worker.count : 0) + connectionsBesideWorkers
    })
  )
)

const httpServer = Layer.unwrap(
  Effect.map(Settings, ({ host, port }) =>
    NodeHttpServer.layer(() => createServer({ keepAliveTimeout: keepAliveMillis }), {
      host,
      port,
      gracefulShutdownTimeout: httpDrainTimeout
    })
  )
)

/** Providers that sign with a key of theirs are asked for it. */
const webhooks = Layer.provide(webhookRoute, NodeHttpClient.layerNodeHttp)

const http = HttpRouter.serve(Layer.mergeAll(webhooks, apiRoutes), {
  disableLogger: true,
  disableListenLog: true
})

/** Both drive deposits, through the same settlement. */
const drivers = Layer.merge(Workers.layer, Reconciler.layer).pipe(
  Layer.provide([Settlement.layer, WatchedCredits.layer]),
  Layer.provide(creditorLayer)
)

/** The service with parts of one's own: other chains, another way to group webhooks. */
export const serviceWith = <E, R>(parts: {
  readonly chains: Layer.Layer<Validator | Scanners, E, R>
  readonly intake: typeof Intake.layer
}) =>
  // Beside each other, so that they stop at the same time.
  Layer.mergeAll(managerLayer, http).pipe(
    Layer.provideMerge(httpServer),
    Layer.provideMerge(Manager.layer),
    Layer.provide(ReconciliationHealth.layer),
    Layer.provideMerge(drivers),
    Layer.provide(parts.chains),
    Layer.provideMerge(
      Layer.mergeAll(JobQueries.layer, DeadLetters.layer, Ledger.layer, parts.intake)
    ),
    Layer.provideMerge(Layer.mergeAll(Addresses.layer, Deposits.layer, JobSignal.layer)),
    Layer.provideMerge(database),
    Layer.provide(pooledRandomLayer)
  )

/** Needs the settings and the config; `HttpServer` tells where it listens. */
export const serviceLayer = serviceWith({ chains: chainsLayer, intake: Intake.layer })
