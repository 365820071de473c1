/** Plays one scenario: puts its transactions on the chain, sends its webhooks, awaits what comes of them. */
import { Duration, Effect } from "effect"
import type { EventRecord } from "../event-log/event-record.ts"
import type { DemoChain, Payment } from "./demo-chain.ts"
import { isSettled } from "./journal.ts"
import type { Subject } from "./live-view.ts"
import type { RpcFront } from "./rpc-front.ts"
import type { Scenario, Webhook } from "./scenario.ts"
import type { Stage } from "./stage.ts"
import { type Answer, deliver } from "./webhooks.ts"

/** A person reads along. */
const pauseBetweenWebhooks = Duration.millis(250)
const deeperAfter = Duration.millis(500)
const outageSeconds = 3
/** More than anything here takes: what is not there by then shows in the verdict. */
const patience = Duration.seconds(60)

export interface Sent {
  readonly webhook: Webhook
  /** What it announced. */
  readonly payments: ReadonlyArray<Payment>
  /** One for each copy, the accepted one first. */
  readonly answers: ReadonlyArray<Answer>
}

export interface Played {
  readonly chain: DemoChain
  readonly subject: Subject
  readonly payments: ReadonlyArray<Payment>
  readonly sent: ReadonlyArray<Sent>
}

export const play = Effect.fnUntraced(function* (
  stage: Stage,
  chain: DemoChain,
  subject: Subject,
  { onChain, webhooks, circumstance }: Scenario
) {
  const payments = (yield* Effect.forEach(onChain, chain.send)).flat()
  for (const { tx_hash } of payments) stage.assign(tx_hash, subject)
  if (payments.length > 0) {
    yield* chain.include
    if (circumstance !== "not deep") yield* chain.deepen
  }
  if (circumstance === "outage" && chain.front !== undefined) {
    yield* beginOutage(stage, chain.front)
  }

  const sent: Array<Sent> = []
  for (const webhook of webhooks) {
    if (sent.length > 0 && stage.screen.isWatched) yield* Effect.sleep(pauseBetweenWebhooks)
    const told = announced(webhook, payments, chain)
    const answers = yield* deliverCopies(stage, chain, webhook, told)
    sent.push({ webhook, payments: told, answers })
    yield* showAnswers(stage, subject, answers)

    if (circumstance === "outage") {
      // The others are left to themselves, and the demo goes on.
      if (sent.length === 1)
        yield* awaitJobs(stage, answers, (is) => is.type === "processing.released")
      continue
    }
    if (circumstance === "not deep") {
      yield* awaitJobs(stage, answers, (is) => isSettled(is) || is.type === "confirmation.awaited")
      yield* Effect.sleep(deeperAfter)
      yield* chain.deepen
      yield* stage.notice(`${chain.name} goes on: now it is deep enough`)
    }
    yield* awaitJobs(stage, answers, isSettled)
  }
  return { chain, subject, payments, sent } satisfies Played
})

const announced = (
  { payment = 0 }: Webhook,
  payments: ReadonlyArray<Payment>,
  chain: DemoChain
): ReadonlyArray<Payment> =>
  payment === "all" ? payments : [payments[payment] ?? chain.invented()]

const beginOutage = Effect.fnUntraced(function* ({ notice }: Stage, front: RpcFront) {
  yield* front.setMode({ _tag: "Status", status: 503 })
  yield* notice(`the chain's RPC answers 503 from now on, for ${outageSeconds} s`)
  yield* Effect.sleep(Duration.seconds(outageSeconds)).pipe(
    Effect.andThen(front.setMode({ _tag: "Forward" })),
    Effect.andThen(notice("the chain's RPC is well again, and its circuit closes in a moment")),
    Effect.forkScoped
  )
})

/** All copies at the same moment. */
const deliverCopies = Effect.fnUntraced(function* (
  { service }: Stage,
  { call, sourceId }: DemoChain,
  webhook: Webhook,
  payments: ReadonlyArray<Payment>
) {
  const url = `${service.url}/v1/webhooks/${webhook.source ?? sourceId}`
  const answers = yield* Effect.replicateEffect(
    Effect.flatMap(call(webhook, payments), (made) => deliver(url, made)),
    webhook.copies ?? 1,
    { concurrency: "unbounded" }
  )
  return answers.toSorted((a, b) => Number(isNew(b)) - Number(isNew(a)))
})

const isNew = (answer: Answer): boolean => answer._tag === "Taken" && answer.status === "accepted"

/** What is accepted shows in the log. */
const showAnswers = Effect.fnUntraced(function* (
  stage: Stage,
  subject: Subject,
  answers: ReadonlyArray<Answer>
) {
  const [first] = answers
  const others = answers.filter((answer) => !isNew(answer)).length
  if (first?._tag === "Refused") {
    return yield* stage.answered(subject, `refused ${first.status}`, first.detail)
  }
  if (others === 0) return
  if (first?.status === "ignored") {
    return yield* stage.answered(subject, "ignored", first.detail ?? "no deposit")
  }
  const known = others === 1 ? "duplicate" : `${others} duplicates`
  yield* stage.answered(subject, known, "the same job is named, nothing is done")
})

export const jobsOf = (answers: ReadonlyArray<Answer>): ReadonlySet<string> =>
  new Set(answers.flatMap((answer) => (answer._tag === "Taken" ? answer.job_ids : [])))

const awaitJobs = (
  { journal }: Stage,
  answers: ReadonlyArray<Answer>,
  isThere: (event: EventRecord) => boolean
) => {
  const jobs = [...jobsOf(answers)]
  return journal.waitUntil(
    (newest) =>
      jobs.every((job_id) => {
        const event = newest.get(job_id)
        return event !== undefined && isThere(event)
      }),
    patience
  )
}
