/** Decodes a body with a Schema, and says of each field that is wrong where it is and what it must be. */
import { Result, Schema, SchemaIssue } from "effect"
import type { FieldFault } from "./problem.ts"

const format = SchemaIssue.makeFormatterStandardSchemaV1({
  leafHook: (issue) => {
    switch (issue._tag) {
      case "MissingKey":
        return "is missing"
      case "InvalidType":
        if (issue.ast.annotations?.message !== undefined) return SchemaIssue.defaultLeafHook(issue)
        return `must be ${typeNames[issue.ast._tag] ?? "a JSON object"}`
      default:
        return SchemaIssue.defaultLeafHook(issue)
    }
  }
})

const typeNames: Readonly<Record<string, string>> = {
  String: "a string",
  Number: "a number",
  Boolean: "true or false",
  Arrays: "a list"
}

/** `event.activity[2].hash`. */
export const fieldPath = (keys: ReadonlyArray<PropertyKey>): string =>
  keys
    .map((key, depth) =>
      typeof key === "number" ? `[${key}]` : `${depth === 0 ? "" : "."}${String(key)}`
    )
    .join("")

/** What is not in the schema is ignored. */
export const decoder = <S extends Schema.ConstraintDecoder<unknown>>(schema: S) => {
  const decode = Schema.decodeUnknownResult(schema, { errors: "all" })
  return (json: unknown): Result.Result<S["Type"], ReadonlyArray<FieldFault>> =>
    Result.mapError(decode(json), ({ issue }) =>
      format(issue).issues.map(({ path = [], message }) => ({
        path: fieldPath(path.map((key) => (typeof key === "object" ? key.key : key))),
        message
      }))
    )
}
