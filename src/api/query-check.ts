/** Says what is wrong with the parameters of a request, as a problem and not as a bare 400. */
import { Effect, SchemaIssue } from "effect"
import { HttpApiMiddleware } from "effect/http-api"
import { Invalid, InvalidProblem } from "./problems.ts"

export class CheckedQuery extends HttpApiMiddleware.Service<CheckedQuery>()(
  "surehook/api/CheckedQuery",
  { error: InvalidProblem }
) {}

const format = SchemaIssue.makeFormatterStandardSchemaV1()

export const checkedQueryLayer = HttpApiMiddleware.layerSchemaErrorTransform(
  CheckedQuery,
  (error) =>
    // What we answer is our own fault, and stays one.
    error.kind === "Body" || error.kind === "ResponseHeaders"
      ? Effect.fail(error)
      : Effect.fail(
          new Invalid({
            detail: "these parameters of the request are wrong",
            errors: format(error.cause.issue).issues.map(({ path = [], message }) => ({
              path: path.map((key) => String(typeof key === "object" ? key.key : key)).join("."),
              message
            }))
          })
        )
)
