/** What the parts of a running demo share: the chains, the service, the log, the screen. */
import { Clock, Effect } from "effect"
import type { SqlError } from "effect/sql"
import type { EventRecord } from "../event-log/event-record.ts"
import type { DemoChain } from "./demo-chain.ts"
import type { DemoService } from "./demo-service.ts"
import { type Journal, makeJournal } from "./journal.ts"
import {
  amountOf,
  answerLine,
  type Deposit,
  eventLine,
  noticeLine,
  type Subject
} from "./live-view.ts"
import type { Screen } from "./screen.ts"

export interface Stage {
  readonly chains: ReadonlyArray<DemoChain>
  readonly service: DemoService
  readonly apiToken: string
  readonly screen: Screen
  readonly journal: Journal
  /** Whatever is claimed about this transaction belongs to that scenario. */
  readonly assign: (tx_hash: string, subject: Subject) => void
  readonly subjectOf: (job_id: string) => Subject
  readonly notice: (text: string) => Effect.Effect<void, SqlError.SqlError>
  readonly answered: (
    subject: Subject,
    answer: string,
    detail: string
  ) => Effect.Effect<void, SqlError.SqlError>
}

/** A webhook that somebody else sent, while the demo stays. */
const stranger: Subject = { number: null, name: "sent by you" }

export const makeStage = Effect.fnUntraced(function* (
  props: Pick<Stage, "apiToken" | "chains" | "service" | "screen">
) {
  const { screen, service } = props
  const byTransaction = new Map<string, Subject>()
  const byJob = new Map<string, Deposit>()
  const depositOf = (job_id: string) => byJob.get(job_id) ?? { subject: stranger, amount: "it" }

  const show = (event: EventRecord) => {
    if (event.type === "deposit.received") {
      const subject = byTransaction.get(`${event.data.tx_hash}`) ?? stranger
      byJob.set(event.job_id, { subject, amount: amountOf(event) })
    }
    return screen.print(eventLine(screen, depositOf(event.job_id), event))
  }
  const journal = yield* makeJournal(service.sql, show)

  /** After all that the log says until now, so that the lines stand in order. */
  const printInTurn = (line: (now: string) => string) =>
    Effect.gen(function* () {
      yield* journal.catchUp
      const now = new Date(yield* Clock.currentTimeMillis).toISOString()
      yield* screen.print(line(now))
    })

  return {
    ...props,
    journal,
    assign: (tx_hash, subject) => {
      byTransaction.set(tx_hash, subject)
    },
    subjectOf: (job_id) => depositOf(job_id).subject,
    notice: (text) => printInTurn((now) => noticeLine(screen, now, text)),
    answered: (subject, answer, detail) =>
      printInTurn((now) => answerLine(screen, now, subject, answer, detail))
  } satisfies Stage
})
