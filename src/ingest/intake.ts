/**
 * Makes jobs of verified webhooks: those that come at the same moment share one commit, and workers
 * are told.
 */
import { Context, Effect, Layer } from "effect"
import type { SqlError } from "effect/sql"
import { type Addressed, Addresses } from "../addresses/addresses.ts"
import { Deposits, type ReceivedClaim, type ReceiveOutcome } from "../deposits/deposits.ts"
import { JobSignal } from "../deposits/job-signal.ts"
import type { Address } from "../domain/chain.ts"
import { type GroupCommitFull, makeGroupCommit } from "../postgres/group-commit.ts"
import { type Message, Messages, messageKey } from "./messages.ts"

export interface IntakeOptions {
  readonly maxBatch: number
  /** Transfers in one commit, unless a single webhook has more. */
  readonly maxBatchWeight: number
  /** Transfers in all webhooks that wait. */
  readonly maxWaitingWeight: number
  readonly maxWaiting: number
  readonly committers: number
}

export const defaultIntakeOptions: IntakeOptions = {
  maxBatch: 200,
  maxBatchWeight: 2_000,
  maxWaitingWeight: 50_000,
  // Each may be 1 MiB large: who comes when as many wait is told to come back.
  maxWaiting: 1000,
  // While one waits for the disk, the other's batch is written.
  committers: 2
}

export interface ReceivedWebhook {
  /** Undefined if the provider gives its messages no ids. */
  readonly message: Message | undefined
  readonly transfers: ReadonlyArray<ReceivedTransfer>
}

export interface ReceivedTransfer {
  readonly received: ReceivedClaim
  /** Who sent it, if the provider says so. */
  readonly from_address: Address | null
}

export type TransferOutcome =
  | ({ readonly _tag: "Job" } & Exclude<ReceiveOutcome, undefined>)
  | { readonly _tag: "Ignored"; readonly reason: "outgoing" | "removed_unknown" }

export class Intake extends Context.Service<
  Intake,
  {
    /** The transfers of one webhook, all or none. Succeeds when they are durable; outcomes in order. */
    readonly receive: (
      webhook: ReceivedWebhook
    ) => Effect.Effect<ReadonlyArray<TransferOutcome>, SqlError.SqlError | GroupCommitFull>
  }
>()("surehook/ingest/Intake") {
  static readonly layerWith = (options: IntakeOptions) =>
    Layer.effect(
      Intake,
      Effect.gen(function* () {
        const addresses = yield* Addresses
        const deposits = yield* Deposits
        const messages = yield* Messages
        const signal = yield* JobSignal

        /** What left an address of the tenant for one that is none of its: no deposit. */
        const outgoing = Effect.fnUntraced(function* (transfers: ReadonlyArray<ReceivedTransfer>) {
          const sent = transfers.flatMap((transfer) => {
            const { received, from_address } = transfer
            const to = addressed(received, received.claim.to_address)
            return from_address === null
              ? []
              : [{ transfer, to, from: addressed(received, from_address) }]
          })
          if (sent.length === 0) return new Set<ReceivedTransfer>()
          const ours = yield* addresses.registered(sent.flatMap(({ from, to }) => [from, to]))
          return new Set(
            sent
              .filter(({ from, to }) => ours.has(from) && !ours.has(to))
              .map(({ transfer }) => transfer)
          )
        })

        const commit = (webhooks: ReadonlyArray<ReceivedWebhook>) =>
          Effect.gen(function* () {
            const named = webhooks.flatMap(({ message }) => message ?? [])
            const handled = yield* messages.recall(named)
            const isHandled = ({ message }: ReceivedWebhook) =>
              message !== undefined && handled.has(messageKey(message))

            const transfers = webhooks.flatMap((webhook) => webhook.transfers)
            const gone = yield* outgoing(transfers)
            const claims = webhooks.flatMap((webhook) =>
              webhook.transfers
                .filter((transfer) => !gone.has(transfer))
                .map(({ received }) => ({
                  ...received,
                  isRepeated: isHandled(webhook)
                }))
            )
            const outcomes = yield* deposits.receive(claims)
            yield* messages.remember(named.filter((message) => !handled.has(messageKey(message))))
            if (outcomes.some((outcome) => outcome?.created === true)) yield* signal.announce

            let next = 0
            return webhooks.map((webhook) =>
              webhook.transfers.map((transfer): TransferOutcome => {
                if (gone.has(transfer)) return { _tag: "Ignored", reason: "outgoing" }
                const outcome = outcomes[next++]
                return outcome === undefined
                  ? { _tag: "Ignored", reason: "removed_unknown" }
                  : { _tag: "Job", ...outcome }
              })
            )
          }).pipe(
            Effect.tapError((error) =>
              Effect.logWarning(`${webhooks.length} webhooks could not be stored: ${error.message}`)
            )
          )

        const group = yield* makeGroupCommit({
          ...options,
          weightOf: ({ transfers }: ReceivedWebhook) => Math.max(transfers.length, 1),
          commit
        })
        return Intake.of({ receive: group.submit })
      })
    ).pipe(Layer.provide(Messages.layer))

  static readonly layer = Intake.layerWith(defaultIntakeOptions)
}

const addressed = ({ tenant_id, claim }: ReceivedClaim, address: Address): Addressed => ({
  tenant_id,
  chain: claim.chain,
  address
})
