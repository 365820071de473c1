/** What the caller's token must be for a call: refused with 403 and a sentence otherwise. */
import { Effect } from "effect"
import { Caller, maySee } from "./authorization.ts"
import { Forbidden } from "./problems.ts"

/** `what`: "addresses are registered". */
export const mustOperate = Effect.fnUntraced(function* (what: string) {
  const { role } = yield* Caller
  if (role !== "operator" && role !== "admin") {
    return yield* new Forbidden({
      detail: `${what} with a token of the role operator or admin, and this one's is ${role}`
    })
  }
})

/** The same for a tenant that there is and for one that there is not. */
export const mustSee = Effect.fnUntraced(function* (tenantId: string) {
  if (!maySee(yield* Caller, tenantId)) {
    return yield* new Forbidden({ detail: "this token is not for that tenant" })
  }
})
