/** Who runs the command, as history remembers it: `cli:<user>`. */
import { userInfo } from "node:os"
import { Effect } from "effect"

/** A container's user may have no name. */
export const operatorName = Effect.sync(() => {
  try {
    return `cli:${userInfo().username}`
  } catch {
    return "cli:unknown"
  }
})
