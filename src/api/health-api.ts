/** Whether the service is well, part by part, for orchestrators and load balancers: no token needed. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { asProblem, problemFields } from "./problems.ts"

/** By name, so that a part that is added changes no client. */
export const LivePartsView = Schema.Record(
  Schema.String,
  Schema.Struct({
    status: Schema.Literals(["ok", "disabled", "stopping", "stopped", "dead"]).annotate({
      description: "dead: it should run in this process, and does not"
    })
  })
)

const Names = Schema.Array(Schema.String)

export const ReadyPartsView = Schema.Struct({
  manager: Schema.Struct({ status: Schema.Literals(["ok", "starting", "stopping", "stopped"]) }),
  database: Schema.Struct({ status: Schema.Literals(["ok", "unreachable"]) }),
  migrations: Schema.Struct({
    status: Schema.Literals(["ok", "pending", "changed", "newer", "unknown"]).annotate({
      description: "newer: a newer Surehook has migrated it; unknown: the database cannot be asked"
    }),
    pending: Schema.optionalKey(Names),
    changed: Schema.optionalKey(Names),
    newer: Schema.optionalKey(Names)
  }),
  workers: Schema.Struct({
    status: Schema.Literals(["ok", "degraded", "disabled", "stopping", "stopped", "dead"]),
    expected: Schema.Int,
    alive: Schema.Int,
    restarts: Schema.Int
  }),
  reconciliation: Schema.Struct({
    status: Schema.Literals(["ok", "late", "disabled"]),
    last_completed_at: Schema.NullOr(Schema.String)
  }),
  circuits: Schema.Struct({
    status: Schema.Literals(["ok", "degraded"]),
    open: Names.annotate({ description: "chain/host#position" }),
    half_open: Names.annotate({ description: "the next question decides" })
  })
})

export class NotAlive extends Schema.Error<NotAlive>("surehook/api/NotAlive")(
  { ...problemFields(503, "Not alive"), parts: LivePartsView },
  { httpApiStatus: 503 }
) {}

export class NotReady extends Schema.Error<NotReady>("surehook/api/NotReady")(
  { ...problemFields(503, "Not ready"), parts: ReadyPartsView },
  { httpApiStatus: 503 }
) {}

export const health = HttpApiGroup.make("health").add(
  HttpApiEndpoint.get("alive", "/healthz", {
    success: Schema.Struct({ status: Schema.Literal("ok"), parts: LivePartsView }),
    error: NotAlive.pipe(asProblem)
  }),
  HttpApiEndpoint.get("ready", "/readyz", {
    success: Schema.Struct({ status: Schema.Literal("ready"), parts: ReadyPartsView }),
    error: NotReady.pipe(asProblem)
  })
)
