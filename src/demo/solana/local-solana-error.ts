import { Schema } from "effect"

/** The local Solana could not do what it was told: a mistake of the demo or of a test. */
export class LocalSolanaError extends Schema.TaggedError<LocalSolanaError>()("LocalSolanaError", {
  message: Schema.String
}) {}
