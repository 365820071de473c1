/** What the demo asks of the service, through its public API alone. */
import { Effect, Layer } from "effect"
import { FetchHttpClient, HttpClientRequest } from "effect/http"
import { HttpApiClient, HttpApiMiddleware } from "effect/http-api"
import { Api } from "../api/api.ts"
import { Authorization } from "../api/authorization.ts"
import { NotFound } from "../api/problems.ts"
import type { Address, ChainName } from "../domain/chain.ts"
import type { JobId } from "../domain/ids.ts"

export const makeDemoApi = Effect.fnUntraced(function* (url: string, apiToken: string) {
  const bearer = HttpApiMiddleware.layerClient(Authorization, ({ next, request }) =>
    next(HttpClientRequest.bearerToken(request, apiToken))
  )
  const client = yield* HttpApiClient.make(Api, { baseUrl: url }).pipe(
    Effect.provide(Layer.mergeAll(bearer, FetchHttpClient.layer))
  )
  return {
    events: (job_id: JobId) =>
      Effect.map(client.jobs.events({ params: { job_id } }), ({ events }) => events),
    /** What an address was credited; none if nothing ever was. */
    balances: (chain: ChainName, address: Address) =>
      client.accounts.balances({ params: { chain, address }, query: {} }).pipe(
        Effect.map(({ balances }) => balances),
        Effect.catchIf(
          (error) => error instanceof NotFound,
          () => Effect.succeed([])
        )
      )
  }
})
