/** HTTP servers of the demo and of tests: on a free port of this machine, until the scope ends. */
import type { Server } from "node:http"
import { Effect, Predicate, Schema, type Scope } from "effect"

export class FrontError extends Schema.TaggedError<FrontError>()("FrontError", {
  message: Schema.String
}) {}

/** The server's origin, such as `http://127.0.0.1:40123`. */
export const listen = (server: Server): Effect.Effect<string, FrontError, Scope.Scope> =>
  Effect.gen(function* () {
    yield* Effect.acquireRelease(
      Effect.callback<void, FrontError>((resume) => {
        server.once("error", (cause) =>
          resume(Effect.fail(new FrontError({ message: String(cause) })))
        )
        server.listen(0, "127.0.0.1", () => resume(Effect.void))
      }),
      () =>
        Effect.callback<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    )
    const address = server.address()
    if (!Predicate.isObject(address)) {
      return yield* new FrontError({ message: "the server has no address" })
    }
    return `http://127.0.0.1:${address.port}`
  })
