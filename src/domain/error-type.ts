/** The sorts of failure, which decide whether and when a deposit is tried again. */
import { Schema } from "effect"

export const ErrorType = Schema.Literals(["transient", "permanent", "rpc_failure", "unknown"])
export type ErrorType = typeof ErrorType.Type
