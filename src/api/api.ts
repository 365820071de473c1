/** The API's one definition: its handlers, its OpenAPI document and its clients are made from it. */
import { Schema } from "effect"
import { HttpApi, HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { addresses } from "./addresses-api.ts"
import { Authorization } from "./authorization.ts"
import { dlq } from "./dlq-api.ts"
import { health } from "./health-api.ts"
import { AmbiguousProblem, NotFoundProblem, UnavailableProblem } from "./problems.ts"
import { EventView, JobView } from "./views.ts"

export { EventView, JobView }

const jobs = HttpApiGroup.make("jobs")
  .add(
    HttpApiEndpoint.get("get", "/v1/jobs/:job_id", {
      params: { job_id: Schema.String },
      success: JobView,
      error: [NotFoundProblem, UnavailableProblem]
    }),
    HttpApiEndpoint.get("events", "/v1/jobs/:job_id/events", {
      params: { job_id: Schema.String },
      success: Schema.Struct({ events: Schema.Array(EventView) }),
      error: [NotFoundProblem, UnavailableProblem]
    })
  )
  .middleware(Authorization)

const accounts = HttpApiGroup.make("accounts")
  .add(
    HttpApiEndpoint.get("balances", "/v1/accounts/:chain/:address", {
      params: { chain: Schema.String, address: Schema.String },
      query: {
        tenant_id: Schema.optionalKey(Schema.String),
        environment: Schema.optionalKey(Schema.String)
      },
      success: Schema.Struct({
        account_reference: Schema.NullOr(Schema.String).annotate({
          description: "whose the address is; null if it is not registered"
        }),
        balances: Schema.Array(Schema.Struct({ token: Schema.String, amount: Schema.String }))
      }),
      error: [NotFoundProblem, AmbiguousProblem, UnavailableProblem]
    })
  )
  .middleware(Authorization)

export class Api extends HttpApi.make("surehook")
  .add(jobs, accounts, addresses, dlq, health)
  .annotateMerge(OpenApi.annotations({ title: "Surehook" })) {}
