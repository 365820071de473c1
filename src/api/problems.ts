/** The errors of the API as RFC 9457 problem details. */
import { Schema } from "effect"
import { HttpApiSchema } from "effect/http-api"

export const problemFields = <Status extends number, Title extends string>(
  status: Status,
  title: Title
) => ({
  type: Schema.tag("about:blank"),
  status: Schema.tag(status),
  title: Schema.tag(title),
  /** What is wrong, and how to mend it. */
  detail: Schema.String
})

export const asProblem = HttpApiSchema.asJson({ contentType: "application/problem+json" })

export class Unauthorized extends Schema.Error<Unauthorized>("surehook/api/Unauthorized")(
  problemFields(401, "Unauthorized"),
  { httpApiStatus: 401 }
) {}

/** The token is right, and may not do this. */
export class Forbidden extends Schema.Error<Forbidden>("surehook/api/Forbidden")(
  problemFields(403, "Forbidden"),
  { httpApiStatus: 403 }
) {}

export class NotFound extends Schema.Error<NotFound>("surehook/api/NotFound")(
  problemFields(404, "Not found"),
  { httpApiStatus: 404 }
) {}

/** The question has more than one answer. */
export class Ambiguous extends Schema.Error<Ambiguous>("surehook/api/Ambiguous")(
  problemFields(409, "Ambiguous"),
  { httpApiStatus: 409 }
) {}

/** What is wrong by its path in the request: `addresses[1].chain`, `limit`. */
const FieldErrors = Schema.Array(Schema.Struct({ path: Schema.String, message: Schema.String }))

/** The request contradicts what is there. */
export class Conflict extends Schema.Error<Conflict>("surehook/api/Conflict")(
  { ...problemFields(409, "Conflict"), errors: FieldErrors },
  { httpApiStatus: 409 }
) {}

/** The job is in a state in which this cannot be done. */
export class WrongState extends Schema.Error<WrongState>("surehook/api/WrongState")(
  problemFields(409, "Conflict"),
  { httpApiStatus: 409 }
) {}

export class Invalid extends Schema.Error<Invalid>("surehook/api/Invalid")(
  { ...problemFields(422, "Invalid fields"), errors: FieldErrors },
  { httpApiStatus: 422 }
) {}

/** The database is away, or not migrated yet. */
export class Unavailable extends Schema.Error<Unavailable>("surehook/api/Unavailable")(
  problemFields(503, "Temporarily unavailable"),
  { httpApiStatus: 503 }
) {}

export const UnauthorizedProblem = Unauthorized.pipe(asProblem)
export const ForbiddenProblem = Forbidden.pipe(asProblem)
export const NotFoundProblem = NotFound.pipe(asProblem)
export const AmbiguousProblem = Ambiguous.pipe(asProblem)
export const ConflictProblem = Conflict.pipe(asProblem)
export const WrongStateProblem = WrongState.pipe(asProblem)
export const InvalidProblem = Invalid.pipe(asProblem)
export const UnavailableProblem = Unavailable.pipe(asProblem)
