/** The endpoints at which addresses are registered and listed. */
import { Result, Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { maxRegistrations } from "../addresses/addresses.ts"
import { AccountReference } from "../addresses/registration.ts"
import { ChainName } from "../domain/chain.ts"
import { TenantId } from "../domain/ids.ts"
import { Authorization } from "./authorization.ts"
import { pageLimit } from "./page-limit.ts"
import {
  ConflictProblem,
  ForbiddenProblem,
  InvalidProblem,
  UnavailableProblem
} from "./problems.ts"
import { CheckedQuery } from "./query-check.ts"

const defaultLimit = 100
const maxLimit = 1_000

/** A row of `deposit_addresses`. */
export const AddressView = Schema.Struct({
  tenant_id: Schema.String,
  chain: Schema.String,
  address: Schema.String.annotate({ description: "in its canonical form" }),
  account_reference: Schema.String.annotate({ description: "whose it is" }),
  registered_by: Schema.String.annotate({
    description: "`api:` and a token, or `cli:` and a user"
  }),
  registered_at: Schema.String.annotate({ description: "ISO 8601, UTC, milliseconds" })
})

export const AddressesToRegister = Schema.Struct({
  tenant_id: Schema.String,
  addresses: Schema.Array(
    Schema.Struct({
      chain: Schema.String,
      address: Schema.String,
      account_reference: Schema.String
    })
  ).pipe(
    Schema.check(
      Schema.isBetweenLength(1, maxRegistrations, {
        message: `must hold 1 to ${maxRegistrations} addresses`
      })
    )
  )
})

const registration = <Count extends Schema.Top>(registered: Count) =>
  Schema.Struct({
    /** How many are new. Those that are not were registered for the same account before. */
    registered,
    addresses: Schema.Array(AddressView)
  })

/** The first that fits is sent. */
const registrations = [
  registration(Schema.Literal(0)).annotate({ httpApiStatus: 200 }),
  registration(Schema.Int).annotate({ httpApiStatus: 201 })
] as const

const PageKey = Schema.StringFromBase64Url.pipe(
  Schema.decodeTo(
    Schema.fromJsonString(
      Schema.Tuple([
        TenantId,
        ChainName,
        Schema.String.pipe(Schema.check(Schema.isPattern(/^[!-~]+$/)))
      ])
    )
  )
)
const isPageKey = (text: string) => Result.isSuccess(Schema.decodeResult(PageKey)(text))

/** The key of the last address of a page. Opaque, so that it may change. */
const Cursor = Schema.String.pipe(
  Schema.check(
    Schema.makeFilter((text: string) =>
      isPageKey(text) ? true : "must be the next_cursor of an answer to this call"
    )
  ),
  Schema.decodeTo(PageKey)
)

export const addresses = HttpApiGroup.make("addresses")
  .add(
    HttpApiEndpoint.post("register", "/v1/addresses", {
      payload: AddressesToRegister,
      success: registrations,
      error: [ForbiddenProblem, ConflictProblem, InvalidProblem, UnavailableProblem]
    }),
    HttpApiEndpoint.get("list", "/v1/addresses", {
      query: {
        tenant_id: Schema.optionalKey(TenantId),
        chain: Schema.optionalKey(ChainName),
        account_reference: Schema.optionalKey(AccountReference),
        cursor: Schema.optionalKey(Cursor),
        limit: pageLimit(maxLimit, defaultLimit)
      },
      success: Schema.Struct({
        addresses: Schema.Array(AddressView),
        next_cursor: Schema.NullOr(Cursor).annotate({
          description: "for the next page; null on the last one"
        })
      }),
      error: [ForbiddenProblem, UnavailableProblem]
    })
  )
  .middleware(CheckedQuery)
  .middleware(Authorization)
