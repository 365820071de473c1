/** One deposit job and its timeline. */
import { PgClient } from "@effect/sql-pg"
import { Console, Effect } from "effect"
import { JobQueries, type JobView } from "../../deposits/job-queries.ts"
import { type JobId, jobIdFromText } from "../../domain/ids.ts"
import { readEvents } from "../../event-log/event-log.ts"
import type { EventRecord } from "../../event-log/event-record.ts"
import { refuse } from "../failure.ts"
import { reading } from "./command-database.ts"
import { eventText } from "./event-text.ts"
import { faultText, jobJson, stateColor, stateName, timeText } from "./job-text.ts"
import { indented, type Screen, screen } from "./table.ts"

export const showJob = Effect.fnUntraced(function* (input: {
  readonly jobId: string
  readonly json: boolean
}) {
  const id = jobIdFromText(input.jobId)
  if (id === undefined) {
    return yield* refuse(
      `${input.jobId} is not a job id, which looks like 0197b3a0-5c1e-7000-8000-0123456789ab: \`jobs list\` shows them.`
    )
  }
  const { events, job } = yield* reading(readJob(id))
  yield* Console.log(
    input.json
      ? JSON.stringify({ ...jobJson(job), events }, null, 2)
      : describe(job, events, yield* screen)
  )
})

const readJob = (id: JobId) =>
  Effect.gen(function* () {
    const job = yield* (yield* JobQueries).find(id)
    if (job === undefined) {
      return yield* refuse(`There is no job ${id} in this database.`)
    }
    return { job, events: yield* readEvents(yield* PgClient.PgClient, id) }
  }).pipe(Effect.provide(JobQueries.layer))

const describe = (job: JobView, events: ReadonlyArray<EventRecord>, screen: Screen): string => {
  const { paint } = screen
  const facts: ReadonlyArray<readonly [string, string | undefined]> = [
    ["state", paint(stateName(job), stateColor(job))],
    ["amount", `${job.amount} ${job.token}`],
    ["to", job.to_address],
    ["transaction", `${job.tx_hash} on ${job.chain}`],
    ["transfer index", job.transfer_index === null ? undefined : String(job.transfer_index)],
    ["source", `${job.source}, of ${job.tenant_id} in ${job.environment}`],
    ["attempts", `${job.attempt_count} of ${job.max_attempts}`],
    ["fault", faultText(job)],
    ["next look", job.next_retry_at === null ? undefined : timeText(job.next_retry_at)],
    [
      "lease",
      job.lease_until === null
        ? undefined
        : `until ${timeText(job.lease_until)} of ${job.leased_by}`
    ],
    ["ledger", job.ledger_transaction_id ?? undefined]
  ]
  const shown = facts.flatMap(([label, value]) => (value === undefined ? [] : [{ label, value }]))
  const labelWidth = Math.max(...shown.map(({ label }) => label.length))
  return [
    paint(`Job ${job.id}`, "bold"),
    ...shown.map(({ label, value }) => {
      const text = indented(labelWidth + 4, value, screen).trimStart()
      return `  ${paint(label.padEnd(labelWidth), "dim")}  ${text}`
    }),
    "",
    paint("Events (UTC)", "bold"),
    ...timeline(events, screen),
    ...nextSteps(job)
  ].join("\n")
}

const timeline = (events: ReadonlyArray<EventRecord>, screen: Screen): ReadonlyArray<string> => {
  const typeWidth = Math.max(...events.map(({ type }) => type.length))
  return events.flatMap((event) => {
    const { actor, from_state, recorded_at, to_state, type } = event
    const change = from_state === null ? to_state : `${from_state} → ${to_state}`
    return [
      `  ${timeText(recorded_at)}  ${type.padEnd(typeWidth)}  ${change}`,
      screen.paint(indented(4, `${actor}  ${eventText(event)}`, screen), "dim")
    ]
  })
}

/** What an operator can do now, if it waits for one. */
const nextSteps = ({ id, status, sub_state }: JobView): ReadonlyArray<string> => {
  const isDead = status === "dlq"
  if (!isDead && sub_state !== "settled") return []
  const command = (name: string) => `  npm run surehook -- dlq ${name} ${id} --reason "…"`
  return [
    "",
    isDead ? "Try it again, or give it up:" : "It was settled without a credit. Try it again:",
    command("replay"),
    ...(isDead ? [command("discard")] : [])
  ]
}
