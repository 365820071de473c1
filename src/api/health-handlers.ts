/** Answers whether this process lives, and whether traffic may be sent to it. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Manager } from "../manager/manager.ts"
import { Api } from "./api.ts"
import { NotAlive, NotReady } from "./health-api.ts"
import { makeReadiness, unreadyParts } from "./readiness.ts"

export const health = HttpApiBuilder.group(
  Api,
  "health",
  Effect.fn(function* (handlers) {
    const manager = yield* Manager
    const readiness = yield* makeReadiness

    return handlers.handleAll({
      /** Never asks the database: to start this process anew would not bring it back. */
      alive: Effect.fnUntraced(function* () {
        const all = yield* manager.parts
        const parts = Object.fromEntries(all.map(({ name, status }) => [name, { status }]))
        const dead = all.filter(({ status }) => status === "dead").map(({ name }) => name)
        return dead.length === 0
          ? { status: "ok" as const, parts }
          : yield* new NotAlive({
              detail: `these should run in this process, and do not: ${dead.join(", ")}`,
              parts
            })
      }),
      ready: Effect.fnUntraced(function* () {
        const parts = yield* readiness
        const unready = unreadyParts(parts)
        return unready.length === 0
          ? { status: "ready" as const, parts }
          : yield* new NotReady({ detail: `no traffic may be sent: ${unready.join(", ")}`, parts })
      })
    })
  })
)
