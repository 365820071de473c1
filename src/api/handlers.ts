/** The handlers of the API: what each endpoint answers, and to whom. */
import { hash, timingSafeEqual } from "node:crypto"
import { PgClient } from "@effect/sql-pg"
import { Duration, Effect, Layer, Redacted } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import type { SqlError } from "effect/sql"
import { isSqlError } from "effect/sql/SqlError"
import { type ApiToken, SurehookConfig } from "../config/surehook-config.ts"
import { JobQueries } from "../deposits/job-queries.ts"
import { canonicalAddress } from "../domain/chain.ts"
import { jobIdFromText } from "../domain/ids.ts"
import { readEvents } from "../event-log/event-log.ts"
import { Ledger } from "../ledger/ledger.ts"
import { Api } from "./api.ts"
import { Authorization, Caller, maySee } from "./authorization.ts"
import { Ambiguous, NotFound, Unauthorized, Unavailable } from "./problems.ts"

const databaseTimeout = Duration.seconds(5)
const readinessTimeout = Duration.seconds(2)

const orUnavailable = <A, E, R>(effect: Effect.Effect<A, E | SqlError.SqlError, R>) =>
  effect.pipe(
    Effect.catchIf(isSqlError, (error) =>
      Effect.logWarning(`the database did not answer the API: ${error.message}`).pipe(
        Effect.andThen(Effect.fail(unavailable))
      )
    ),
    Effect.timeoutOrElse({ duration: databaseTimeout, orElse: () => Effect.fail(unavailable) })
  )

const unavailable = new Unavailable({ detail: "the database does not answer: ask again later" })

const jobs = HttpApiBuilder.group(
  Api,
  "jobs",
  Effect.fn(function* (handlers) {
    const queries = yield* JobQueries
    const sql = yield* PgClient.PgClient

    /** Another tenant's job is answered like one that does not exist. */
    const visibleJob = Effect.fnUntraced(function* (text: string) {
      const id = jobIdFromText(text)
      const job = id === undefined ? undefined : yield* queries.find(id)
      const caller = yield* Caller
      if (job === undefined || !maySee(caller, job.tenant_id)) {
        return yield* new NotFound({
          detail: "there is no such job: job_id is what the answer to the webhook says"
        })
      }
      return job
    })

    return handlers.handleAll({
      get: ({ params }) => orUnavailable(visibleJob(params.job_id)),
      events: ({ params }) =>
        visibleJob(params.job_id).pipe(
          Effect.flatMap(({ id }) => readEvents(sql, id)),
          Effect.map((events) => ({ events })),
          orUnavailable
        )
    })
  })
)

const accounts = HttpApiBuilder.group(
  Api,
  "accounts",
  Effect.fn(function* (handlers) {
    const ledger = yield* Ledger
    const { chains } = yield* SurehookConfig

    return handlers.handleAll({
      balances: Effect.fn(function* ({ params, query }) {
        const caller = yield* Caller
        const chain = [...chains.values()].find(({ name }) => name === params.chain)
        const address =
          chain === undefined ? undefined : canonicalAddress(chain.kind, params.address)
        const found =
          chain === undefined || address === undefined
            ? []
            : yield* orUnavailable(ledger.balances(chain.name, address))
        const balances = found.filter(
          ({ tenant_id, environment }) =>
            maySee(caller, tenant_id) &&
            tenant_id === (query.tenant_id ?? tenant_id) &&
            environment === (query.environment ?? environment)
        )
        const [first] = balances
        if (first === undefined) {
          return yield* new NotFound({ detail: "nothing was credited to this address" })
        }
        // Their sum would add one owner's money to another's, or test money to real money.
        const owners = new Set(balances.map((b) => `${b.tenant_id}/${b.environment}`))
        if (owners.size > 1) {
          return yield* new Ambiguous({
            detail: `the address has balances in ${[...owners].join(", ")}: choose with ?tenant_id=…&environment=…`
          })
        }
        return { balances: balances.map(({ token, amount }) => ({ token, amount })) }
      })
    })
  })
)

const health = HttpApiBuilder.group(
  Api,
  "health",
  Effect.fn(function* (handlers) {
    const sql = yield* PgClient.PgClient
    return handlers.handleAll({
      alive: () => Effect.succeed({ status: "ok" as const }),
      // The service listens only after its migrations are done.
      ready: () =>
        sql`SELECT 1`.pipe(
          Effect.timeout(readinessTimeout),
          Effect.mapError(() => new Unavailable({ detail: "the database does not answer" })),
          Effect.as({ status: "ready" as const })
        )
    })
  })
)

const digest = (text: string): Buffer => hash("sha256", text, "buffer")

const authorization = Layer.effect(
  Authorization,
  Effect.gen(function* () {
    const { apiTokens } = yield* SurehookConfig
    const known = apiTokens.map((token) => ({ token, digest: digest(Redacted.value(token.token)) }))

    /** Compares with every token, so that the time tells nothing about any. */
    const find = (given: string): ApiToken | undefined => {
      const wanted = digest(given)
      let found: ApiToken | undefined
      for (const candidate of known) {
        if (timingSafeEqual(candidate.digest, wanted)) found = candidate.token
      }
      return found
    }

    return Authorization.of({
      bearer: (handler, { credential }) => {
        const token = find(Redacted.value(credential))
        if (token === undefined) {
          return Effect.fail(
            new Unauthorized({
              detail:
                "send `Authorization: Bearer <token>` with a token of api.tokens in surehook.yaml"
            })
          )
        }
        const { name, role, tenants } = token
        return Effect.provideService(handler, Caller, { name, role, tenants })
      }
    })
  })
)

export const apiRoutes = HttpApiBuilder.layer(Api, { openapiPath: "/openapi.json" }).pipe(
  Layer.provide([jobs, accounts, health]),
  Layer.provide(authorization)
)
