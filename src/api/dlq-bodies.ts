/** The bodies of the calls about dead letters, decoded, or all that is wrong with them. */
import { Effect, Predicate, Result, type Schema } from "effect"
import { decoder } from "../ingest/fields.ts"
import type { FieldFault } from "../ingest/problem.ts"
import { DecisionBody, ReplayBody } from "./dlq-api.ts"
import { Invalid } from "./problems.ts"

const decision = decoder(DecisionBody)

export const decodeDecision = (json: Schema.Json) =>
  Result.match(decision(json), { onFailure: invalid, onSuccess: Effect.succeed })

const bulk = decoder(ReplayBody)

export const decodeReplay = (json: Schema.Json) => {
  const decoded = bulk(json)
  const faults = [...unknownFields(json), ...(Result.isFailure(decoded) ? decoded.failure : [])]
  if (Result.isFailure(decoded) || faults.length > 0) return invalid(faults)
  const { dry_run = false, reason, ...rest } = decoded.success
  if (dry_run) return Effect.succeed({ ...rest, dry_run })
  return reason === undefined
    ? invalid([{ path: "reason", message: "is missing" }])
    : Effect.succeed({ ...rest, dry_run, reason })
}

const known = Object.keys(ReplayBody.fields)

/** A misspelt filter that is passed over would replay everything. */
const unknownFields = (json: Schema.Json): ReadonlyArray<FieldFault> =>
  Predicate.isObject(json)
    ? Object.keys(json)
        .filter((name) => !known.includes(name))
        .slice(0, maxNamedFields)
        .map((path) => ({ path, message: `is none of ${known.join(", ")}` }))
    : []

/** More would only hide the first. */
const maxNamedFields = 10

const invalid = (errors: ReadonlyArray<FieldFault>) =>
  Effect.fail(
    new Invalid({
      detail: `${errors.length} ${errors.length === 1 ? "field is" : "fields are"} missing or wrong, and nothing was changed`,
      errors
    })
  )
