/** Who asks: the bearer token of a request, and what it may see. */
import { Context } from "effect"
import { HttpApiMiddleware, HttpApiSecurity } from "effect/http-api"
import { UnauthorizedProblem } from "./problems.ts"

export class Caller extends Context.Service<
  Caller,
  {
    /** The token's name, for logs and events. */
    readonly name: string
    readonly role: "viewer" | "auditor" | "operator" | "admin"
    /** Null: all tenants. */
    readonly tenants: ReadonlySet<string> | null
  }
>()("surehook/api/Caller") {}

export const maySee = (caller: Caller["Service"], tenantId: string): boolean =>
  caller.tenants === null || caller.tenants.has(tenantId)

export class Authorization extends HttpApiMiddleware.Service<
  Authorization,
  { provides: Caller; requires: never }
>()("surehook/api/Authorization", {
  requiredForClient: true,
  security: { bearer: HttpApiSecurity.bearer },
  error: UnauthorizedProblem
}) {}
