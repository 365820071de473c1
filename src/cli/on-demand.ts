/** A command's work, loaded when the command is run, with its faults explained. */
import { Effect } from "effect"
import { explain } from "./failure.ts"

export const onDemand =
  <I, A, E, R>(load: () => Promise<(input: I) => Effect.Effect<A, E, R>>) =>
  (input: I) =>
    Effect.promise(load).pipe(
      Effect.flatMap((run) => run(input)),
      Effect.asVoid,
      explain
    )
