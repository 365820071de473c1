/** Registering and listing addresses: who may, what is taken, and what is refused. */
import { Effect, Predicate, Result, type Schema } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import {
  type AddressConflict,
  Addresses,
  conflictText,
  maxRegistrations
} from "../addresses/addresses.ts"
import {
  checkRegistration,
  type Registrable,
  type Registration,
  registrableOf,
  unknownTenant
} from "../addresses/registration.ts"
import { SurehookConfig } from "../config/surehook-config.ts"
import { decoder } from "../ingest/fields.ts"
import type { FieldFault } from "../ingest/problem.ts"
import { AddressesToRegister } from "./addresses-api.ts"
import { Api } from "./api.ts"
import { Caller } from "./authorization.ts"
import { jsonOf, orProblemResponse } from "./json-request.ts"
import { mustOperate, mustSee } from "./may.ts"
import { orUnavailable } from "./or-unavailable.ts"
import { Conflict, Invalid } from "./problems.ts"

/** More would only hide the first. */
const maxNamedFaults = 100

export const addresses = HttpApiBuilder.group(
  Api,
  "addresses",
  Effect.fn(function* (handlers) {
    const addresses = yield* Addresses
    const registrable = registrableOf(yield* SurehookConfig)

    return handlers
      .handleRaw("register", ({ request }) =>
        Effect.gen(function* () {
          const caller = yield* Caller
          yield* mustOperate("addresses are registered")
          const body = yield* decodeBody(yield* jsonOf(request))
          yield* mustSee(body.tenant_id)
          const registrations = yield* checkAll(registrable, body)
          return yield* addresses.register(registrations, `api:${caller.name}`).pipe(
            Effect.catchTag("AddressConflict", (conflict) => Effect.fail(conflictOf(conflict))),
            orUnavailable
          )
        }).pipe(orProblemResponse)
      )
      .handle(
        "list",
        Effect.fnUntraced(function* ({ query: { tenant_id, cursor, limit, ...filter } }) {
          const caller = yield* Caller
          if (tenant_id !== undefined) yield* mustSee(tenant_id)
          const tenants =
            tenant_id !== undefined ? [tenant_id] : caller.tenants && [...caller.tenants]
          const found = yield* orUnavailable(
            addresses.list({
              ...filter,
              tenants: tenants ?? undefined,
              after: cursor && { tenant_id: cursor[0], chain: cursor[1], address: cursor[2] },
              // One more tells whether there is another page.
              limit: limit + 1
            })
          )
          const page = found.slice(0, limit)
          const last = found.length > limit ? page.at(-1) : undefined
          return {
            addresses: page,
            next_cursor:
              last === undefined ? null : ([last.tenant_id, last.chain, last.address] as const)
          }
        })
      )
  })
)

const decode = decoder(AddressesToRegister)

const decodeBody = (json: Schema.Json) =>
  // Before each of them is looked at.
  Predicate.hasProperty(json, "addresses") &&
  Array.isArray(json.addresses) &&
  json.addresses.length > maxRegistrations
    ? invalid([
        {
          path: "addresses",
          message: `holds ${json.addresses.length}, and ${maxRegistrations} are allowed: register them in several calls`
        }
      ])
    : Result.match(decode(json), { onFailure: invalid, onSuccess: Effect.succeed })

const invalid = (faults: ReadonlyArray<FieldFault>) =>
  Effect.fail(
    new Invalid({
      detail: `${faults.length} ${faults.length === 1 ? "field is" : "fields are"} missing or wrong, and nothing was registered`,
      errors: faults.slice(0, maxNamedFaults)
    })
  )

const checkAll = (registrable: Registrable, body: typeof AddressesToRegister.Type) => {
  const { tenant_id } = body
  const faults: Array<FieldFault> = registrable.tenants.has(tenant_id)
    ? []
    : [{ path: "tenant_id", message: unknownTenant(registrable.tenants) }]
  const registrations: Array<Registration> = []
  for (const [index, fields] of body.addresses.entries()) {
    const checked = checkRegistration(registrable, { ...fields, tenant_id })
    if (Result.isSuccess(checked)) registrations.push(checked.success)
    else {
      for (const { field, message } of checked.failure) {
        if (field !== "tenant_id") faults.push({ path: `addresses[${index}].${field}`, message })
      }
    }
  }
  return faults.length === 0 ? Effect.succeed(registrations) : invalid(faults)
}

const conflictOf = ({ conflicts }: AddressConflict) =>
  new Conflict({
    detail: `${conflicts.length} ${conflicts.length === 1 ? "address belongs" : "addresses belong"} to another account, and nothing was registered`,
    errors: conflicts.slice(0, maxNamedFaults).map((conflict) => ({
      path: `addresses[${conflict.index}].account_reference`,
      message: `${conflict.address} ${conflictText(conflict)}`
    }))
  })
