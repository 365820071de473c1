/** The handlers of the API: what each endpoint answers, and to whom. */
import { hash, timingSafeEqual } from "node:crypto"
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, Redacted } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Addresses } from "../addresses/addresses.ts"
import { registrableOf } from "../addresses/registration.ts"
import { type ApiToken, SurehookConfig } from "../config/surehook-config.ts"
import { JobQueries } from "../deposits/job-queries.ts"
import { type Address, type ChainName, canonicalAddress } from "../domain/chain.ts"
import type { TenantId } from "../domain/ids.ts"
import { readEvents } from "../event-log/event-log.ts"
import { Ledger } from "../ledger/ledger.ts"
import { addresses } from "./addresses-handlers.ts"
import { Api } from "./api.ts"
import { Authorization, Caller, maySee } from "./authorization.ts"
import { dlq } from "./dlq-handlers.ts"
import { health } from "./health-handlers.ts"
import { orUnavailable } from "./or-unavailable.ts"
import { Ambiguous, NotFound, Unauthorized } from "./problems.ts"
import { checkedQueryLayer } from "./query-check.ts"
import { visibleJobOf } from "./visible-job.ts"

const jobs = HttpApiBuilder.group(
  Api,
  "jobs",
  Effect.fn(function* (handlers) {
    const visibleJob = visibleJobOf(yield* JobQueries)
    const sql = yield* PgClient.PgClient

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
    const addresses = yield* Addresses
    const { chains, tenants } = registrableOf(yield* SurehookConfig)

    /** By tenant: to whom of these the address belongs. */
    const ownersOf = Effect.fnUntraced(function* (
      tenantIds: ReadonlyArray<TenantId>,
      chain: ChainName,
      address: Address
    ) {
      const wanted = tenantIds.map((tenant_id) => ({ tenant_id, chain, address }))
      const infos = yield* addresses.lookup(wanted)
      return new Map(
        infos.flatMap(({ account_reference }, index) => {
          const tenant = tenantIds[index]
          return account_reference === null || tenant === undefined
            ? []
            : [[String(tenant), account_reference] as const]
        })
      )
    })

    return handlers.handleAll({
      balances: Effect.fn(function* ({ params, query }) {
        const caller = yield* Caller
        const chain = chains.get(params.chain)
        const address = chain && canonicalAddress(chain.kind, params.address)
        if (chain === undefined || address === undefined) return yield* nothingThere
        const isWanted = (tenant: string) =>
          maySee(caller, tenant) && tenant === (query.tenant_id ?? tenant)
        const [found, owners] = yield* orUnavailable(
          Effect.all([
            ledger.balances(chain.name, address),
            ownersOf([...tenants.values()].filter(isWanted), chain.name, address)
          ])
        )
        const balances = found.filter(
          ({ tenant_id, environment }) =>
            isWanted(tenant_id) && environment === (query.environment ?? environment)
        )
        // Their sum would add one owner's money to another's, or test money to real money.
        const accounts = new Set([
          ...balances.map(({ tenant_id, environment }) => `${tenant_id}/${environment}`),
          ...[...owners.keys()].filter((id) => !balances.some(({ tenant_id }) => tenant_id === id))
        ])
        if (accounts.size === 0) return yield* nothingThere
        if (accounts.size > 1) {
          return yield* new Ambiguous({
            detail: `the address belongs to ${[...accounts].join(", ")}: choose with ?tenant_id=…&environment=…`
          })
        }
        const [owner = null] = owners.values()
        return {
          account_reference: owner,
          balances: balances.map(({ token, amount }) => ({ token, amount }))
        }
      })
    })
  })
)

const nothingThere = new NotFound({
  detail: "nothing was credited to this address, and it is not registered"
})

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
  Layer.provide([jobs, accounts, addresses, dlq, health]),
  Layer.provide([authorization, checkedQueryLayer])
)
