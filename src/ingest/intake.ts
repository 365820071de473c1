/** Makes jobs of verified claims: concurrent webhooks share one commit, and workers are told. */
import { Context, Effect, Layer } from "effect"
import type { SqlError } from "effect/sql"
import { Deposits, type ReceivedClaim, type ReceiveOutcome } from "../deposits/deposits.ts"
import { JobSignal } from "../deposits/job-signal.ts"
import { type GroupCommitFull, makeGroupCommit } from "../postgres/group-commit.ts"

export interface IntakeOptions {
  readonly maxBatch: number
  readonly maxWaiting: number
  readonly committers: number
}

export const defaultIntakeOptions: IntakeOptions = {
  maxBatch: 200,
  // Each may be 1 MiB large: who comes when as many wait is told to come back.
  maxWaiting: 1000,
  // While one waits for the disk, the other's batch is written.
  committers: 2
}

export class Intake extends Context.Service<
  Intake,
  {
    /** The claims of one webhook, all or none. Succeeds when they are durable; outcomes in order. */
    readonly receive: (
      claims: ReadonlyArray<ReceivedClaim>
    ) => Effect.Effect<ReadonlyArray<ReceiveOutcome>, SqlError.SqlError | GroupCommitFull>
  }
>()("surehook/ingest/Intake") {
  static readonly layerWith = (options: IntakeOptions) =>
    Layer.effect(
      Intake,
      Effect.gen(function* () {
        const deposits = yield* Deposits
        const signal = yield* JobSignal
        const group = yield* makeGroupCommit({
          ...options,
          commit: (webhooks: ReadonlyArray<ReadonlyArray<ReceivedClaim>>) =>
            Effect.gen(function* () {
              const outcomes = yield* deposits.receive(webhooks.flat())
              if (outcomes.some(({ created }) => created)) yield* signal.announce
              let start = 0
              return webhooks.map((claims) => {
                const end = start + claims.length
                const own = outcomes.slice(start, end)
                start = end
                return own
              })
            }).pipe(
              Effect.tapError((error) =>
                Effect.logWarning(
                  `${webhooks.length} webhooks could not be stored: ${error.message}`
                )
              )
            )
        })
        return Intake.of({ receive: group.submit })
      })
    )

  static readonly layer = Intake.layerWith(defaultIntakeOptions)
}
