/** The log is the truth: the row is its fold, and nothing illegal is ever in it. */
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it, layer } from "@effect/vitest"
import { Arbitrary, Effect, Result, Schema } from "effect"
import type { DepositEvent } from "../../machines/deposit-events.ts"
import { type DepositState, fold, stateName, step } from "../../src/deposits/deposit-state.ts"
import { Deposits } from "../../src/deposits/deposits.ts"
import {
  type Advance,
  advance,
  type Job,
  receive,
  TransitionRefused
} from "../../src/deposits/job.ts"
import { eventFromRecord } from "../../src/deposits/recorded-event.ts"
import { amountFromText } from "../../src/domain/amount.ts"
import { JobId } from "../../src/domain/ids.ts"
import { readEvents } from "../../src/event-log/event-log.ts"
import { type EventRecord, genesisHash, hashOf } from "../../src/event-log/event-record.ts"
import * as a from "../machines/deposit-samples.ts"
import { depositsLayer, newJobs, readJobs, received } from "./jobs.ts"
import { eventOf, Move } from "./moves.ts"

const decoded = (records: ReadonlyArray<EventRecord>): ReadonlyArray<DepositEvent> =>
  records.map((record) => Result.getOrThrow(eventFromRecord(record)))

const foldOf = (records: ReadonlyArray<EventRecord>): DepositState => {
  const result = fold(decoded(records))
  if ("refusedAt" in result) return assert.fail(`event ${result.refusedAt} of the log is illegal`)
  return result.state
}

const assertChained = (records: ReadonlyArray<EventRecord>) => {
  let previous = genesisHash
  for (const [index, record] of records.entries()) {
    const { previous_hash, hash, ...content } = record
    assert.strictEqual(record.sequence, index + 1)
    assert.strictEqual(previous_hash, previous)
    assert.strictEqual(hash, hashOf(previous_hash, content))
    assert.strictEqual(record.from_state, records[index - 1]?.to_state ?? null)
    previous = hash
  }
}

const moves = Arbitrary.array(Arbitrary.schema(Move), { minLength: 6, maxLength: 20 })

const Digits = Schema.String.pipe(Schema.check(Schema.isPattern(/^[0-9]{1,18}$/)))
const amount = Arbitrary.map(
  Arbitrary.schema(Schema.Tuple([Digits, Digits])),
  ([whole, fraction]) => amountFromText(`${whole}.${fraction}`) ?? amountFromText("1")
)

describe("a job in memory", () => {
  it.prop(
    "takes exactly the events that its machine accepts, and is their fold",
    [moves],
    ([all]) => {
      const id = JobId.make("0197a000-0000-7000-8000-000000000001")
      let { job, record } = receive(id, a.received(), "source:main", null)
      const log = [record]
      let now = 0
      for (const move of all) {
        now += move.elapsedMillis
        const event = eventOf(move, job.state, now)
        const before = structuredClone(job)
        const made = advance(job, event, "worker:w1")
        assert.deepStrictEqual(job, before)
        assert.strictEqual(made instanceof TransitionRefused, step(job.state, event) === undefined)
        if (made instanceof TransitionRefused) {
          assert.include(made, { job_id: id, event_type: event.type, state: stateName(job.state) })
          continue
        }
        ;({ job, record } = made)
        log.push(record)
        assert.strictEqual(job.head_hash, record.hash)
        assert.strictEqual(stateName(job.state), record.to_state)
      }
      assert.strictEqual(job.sequence, log.length)
      assert.deepStrictEqual(foldOf(log), job.state)
      assertChained(log)
    },
    { arbitrary: { runs: 100 } }
  )
})

layer(depositsLayer)("a job in the database", (it) => {
  const histories = Arbitrary.array(
    Arbitrary.all({ amount, moves, priority: Arbitrary.schema(Schema.Literals([0, -3, 7])) }),
    { minLength: 10, maxLength: 40 }
  )

  it.effect.prop(
    "is the fold of its events, exactly, and its hashes can be recomputed from what is stored",
    [histories],
    ([all]) =>
      Effect.gen(function* () {
        const deposits = yield* Deposits
        const sql = yield* PgClient.PgClient
        let jobs = yield* newJobs(
          all.map((history) =>
            received(history.amount === undefined ? {} : { amount: history.amount }, {
              priority: history.priority,
              trace_parent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
            })
          )
        )
        let now = 0
        for (let round = 0; round < 20; round++) {
          now += 50_000
          const made = jobs.flatMap((job, index): ReadonlyArray<Advance> => {
            const move = all[index]?.moves[round]
            const next = move && advance(job, eventOf(move, job.state, now), "worker:w1")
            return next === undefined || next instanceof TransitionRefused ? [] : [next]
          })
          const appended = yield* deposits.append(made)
          assert.strictEqual(appended.size, made.length)
          const next = new Map(made.map(({ job }) => [job.id, job]))
          jobs = jobs.map((job): Job => next.get(job.id) ?? job)
          // The same events again come from a writer that is now behind.
          assert.strictEqual((yield* deposits.append(made)).size, 0)
        }
        assert.deepStrictEqual(yield* readJobs(jobs.map((job) => job.id)), jobs)
        for (const job of jobs) {
          const records = yield* readEvents(sql, job.id)
          assertChained(records)
          assert.deepStrictEqual(foldOf(records), job.state)
          const last = records.at(-1)
          assert.deepInclude(last, { sequence: job.sequence, hash: job.head_hash })
          assert.strictEqual(last?.to_state, stateName(job.state))
          assert.strictEqual(last?.trace_id, "0af7651916cd43dd8448eb211c80319c")
        }
      }),
    { arbitrary: { runs: 8 }, timeout: 60_000 }
  )
})

describe("an entry of the log", () => {
  const { record } = receive(
    JobId.make("0197a000-0000-7000-8000-000000000001"),
    a.received(),
    "source:main",
    null
  )

  it("is not read when it is not an event, or a newer service wrote it", () => {
    assert.deepStrictEqual(Result.getOrThrow(eventFromRecord(record)), a.received())
    const unreadable = [
      [{ ...record, schema_version: 99 }, "a newer version"],
      [{ ...record, type: "xstate.stop" }, "type"],
      [{ ...record, recorded_at: "yesterday" }, "recorded_at"],
      [{ ...record, data: { ...record.data, amount: 1.5 } }, "amount"]
    ] as const
    for (const [entry, why] of unreadable) {
      const error = Result.getOrThrow(Result.flip(eventFromRecord(entry)))
      assert.include(error.message, `event 1 of deposit ${record.job_id} cannot be read`)
      assert.include(error.message, why)
    }
  })
})
