/** The process's environment variables, as a reference, so that a test brings its own. */
import process from "node:process"
import { Context } from "effect"

export type EnvRecord = Readonly<Record<string, string | undefined>>

export const ProcessEnv = Context.Reference<EnvRecord>("surehook/config/ProcessEnv", {
  defaultValue: () => process.env
})
